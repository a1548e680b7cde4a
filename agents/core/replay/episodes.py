"""Whole episodes on their way to a meta-learner, and what it draws from them.

Tables of one kind, a table for each task: what the agent did lately, what it
ever did, what an expert did. A learner step samples a few episodes of every
task; each of its updates draws rows of some tasks from these.
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
from distillery.distributed import contact
import numpy as np
import reverb
import tensorflow as tf

_COLUMN = 'rows'


class Kind(NamedTuple):
  """Of episodes.

  Attributes:
    name: of the kind.
    width: W, numbers of a row.
    max_size: episodes of a task that are kept; the oldest go first.
    make_rate_limiter: of a table: who waits, an actor that inserts or a learner
      that samples.
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
  """Has actors and learner wait for each other, when they run apart.

  Args:
    samples: episodes of a task that a learner step samples.
    steps: of the learner, after each time that all behaviours have acted.
    inserts: episodes of a task that these insert.
    ahead: episodes that are inserted before any is sampled.
  """
  ratio = steps * samples / inserts
  # Two blocks on the one side, and what is sampled ahead on the other.
  error_buffer = (2 * inserts + ahead) * ratio + 8.0 * samples
  return functools.partial(
      reverb.rate_limiters.SampleToInsertRatio, ratio, 1, error_buffer
  )


def make_tables(
    num_tasks: int, num_steps: int, kinds: Sequence[Kind]
) -> List[reverb.Table]:
  """Uniform tables of episodes `[T, W]` of T steps."""
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
  """Writes episodes `[K, E, T, W]` of every task.

  Args:
    client: a client of the server of `make_tables`.
    kind: the name of the episodes' kind.
    rows: the episodes, float32.

  Raises:
    ConnectionError: if the server is silent.
  """
  contact.PatientCaller(client)(_insert, client, kind, rows)


def _insert(client: reverb.Client, kind: str, rows: np.ndarray) -> None:
  for task, episodes in enumerate(rows):
    for episode in episodes:
      client.insert({_COLUMN: episode}, {_table_name(kind, task): 1.0})


def is_full(client: reverb.Client, kind: str, num_tasks: int) -> bool:
  """Whether the last of the tasks, as `insert` goes, has all its episodes."""
  tables = contact.PatientCaller(client)(client.server_info)
  table = tables[_table_name(kind, num_tasks - 1)]
  return table.current_size >= table.max_size


def make_iterator(
    server_address: str, *, num_tasks: int, num_episodes: Mapping[str, int]
) -> Iterator[Mapping[str, tf.Tensor]]:
  """Samples episodes of every task.

  Args:
    server_address: of the server of `make_tables`.
    num_tasks: K.
    num_episodes: by the name of a kind, E.

  Returns:
    By the name of a kind, `[K, E, T, W]` float32; see `blocks.until_silence`.
  """
  client = contact.connect(server_address)

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
  """M tasks, none twice, as many of each family as of the others.

  Families that have too few give the rest to those that have more; which get
  one more than others, or one at all, is drawn too.

  Args:
    families: of the K tasks.
    num: M, at most K.
    seed: int64 [2].

  Returns:
    int32 [M].
  """
  names = list(dict.fromkeys(families))
  family = tf.constant([names.index(name) for name in families])
  task_seed, family_seed = tf.unstack(tf.random.split(seed, 2))
  score = tf.random.stateless_uniform([len(families)], task_seed)
  # Dealt out in turns, in each of them to the families in the drawn order.
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
  """`num` of the first rows of each task, `[M, N, W]`; some may come twice."""
  where = tf.random.stateless_uniform([rows.shape[0], num], seed)
  index = tf.cast(where * tf.cast(first, tf.float32), tf.int32)
  return tf.gather(rows, index, batch_dims=1)


def draw_contexts(rows: tf.Tensor, num: int, seed: tf.Tensor) -> tf.Tensor:
  """`num` rows of each task, of one of its episodes or of up to all of them.

  At test time the first context is one episode, and then it grows.

  Args:
    rows: episodes `[M, E, T, W]`.
    num: N.
    seed: int64 [2].

  Returns:
    `[M, N, W]`.
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
