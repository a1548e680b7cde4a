"""Evaluation: which policy on which tasks, what is counted, how it is shown."""

import dataclasses

from distillery.agents.core import evaluation
from distillery.environments import base
from distillery.environments import fakes
from distillery.environments.pool import process_pool
from distillery.networks.acting import columns as acting_columns
import numpy as np
import pytest

D = A = 2


def make_suite():
  """Two training tasks; held out, another goal under the first one's name."""
  first, second, third = fakes.point_mass_suite(3, horizon=30).tasks
  held_out = dataclasses.replace(third, name=first.name, split='test')
  return base.TaskSuite(
      name='Points',
      tasks=(first, held_out, second),
      observation_spec=fakes.point_mass_suite(1).observation_spec,
      action_spec=fakes.point_mass_suite(1).action_spec,
  )


def policies():
  common = dict(
      architecture='separate',
      is_discrete=False,
      action_size=A,
      alpha=0.0,
      num_layers=1,
      shared_observes_task=False,
      precision_offset=0.0,
      max_deviation=5.0,
  )
  return {
      which: acting_columns.ColumnPolicy(which=which, **common)
      for which in ('task', 'shared')
  }


def parameters(task_goals, shared_goal):
  """Linear policies that are optimal for the given goals."""
  num_tasks = len(task_goals)
  gain = -10.0 * np.eye(D, dtype=np.float32)
  goals = np.asarray(task_goals, np.float32)[:, np.newaxis]
  return {
      'task/mean': np.zeros([num_tasks, 1, D], np.float32),
      'task/inverse_std': np.ones([num_tasks, 1, D], np.float32),
      'task/log_std': np.zeros([num_tasks, 1, A], np.float32),
      'task/w0': np.stack(num_tasks * [gain]),
      'task/b0': 10.0 * goals,
      'shared/mean': np.zeros([1, 1, D], np.float32),
      'shared/inverse_std': np.ones([1, 1, D], np.float32),
      'shared/log_std': np.zeros([A], np.float32),
      'shared/w0': gain[np.newaxis],
      'shared/b0': 10.0 * np.asarray(shared_goal, np.float32).reshape(1, 1, A),
  }


def goal_of(task):
  return task.factory(0).goal


def test_task_policies_on_their_tasks_and_the_shared_one_on_all():
  suite = make_suite()
  first, second = suite.train_tasks
  (held_out,) = suite.test_tasks
  with process_pool.Pool(
      suite.train_tasks,
      envs_per_task=1,
      unroll_length=1,
      num_workers=2,
      seed=0,
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
  ) as pool:
    rows = evaluation.evaluate(
        pool,
        suite,
        policies(),
        # The first task's policy is right, the second's goes elsewhere; the
        # shared one has learned what the held-out task asks for.
        parameters([goal_of(first), goal_of(first)], goal_of(held_out)),
        episodes_per_task=3,
        seed=0,
    )
  assert [(r['policy'], r['task'], r['split'], r['success']) for r in rows] == [
      ('task', first.name, 'train', 1.0),
      ('task', second.name, 'train', 0.0),
      ('shared', first.name, 'train', 0.0),
      ('shared', first.name, 'test', 1.0),
      ('shared', second.name, 'train', 0.0),
  ]
  assert {row['episodes'] for row in rows} == {3}
  assert all(row['return'] < 0.0 for row in rows)


class RecordingPool:
  """Gives episodes that say which task and number they are."""

  def __init__(self):
    self.seeds = []

  def evaluate(
      self,
      policy,
      parameters,
      *,
      episodes_per_task,
      seed,
      tasks,
      deterministic,
      until_success,
  ):
    assert deterministic
    del policy, parameters
    self.until_success = until_success
    self.seeds.append(seed)
    return [
        process_pool.Episode(
            task=task.name,
            env=0,
            episode=i,
            length=1,
            return_=10.0 * place + i,
            success=i < place,
        )
        for place, task in enumerate(tasks)
        for i in range(episodes_per_task)
    ]


def test_rows_average_the_episodes_of_one_task_and_split():
  rows = evaluation.evaluate(
      RecordingPool(),
      make_suite(),
      {'shared': None},
      {},
      episodes_per_task=4,
      seed=0,
  )
  assert [row['split'] for row in rows] == ['train', 'test', 'train']
  assert [row['return'] for row in rows] == [1.5, 11.5, 21.5]
  assert [row['success'] for row in rows] == [0.0, 0.25, 0.5]


@pytest.mark.parametrize('score', ['success', 'return'])
def test_a_return_is_of_the_whole_episode_where_it_is_the_score(score):
  pool = RecordingPool()
  evaluation.evaluate(
      pool,
      dataclasses.replace(make_suite(), score=score),
      {'shared': None},
      {},
      episodes_per_task=1,
      seed=0,
  )
  assert pool.until_success == (score == 'success')


def test_seeds_are_not_those_of_training():
  pool = RecordingPool()
  for seed in (0, 1):
    evaluation.evaluate(
        pool, make_suite(), policies(), {}, episodes_per_task=1, seed=seed
    )
  first, same, second, _ = pool.seeds
  assert first == same
  assert len({0, 1, first, second}) == 4


ROWS = [
    dict(policy='task', task='reach', split='train', success=1.0),
    dict(policy='task', task='push', split='train', success=0.5),
    dict(policy='shared', task='reach', split='train', success=0.25),
    dict(policy='shared', task='push', split='train', success=0.0),
    dict(policy='shared', task='reach', split='test', success=0.75),
]


def test_means_are_over_tasks_of_one_split():
  assert evaluation.mean_score(ROWS, 'task') == 0.75
  assert evaluation.mean_score(ROWS, 'shared') == 0.125
  assert evaluation.mean_score(ROWS, 'shared', 'test') == 0.75
  assert np.isnan(evaluation.mean_score(ROWS, 'task', 'test'))


def test_table_has_a_line_a_task_and_the_means():
  assert [line.split() for line in evaluation.table(ROWS).splitlines()] == [
      ['success', 'task', 'shared'],
      ['reach', '100%', '25%'],
      ['push', '50%', '0%'],
      ['reach', '(test)', '-', '75%'],
      ['mean', '75.0%', '12.5%'],
      ['mean', '(test)', '-', '75.0%'],
  ]
  assert len({len(line) for line in evaluation.table(ROWS).splitlines()}) == 1


def test_a_table_has_users_names_as_they_are():
  names = ['line\nbreak', '', '[red]x[/red]', '{x}', '%d', 'n' * 300]
  rows = [
      dict(policy=policy, task=name, split='train', success=1.0)
      for policy in ('task', 'a_policy_of_my_own')
      for name in names
  ]
  lines = evaluation.table(rows).splitlines()
  assert [line[:310].rstrip().split(' ')[0] for line in lines[1:-1]] == [
      r'line\nbreak',
      *names[1:],
  ]
  assert len({len(line) for line in lines}) == 1
  assert lines[0].split() == ['success', 'task', 'a_policy_of_my_own']


def test_short_names_are_in_line_with_the_mean():
  rows = [
      dict(policy='shared', task='a', split=split, success=1.0)
      for split in ('train', 'test')
  ]
  assert len({len(line) for line in evaluation.table(rows).splitlines()}) == 1
