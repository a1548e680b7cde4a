"""Tests of the episodes, contexts and rows that meta-learners draw."""

import collections
import functools

from distillery.agents.core.replay import episodes
from distillery.distributed import quiet
import numpy as np
import pytest
import reverb
import tensorflow as tf


def test_tasks_are_drawn_from_every_family_and_none_twice():
  families, times = np.array(['x', 'y', 'x', 'z', 'y', 'x']), (
      collections.Counter()
  )
  for i in range(60):
    tasks = episodes.draw_tasks(families, 4, tf.constant([0, i])).numpy()
    assert len(set(tasks)) == 4
    of_family = collections.Counter(families[tasks])
    assert of_family in ({'x': 2, 'y': 1, 'z': 1}, {'x': 1, 'y': 2, 'z': 1})
    times.update(tasks.tolist())
  # The one of z gives way.
  tasks = episodes.draw_tasks(families, 5, tf.constant([0, 0])).numpy()
  assert collections.Counter(families[tasks]) == {'x': 2, 'y': 2, 'z': 1}
  few = ['x', 'x', 'x', 'y']
  assert sorted(episodes.draw_tasks(few, 4, tf.constant([0, 0])).numpy()) == [
      0,
      1,
      2,
      3,
  ]
  # Each of x 30 times of 60, each of y 45 times, and the one of z always.
  for task, family in enumerate(families):
    assert abs(times[task] - {'x': 30, 'y': 45, 'z': 60}[family]) < 15


def test_every_family_has_its_turn_if_there_are_more_than_tasks():
  families = ['x', 'x', 'y', 'z', 'y']
  times = collections.Counter()
  for i in range(90):
    tasks = episodes.draw_tasks(families, 2, tf.constant([1, i])).numpy()
    drawn = {families[task] for task in tasks}
    assert len(drawn) == 2
    times.update(drawn)
  assert all(abs(times[family] - 60) < 18 for family in 'xyz')


@pytest.mark.parametrize('first', [6, [[2], [6], [3]]])
def test_rows_are_drawn_from_the_first_alone_and_from_all_of_them(first):
  rows = tf.reshape(tf.range(18.0), [3, 6, 1])
  drawn = episodes.draw_rows(rows, 500, tf.constant([0, 1]), first).numpy()
  for k, num in enumerate(np.broadcast_to(np.ravel(first), 3)):
    values, counts = np.unique(drawn[k], return_counts=True)
    np.testing.assert_array_equal(values, 6 * k + np.arange(num))
    assert (np.abs(counts - 500 / num) < 5 * np.sqrt(500 / num)).all()


def test_contexts_are_of_one_episode_or_of_more():
  num_tasks, num_steps = 6, 5
  # Each row is the number of its episode.
  rows = tf.constant(
      np.broadcast_to(
          np.arange(2.0)[:, np.newaxis, np.newaxis],
          (num_tasks, 2, num_steps, 1),
      )
  )
  seen = [
      episodes.draw_contexts(rows, 12, tf.constant([0, i])).numpy()
      for i in range(20)
  ]
  assert np.array(seen).shape == (20, num_tasks, 12, 1)
  last = np.array(seen)[..., 0].max(axis=2)  # [20, K]
  assert 30 < last.sum() < 90  # Half of 120 contexts, more or less.


def test_a_silent_server_ends_every_wait(fall_silent):
  kind = episodes.Kind(
      'any', 2, 10, functools.partial(reverb.rate_limiters.Queue, 1)
  )
  with quiet.quiet_native_code():
    server = reverb.Server(episodes.make_tables(1, 3, [kind]), port=None)
  client = reverb.Client(f'localhost:{server.port}')
  iterator = episodes.make_iterator(
      client.server_address, num_tasks=1, num_episodes={'any': 9}
  )
  fall_silent()
  with pytest.raises(ConnectionError, match='localhost:.* is silent'):
    next(iterator)
  with pytest.raises(ConnectionError, match='localhost:.* is silent'):
    # More than the iterator takes.
    episodes.insert(client, 'any', np.zeros([1, 40, 3, 2], np.float32))
  with quiet.quiet_native_code():
    server.stop()
