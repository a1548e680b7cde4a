"""Sends blocks of unrolls from actors to a learner, through Reverb."""

import contextlib
import threading
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional
import weakref

from distillery.agents.core import specs as core_specs
from distillery.distributed import connections
from distillery.distributed import quiet
from dm_env import specs
import numpy as np
import reverb
import tensorflow as tf

# Milliseconds for which a learner waits for actors to insert data.
PATIENCE_MS = 600_000
_CLOSE_S = 1.0  # Seconds for which closing a stream may take.


class Block(NamedTuple):
  """A block of unrolls: T steps of E environments of each of K tasks.

  Attributes:
    observation: the observation before the action, float32 `[K, T, E, D]`.
    action: the action, float32 `[K, T, E, A]`, or int32 `[K, T, E]` if
      discrete.
    log_prob: the log-probability of the action under the policy that acted,
      float32 `[K, T, E]`.
    reward: the reward of the step, float32 `[K, T, E]`.
    discount: the discount, float32 `[K, T, E]`: 0 if the step terminated the
      episode, else 1.
    next_observation: the observation after the action and before any reset,
      float32 `[K, T, E, D]`.
    episode_step: the number of the step in its episode, from 0, int32
      `[K, T, E]`.
    episode_end: whether the step is the last of its episode, bool `[K, T, E]`.
    success: whether the step solved the task, bool `[K, T, E]`.
    state: the policy's memory before the first step, float32 `[K, E, S]`; None
      if the policy has no memory.
  """

  observation: tf.Tensor
  action: tf.Tensor
  log_prob: tf.Tensor
  reward: tf.Tensor
  discount: tf.Tensor
  next_observation: tf.Tensor
  episode_step: tf.Tensor
  episode_end: tf.Tensor
  success: tf.Tensor
  state: Optional[tf.Tensor] = None

  def samples(self) -> 'Block':
    """Returns the block without state, with fields `[K, N, ...]`, N = T E."""
    num_tasks, num_steps, num_envs = self.reward.shape
    lead = [num_tasks, num_steps * num_envs]
    return Block(*(tf.reshape(x, [*lead, *x.shape[3:]]) for x in self[:-1]))


def block_signature(
    *,
    unroll_length: int,
    num_tasks: int,
    envs_per_task: int,
    observation_spec: specs.Array,
    action_spec: specs.Array,
    state_size: int = 0,
) -> Dict[str, tf.TensorSpec]:
  """Returns the shapes and dtypes of a `Block`.

  Args:
    unroll_length: T, the steps of a block.
    num_tasks: K, the number of tasks.
    envs_per_task: E, the environments of each task.
    observation_spec: the spec of an observation, float32 `[D]`.
    action_spec: the spec of an action, float32 `[A]` or a DiscreteArray.
    state_size: S, the size of the policy's memory; 0: there is no state.

  Returns:
    The tensor specs, by the names of the block's fields.
  """
  lead = (num_tasks, unroll_length, envs_per_task)
  observation = tf.TensorSpec((*lead, *observation_spec.shape), tf.float32)
  return {
      'observation': observation,
      'next_observation': observation,
      'action': tf.TensorSpec(
          (*lead, *action_spec.shape),
          tf.int32
          if isinstance(action_spec, specs.DiscreteArray)
          else tf.float32,
      ),
      'log_prob': tf.TensorSpec(lead, tf.float32),
      'reward': tf.TensorSpec(lead, tf.float32),
      'discount': tf.TensorSpec(lead, tf.float32),
      'episode_step': tf.TensorSpec(lead, tf.int32),
      'episode_end': tf.TensorSpec(lead, tf.bool),
      'success': tf.TensorSpec(lead, tf.bool),
      **(
          {
              'state': tf.TensorSpec(
                  (num_tasks, envs_per_task, state_size), tf.float32
              )
          }
          if state_size
          else {}
      ),
  }


