"""Sends transitions of K tasks from actors to a learner, through Reverb.

A transition is packed into one row of numbers, because Reverb writes and
samples one column three times as fast as five.
"""

from typing import Iterator, List, Mapping, NamedTuple, Optional

from distillery.agents.core import specs
from distillery.agents.core.replay import blocks
from distillery.distributed import connections
import numpy as np
import reverb
from reverb import structured_writer
import tensorflow as tf

_COLUMN = 'transition'
# The most items that a writer holds before it flushes them. Reverb warns about
# its memory if there are more.
_MAX_PENDING = 16


class Transitions(NamedTuple):
  """A batch of transitions, with any leading axes."""

  observation: tf.Tensor  # [..., D]
  action: tf.Tensor  # [..., A]
  reward: tf.Tensor  # [...]
  discount: tf.Tensor  # [...], 0 if the step terminated the episode, else 1
  next_observation: tf.Tensor  # [..., D], before any reset


def pack(block: Mapping[str, np.ndarray]) -> np.ndarray:
  """Returns the transitions of a block `[K, T, E, ...]`.

  They are float32 `[K, E * T, W]`: one environment after the other, each in the
  order of its steps.
  """
  rows = np.concatenate(
      [
          block['observation'],
          block['action'],
          block['reward'][..., np.newaxis],
          block['discount'][..., np.newaxis],
          block['next_observation'],
      ],
      axis=-1,
      dtype=np.float32,
  )
  num_tasks, width = rows.shape[0], rows.shape[-1]
  return rows.swapaxes(1, 2).reshape(num_tasks, -1, width)


def pack_episodes(block: Mapping[str, np.ndarray]) -> np.ndarray:
  """Returns a block's transitions by episode, float32 `[K, E, T, W]`."""
  num_tasks, num_steps, num_envs = block['reward'].shape
  return pack(block).reshape(num_tasks, num_envs, num_steps, -1)


def width(spec: specs.AgentSpec) -> int:
  """Returns W, the numbers in a transition's row."""
  (observation_size,), (action_size,) = (
      spec.observation_spec.shape,
      spec.action_spec.shape,
  )
  return 2 * observation_size + action_size + 2


def unpack(rows: tf.Tensor, spec: specs.AgentSpec) -> Transitions:
  """Splits rows into the parts of transitions.

  Args:
    rows: the rows that `pack` makes, `[..., W]`.
    spec: the spec of the tasks.

  Returns:
    The transitions, with the leading axes of `rows`.

  Raises:
    ValueError: if rows have another width.
  """
  if rows.shape[-1] != width(spec):
    raise ValueError(
        f'transitions: got rows of shape {rows.shape}, want '
        f'[..., {width(spec)}].'
    )
  (observation_size,), (action_size,) = (
      spec.observation_spec.shape,
      spec.action_spec.shape,
  )
  observation, action, reward, discount, next_observation = tf.split(
      rows, [observation_size, action_size, 1, 1, observation_size], axis=-1
  )
  return Transitions(
      observation,
      action,
      tf.squeeze(reward, axis=-1),
      tf.squeeze(discount, axis=-1),
      next_observation,
  )


def unpack_scaled(
    rows: tf.Tensor, spec: specs.AgentSpec, reward_scale: float
) -> Transitions:
  """Splits rows into transitions, with scaled actions and rewards.

  Args:
    rows: the rows that `pack` makes, `[..., W]`.
    spec: the spec of the tasks; its actions have finite bounds.
    reward_scale: the factor by which rewards are multiplied.

  Returns:
    The transitions, with actions in [-1, 1].

  Raises:
    ValueError: if rows have another width.
  """
  batch = unpack(rows, spec)
  return batch._replace(
      action=specs.to_unit_box(
          batch.action, *specs.action_bounds(spec.action_spec)
      ),
      reward=reward_scale * batch.reward,
  )


