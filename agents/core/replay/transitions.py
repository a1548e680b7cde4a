"""Transitions of K tasks on their way from actors to a learner, and back again.

A transition is one row of numbers: one column, not five, is what makes Reverb
write and sample it three times as fast.
"""

from typing import Iterator, List, Mapping, NamedTuple, Optional

from distillery.agents.core import specs
from distillery.agents.core.replay import blocks
from distillery.distributed import contact
import numpy as np
import reverb
from reverb import structured_writer
import tensorflow as tf

_COLUMN = 'transition'
# Of a writer; with more, Reverb warns of its memory.
_MAX_PENDING = 16


class Transitions(NamedTuple):
  """What became of actions; any leading axes."""

  observation: tf.Tensor  # [..., D]
  action: tf.Tensor  # [..., A]
  reward: tf.Tensor  # [...]
  discount: tf.Tensor  # [...], 0 at a termination alone
  next_observation: tf.Tensor  # [..., D], before any reset


def pack(block: Mapping[str, np.ndarray]) -> np.ndarray:
  """The transitions of a block `[K, T, E, ...]`, `[K, E * T, W]` float32.

  In the order in which they were stepped, one environment after the other.
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
  """Those of a block `[K, T, E, ...]` by episode, `[K, E, T, W]` float32."""
  num_tasks, num_steps, num_envs = block['reward'].shape
  return pack(block).reshape(num_tasks, num_envs, num_steps, -1)


def width(spec: specs.AgentSpec) -> int:
  """W, numbers of a transition."""
  (observation_size,), (action_size,) = (
      spec.observation_spec.shape,
      spec.action_spec.shape,
  )
  return 2 * observation_size + action_size + 2


def unpack(rows: tf.Tensor, spec: specs.AgentSpec) -> Transitions:
  """The parts of rows `[..., W]`.

  Args:
    rows: as `pack` makes them.
    spec: of the tasks.

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
  """`unpack` with actions in the unit box, and rewards times a factor."""
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
  """A uniform table for each task; the oldest transitions go first.

  Args:
    spec: of the tasks.
    max_size: transitions of a task that are kept.
    min_size: transitions of a task before any is sampled.
    last_limiter: of the last task's table, if actors and learner are to wait
      for each other. A block is written task by task, so that it has been
      written whole before its actor waits. If each task's table could stop
      actors, as many blocks as there are actors might be stuck half written,
      and tasks so far apart that the learner is stopped by one and the actors
      by another.
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
  """Writes blocks, transition by transition, each into its task's table."""

  def __init__(self, client: reverb.Client, num_tasks: int):
    """Initialises the inserter; `client` is of the server of `make_tables`."""
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
    self._call = contact.PatientCaller(client)

  def __call__(self, behaviour: str, block: Mapping[str, np.ndarray]) -> None:
    """Writes a block `[K, T, E, ...]`, whoever acted; waits if it must.

    Raises:
      ConnectionError: if the server is silent.
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
  """Samples as many transitions of every task as of the others.

  A few batches are sampled ahead, before what was inserted last.

  Args:
    server_address: of the server of `make_tables`.
    num_tasks: K.
    batch_size: N, transitions of each task in a batch.
    num_batches: U, batches at a time.

  Returns:
    An iterator of `[U, K, N, W]` float32, see `blocks.until_silence`.
  """
  client = contact.connect(server_address)
  num_samples = num_batches * batch_size

  def of_task(task: int) -> tf.data.Dataset:
    dataset = reverb.TrajectoryDataset.from_table_signature(
        server_address=server_address,
        table=_table_name(task),
        max_in_flight_samples_per_worker=batch_size,
        num_workers_per_iterator=1,
        rate_limiter_timeout_ms=blocks.PATIENCE_MS,
    )
    # Batched first: a third of the time went on taking samples apart singly.
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