def make_queue(
    name: str,
    spec: core_specs.AgentSpec,
    config: Any,
    *,
    max_blocks: int,
    state_size: int = 0,
) -> reverb.Table:
  """Makes a first-in-first-out table of blocks, which are taken once each.

  A block is one item, because an item costs Reverb about as much as a step
  costs the simulator, and a block has thousands of steps.

  Args:
    name: the table's name, which is that of the policy that acts.
    spec: the spec of the tasks.
    config: the agent's config, with `unroll_length` and `envs_per_task`.
    max_blocks: the number of blocks that the table holds.
    state_size: S, the size of the policy's memory; 0: there is no state.

  Returns:
    The table.
  """
  signature = block_signature(
      unroll_length=config.unroll_length,
      num_tasks=spec.num_tasks,
      envs_per_task=config.envs_per_task,
      observation_spec=spec.observation_spec,
      action_spec=spec.action_spec,
      state_size=state_size,
  )
  return reverb.Table.queue(name, max_size=max_blocks, signature=signature)


class BlockWriter:
  """The writer of blocks, through one stream to the server.

  `reverb.Client.insert` would open a stream for each block, which takes a
  millisecond.
  """

  def __init__(self, client: reverb.Client):
    """Opens the stream; it is closed when the writer is garbage-collected."""
    self._writer = client.writer(max_sequence_length=1)
    self._call = connections.PatientCaller(client)
    weakref.finalize(self, _close, self._writer)

  def __call__(self, table: str, block: Mapping[str, np.ndarray]) -> None:
    """Writes one block; waits while the queue is full.

    Args:
      table: the name of the queue.
      block: the fields of the block, arrays by name.

    Raises:
      ValueError: if the block does not have the queue's layout. The writer
        cannot be used any more then.
      ConnectionError: if the server does not answer.
    """
    self._call(self._write, table, block)

  def _write(self, table: str, block: Mapping[str, np.ndarray]) -> None:
    self._writer.append(dict(block))
    self._writer.create_item(table, num_timesteps=1, priority=1.0)
    self._writer.flush()


def _close(writer: Any) -> None:
  """Closes a stream, without Reverb's messages on a server that is gone."""

  def close() -> None:
    with contextlib.suppress(Exception):
      writer.close(retry_on_unavailable=False)

  # Each block was flushed, so nothing is lost. The thread is there because
  # `close` would wait for ever for a server that does not answer.
  thread = threading.Thread(target=close, daemon=True)
  with quiet.quiet_native_code():
    thread.start()
    thread.join(_CLOSE_S)


def make_iterator(server_address: str, table: str) -> Iterator[Block]:
  """Makes an iterator that takes blocks from a queue.

  It takes one at a time; at most one is on its way to the learner.

  Args:
    server_address: the host and port of the Reverb server.
    table: the name of the queue.

  Returns:
    The iterator. It raises a TimeoutError if the queue stays empty, and a
    ConnectionError if the server does not answer.
  """
  client = connections.connect(server_address)
  options = tf.data.Options()
  # The default optimisations would fetch blocks ahead. The learner would then
  # learn from blocks of older weights.
  options.experimental_optimization.apply_default_optimizations = False
  dataset = reverb.TimestepDataset.from_table_signature(
      server_address=server_address,
      table=table,
      max_in_flight_samples_per_worker=1,
      rate_limiter_timeout_ms=PATIENCE_MS,
  )
  return until_silence(
      iter(
          dataset.map(lambda sample: Block(**sample.data)).with_options(options)
      ),
      client,
  )


def until_silence(
    batches: Iterator[Any], client: reverb.Client
) -> Iterator[Any]:
  """Yields the batches of a dataset, and raises an error when it ends.

  The dataset ends if its tables give no data for `PATIENCE_MS`.

  Args:
    batches: the dataset's iterator.
    client: a client of the server that holds the tables.

  Yields:
    The batches.

  Raises:
    TimeoutError: if the dataset ends.
    ConnectionError: if the server does not answer.
  """
  call = connections.PatientCaller(client)
  while (batch := call(next, batches, None)) is not None:
    yield batch
  connections.check_answers(client)
  raise TimeoutError(
      f'no data to learn from arrived within {PATIENCE_MS / 6e4:g} min; the '
      'actors have ended, or hang.'
  )
