"""Sends whole episodes to a meta-learner, and draws rows from them.

There are several kinds of episodes: the agent's recent ones, all that it ever
played, or an expert's. Each kind has a table for each task. A learner step
samples a few episodes of every task. Each of its updates draws rows of some
tasks from these.
"""

import functools
from typing import (
    Callable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Union,
)

from distillery.agents.core.replay import blocks
from distillery.distributed import connections
import numpy as np
import reverb
import tensorflow as tf

_COLUMN = 'rows'


class Kind(NamedTuple):
  """A kind of episodes.

  Attributes:
    name: the name of the kind.
    width: W, the numbers in a row, which is one step of an episode.
    max_size: the number of episodes that a task's table keeps; the oldest are
      removed first.
    make_rate_limiter: the function that makes a table's rate limiter, which
      decides when an actor that inserts or a learner that samples has to wait.
  """

  name: str
  width: int
  max_size: int
  make_rate_limiter: Callable[[], reverb.rate_limiters.RateLimiter] = (
      functools.partial(reverb.rate_limiters.MinSize, 1)
  )


def keep_ratio(
    *, samples: int, steps: int, inserts: int, ahead: int = 0
) -> Callable[[], reverb.rate_limiters.RateLimiter]:
  """Returns a maker of rate limiters that keep actors and learner in step.

  Args:
    samples: the episodes of a task that a learner step samples.
    steps: the learner steps for each round in which all behaviours act.
    inserts: the episodes of a task that such a round inserts.
    ahead: the episodes that are inserted before any is sampled.

  Returns:
    A function that makes the rate limiter of a table.
  """
  ratio = steps * samples / inserts
  # Actors may be two blocks ahead; the learner prefetches samples.
  error_buffer = (2 * inserts + ahead) * ratio + 8.0 * samples
  return functools.partial(
      reverb.rate_limiters.SampleToInsertRatio, ratio, 1, error_buffer
  )


def make_tables(
    num_tasks: int, num_steps: int, kinds: Sequence[Kind]
) -> List[reverb.Table]:
  """Makes the tables of episodes `[T, W]`, which are sampled uniformly.

  Args:
    num_tasks: K, the number of tasks.
    num_steps: T, the steps of an episode.
    kinds: the kinds of episodes.

  Returns:
    A table for each kind and task.
  """
  return [
      reverb.Table(
          _table_name(kind.name, task),
          sampler=reverb.selectors.Uniform(),
          remover=reverb.selectors.Fifo(),
          max_size=kind.max_size,
          rate_limiter=kind.make_rate_limiter(),
          signature={
              _COLUMN: tf.TensorSpec([num_steps, kind.width], tf.float32)
          },
      )
      for kind in kinds
      for task in range(num_tasks)
  ]


def insert(client: reverb.Client, kind: str, rows: np.ndarray) -> None:
  """Inserts episodes of every task into their tables.

  Args:
    client: a client of the server that holds the tables of `make_tables`.
    kind: the name of the episodes' kind.
    rows: the episodes, float32 `[K, E, T, W]`.

  Raises:
    ConnectionError: if the server does not answer.
  """
  connections.PatientCaller(client)(_insert, client, kind, rows)


def _insert(client: reverb.Client, kind: str, rows: np.ndarray) -> None:
  for task, episodes in enumerate(rows):
    for episode in episodes:
      client.insert({_COLUMN: episode}, {_table_name(kind, task): 1.0})


def is_full(client: reverb.Client, kind: str, num_tasks: int) -> bool:
  """Tells whether the tables of a kind are full.

  It looks at the last task's table, which `insert` fills last.

  Args:
    client: a client of the server that holds the tables of `make_tables`.
    kind: the name of the episodes' kind.
    num_tasks: K, the number of tasks.

  Returns:
    Whether the table holds as many episodes as it can.

  Raises:
    ConnectionError: if the server does not answer.
  """
  tables = connections.PatientCaller(client)(client.server_info)
  table = tables[_table_name(kind, num_tasks - 1)]
  return table.current_size >= table.max_size


