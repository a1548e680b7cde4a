"""Blocks of unrolls on their way from actors to a learner, through Reverb."""

import contextlib
import threading
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional
import weakref

from distillery.agents.core import specs as core_specs
from distillery.distributed import contact
from distillery.distributed import quiet
from dm_env import specs
import numpy as np
import reverb
import tensorflow as tf

# For how long a learner waits for what actors insert.
PATIENCE_MS = 600_000
_CLOSE_S = 1.0  # For the end of a stream.


class Block(NamedTuple):
  """T steps of the E environments of each of K tasks, task-major.

  Attributes:
    observation: float32 `[K, T, E, D]`, which was acted on.
    action: float32 `[K, T, E, A]`, or int32 `[K, T, E]`.
    log_prob: float32 `[K, T, E]`, the action's log-probability.
    reward: float32 `[K, T, E]`.
    discount: float32 `[K, T, E]`, 0 at a termination alone, else 1.
    next_observation: float32 `[K, T, E, D]`, before any reset.
    episode_step: int32 `[K, T, E]`, 0 at the first step of an episode.
    episode_end: bool `[K, T, E]`, true at the last step of an episode.
    success: bool `[K, T, E]`, whether the step solved the task.
    state: float32 `[K, E, S]`, what the policy remembered before the first
      step; None if it has no memory.
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
    """Returns the steps as samples, `[K, N, ...]`, N = T E; without state."""
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
  """Returns the shapes and types of a `Block`, by the names of its fields.

  Args:
    unroll_length: T.
    num_tasks: K.
    envs_per_task: E.
    observation_spec: the tasks' observations, float32 `[D]`.
    action_spec: the tasks' actions, float32 `[A]` or a DiscreteArray.
    state_size: S, the numbers that the policy remembers; 0: there is no state.
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
  """A first-in-first-out table; each block is an item and is taken once.

  A block is one item: a Reverb item costs about as much as a simulator step,
  and a block of thousands of steps costs one.

  Args:
    name: of the table: of the policy that acts in its blocks.
    spec: of the tasks.
    config: an agent's, with `unroll_length` and `envs_per_task`.
    max_blocks: how many it holds.
    state_size: see `block_signature`.
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
  """Writes blocks, one after the other, by one stream to the server.

  `reverb.Client.insert` opens a stream for each, which takes a millisecond.
  """

  def __init__(self, client: reverb.Client):
    """Opens the stream; it is closed when this is forgotten."""
    self._writer = client.writer(max_sequence_length=1)
    self._call = contact.PatientCaller(client)
    weakref.finalize(self, _close, self._writer)

  def __call__(self, table: str, block: Mapping[str, np.ndarray]) -> None:
    """Writes one block; waits while the queue is full.

    Raises:
      ValueError: if it does not have the queue's layout. No more can be written
        then.
      ConnectionError: if the server is silent.
    """
    self._call(self._write, table, block)

  def _write(self, table: str, block: Mapping[str, np.ndarray]) -> None:
    self._writer.append(dict(block))
    self._writer.create_item(table, num_timesteps=1, priority=1.0)
    self._writer.flush()


def _close(writer: Any) -> None:
  """Ends a stream; Reverb would tell at length that its server is gone."""

  def close():
    with contextlib.suppress(Exception):
      writer.close(retry_on_unavailable=False)

  # Each block was flushed: nothing is lost with it. A server that is silent
  # would have it wait for ever.
  thread = threading.Thread(target=close, daemon=True)
  with quiet.quiet_native_code():
    thread.start()
    thread.join(_CLOSE_S)


def make_iterator(server_address: str, table: str) -> Iterator[Block]:
  """Takes blocks from the queue, one at a time; at most one is on its way.

  A TimeoutError tells of a queue that stays empty, a ConnectionError of a
  server that is silent.
  """
  client = contact.connect(server_address)
  options = tf.data.Options()
  # They would take blocks ahead, and who learns from those acts by old weights.
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
  """Batches of a dataset that ends when its tables give nothing any more.

  Args:
    batches: an iterator, of which Reverb may say something when it is made.
    client: a client of the server with the tables.

  Raises:
    TimeoutError: at that end, after `PATIENCE_MS`.
    ConnectionError: if the server is silent.
  """
  call = contact.PatientCaller(client)
  while (batch := call(next, batches, None)) is not None:
    yield batch
  contact.check_answers(client)
  raise TimeoutError(
      f'nothing to learn from came within {PATIENCE_MS / 6e4:g} min; the '
      'actors are gone, or hang.'
  )