def make_tables(
    spec: specs.AgentSpec,
    *,
    max_size: int,
    min_size: int,
    last_limiter: Optional[reverb.rate_limiters.RateLimiter] = None,
) -> List[reverb.Table]:
  """Makes a table for each task, which is sampled uniformly.

  Args:
    spec: the spec of the tasks.
    max_size: the transitions that a table keeps; the oldest are removed first.
    min_size: the transitions that a table needs before any is sampled.
    last_limiter: the rate limiter of the last task's table, if actors and
      learner have to wait for each other. A block is written task by task, so
      the whole block is written before its actor has to wait. If every table
      had such a limiter, each actor might stop within a block. The tables could
      then differ so much that one stops the learner and another the actors.

  Returns:
    The tables, in the order of the tasks.
  """
  return [
      reverb.Table(
          _table_name(task),
          sampler=reverb.selectors.Uniform(),
          remover=reverb.selectors.Fifo(),
          max_size=max_size,
          rate_limiter=last_limiter
          if (last_limiter is not None and task == spec.num_tasks - 1)
          else reverb.rate_limiters.MinSize(min_size),
          signature={_COLUMN: tf.TensorSpec([width(spec)], tf.float32)},
      )
      for task in range(spec.num_tasks)
  ]


class Inserter:
  """The writer of transitions, each into its task's table."""

  def __init__(self, client: reverb.Client, num_tasks: int):
    """Opens a writer for each task.

    Args:
      client: a client of the server that holds the tables of `make_tables`.
      num_tasks: K, the number of tasks.
    """
    pattern = structured_writer.pattern_from_transform(
        structured_writer.create_reference_step({_COLUMN: None}),
        lambda step: {_COLUMN: step[_COLUMN][-1]},
    )
    self._writers = [
        client.structured_writer(
            [structured_writer.create_config(pattern, _table_name(task), ())]
        )
        for task in range(num_tasks)
    ]
    self._call = connections.PatientCaller(client)

  def __call__(self, behaviour: str, block: Mapping[str, np.ndarray]) -> None:
    """Writes the transitions of a block; waits if a table's limiter says so.

    Args:
      behaviour: the name of the policy that acted; it makes no difference.
      block: the block, arrays `[K, T, E, ...]` by name.

    Raises:
      ConnectionError: if the server does not answer.
    """
    del behaviour
    self._call(self._write, block)

  def _write(self, block: Mapping[str, np.ndarray]) -> None:
    for writer, rows in zip(self._writers, pack(block)):
      for number, row in enumerate(rows, 1):
        writer.append({_COLUMN: row})
        if number % _MAX_PENDING == 0:
          writer.flush(block_until_num_items=_MAX_PENDING // 2)
      writer.flush()


def make_iterator(
    server_address: str,
    *,
    num_tasks: int,
    batch_size: int,
    num_batches: int,
) -> Iterator[tf.Tensor]:
  """Makes an iterator that samples equally many transitions of every task.

  A few batches are prefetched, so they lack the transitions inserted last.

  Args:
    server_address: the host and port of the server that holds the tables.
    num_tasks: K, the number of tasks.
    batch_size: N, the transitions of each task in a batch.
    num_batches: U, the number of batches that the iterator yields together.

  Returns:
    An iterator of float32 `[U, K, N, W]`. It raises the errors of
    `blocks.until_silence`.
  """
  client = connections.connect(server_address)
  num_samples = num_batches * batch_size

  def of_task(task: int) -> tf.data.Dataset:
    dataset = reverb.TrajectoryDataset.from_table_signature(
        server_address=server_address,
        table=_table_name(task),
        max_in_flight_samples_per_worker=batch_size,
        num_workers_per_iterator=1,
        rate_limiter_timeout_ms=blocks.PATIENCE_MS,
    )
    # Samples are batched before the map. To map single samples took a third of
    # the time.
    return dataset.batch(num_samples, drop_remainder=True).map(
        lambda samples: samples.data[_COLUMN]
    )

  def stack(*tasks: tf.Tensor) -> tf.Tensor:
    rows = tf.stack(tasks)  # [K, U * N, W]
    rows = tf.reshape(
        rows, [num_tasks, num_batches, batch_size, rows.shape[-1]]
    )
    return tf.transpose(rows, [1, 0, 2, 3])

  return blocks.until_silence(
      iter(
          tf.data.Dataset.zip(
              tuple(of_task(task) for task in range(num_tasks))
          ).map(stack)
      ),
      client,
  )


def _table_name(task: int) -> str:
  return f'transitions_{task}'