def make_iterator(
    server_address: str, *, num_tasks: int, num_episodes: Mapping[str, int]
) -> Iterator[Mapping[str, tf.Tensor]]:
  """Makes an iterator that samples episodes of every task.

  Args:
    server_address: the host and port of the server that holds the tables.
    num_tasks: K, the number of tasks.
    num_episodes: E, the episodes of each task in a batch, by the name of their
      kind.

  Returns:
    An iterator of batches: float32 `[K, E, T, W]` by the name of a kind. It
    raises the errors of `blocks.until_silence`.
  """
  client = connections.connect(server_address)

  def of_task(table: str, num: int) -> tf.data.Dataset:
    dataset = reverb.TimestepDataset.from_table_signature(
        server_address=server_address,
        table=table,
        max_in_flight_samples_per_worker=num,
        num_workers_per_iterator=1,
        rate_limiter_timeout_ms=blocks.PATIENCE_MS,
    )
    return dataset.map(lambda sample: sample.data[_COLUMN]).batch(
        num, drop_remainder=True
    )

  def of_kind(kind: str) -> tf.data.Dataset:
    return tf.data.Dataset.zip(
        tuple(
            of_task(_table_name(kind, task), num_episodes[kind])
            for task in range(num_tasks)
        )
    ).map(lambda *tasks: tf.stack(tasks))

  return blocks.until_silence(
      iter(tf.data.Dataset.zip({kind: of_kind(kind) for kind in num_episodes})),
      client,
  )


def draw_tasks(families: Sequence[str], num: int, seed: tf.Tensor) -> tf.Tensor:
  """Draws M different tasks, as evenly over their families as possible.

  If a family has too few tasks, the other families give more. If the families
  cannot give equally many, those that give one more are drawn at random.

  Args:
    families: the name of each task's family, K names.
    num: M, the number of tasks to draw, at most K.
    seed: the seed of the draw, int64 [2].

  Returns:
    The indices of the tasks, int32 [M].
  """
  names = list(dict.fromkeys(families))
  family = tf.constant([names.index(name) for name in families])
  task_seed, family_seed = tf.unstack(tf.random.split(seed, 2))
  score = tf.random.stateless_uniform([len(families)], task_seed)
  # Tasks are drawn in rounds. In each round every family gives its next
  # task, and the families come in a random order.
  is_before = (family == family[:, tf.newaxis]) & (score < score[:, tf.newaxis])
  turn = tf.reduce_sum(tf.cast(is_before, tf.float32), axis=1)
  place = tf.gather(
      tf.random.stateless_uniform([len(names)], family_seed), family
  )
  _, drawn = tf.math.top_k(-(turn + place), num)
  return drawn


def draw_rows(
    rows: tf.Tensor, num: int, seed: tf.Tensor, first: Union[int, tf.Tensor]
) -> tf.Tensor:
  """Draws rows from the first rows of each task, with replacement.

  Args:
    rows: the rows of M tasks, `[M, R, W]`.
    num: N, the number of rows to draw for each task.
    seed: the seed of the draw, int64 [2].
    first: the number of rows at the beginning of each task from which to draw:
      one number, or `[M, 1]`.

  Returns:
    The rows, `[M, N, W]`.
  """
  where = tf.random.stateless_uniform([rows.shape[0], num], seed)
  index = tf.cast(where * tf.cast(first, tf.float32), tf.int32)
  return tf.gather(rows, index, batch_dims=1)


def draw_contexts(rows: tf.Tensor, num: int, seed: tf.Tensor) -> tf.Tensor:
  """Draws rows from the first episodes of each task, from 1 to E of them.

  The number of episodes is drawn too, because at test time the first context is
  one episode, and then it grows.

  Args:
    rows: the episodes of M tasks, `[M, E, T, W]`.
    num: N, the number of rows to draw for each task.
    seed: the seed of the draw, int64 [2].

  Returns:
    The rows, `[M, N, W]`.
  """
  num_tasks, num_episodes, num_steps, width = rows.shape
  first = tf.random.stateless_uniform(
      [num_tasks, 1], seed, minval=1, maxval=num_episodes + 1, dtype=tf.int32
  )
  return draw_rows(
      tf.reshape(rows, [num_tasks, -1, width]), num, seed + 1, first * num_steps
  )


def _table_name(kind: str, task: int) -> str:
  return f'{kind}_{task}'
