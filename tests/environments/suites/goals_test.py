"""Every goal a task of its own."""

import pickle

from distillery.environments import fakes
from distillery.environments import suites
from distillery.environments.suites import contexts
from distillery.environments.suites import goals as goal_suites
import numpy as np
import pytest


def test_each_task_always_begins_with_its_own_goal():
  suite = fakes.point_mass_suite(2)
  found = goal_suites.split(suite, 3)
  assert [task.name for task in found.tasks] == [
      f'point_mass_{i}-goal0{j}' for i in range(2) for j in range(3)
  ]
  assert {task.family for task in found.tasks} == {'point_mass'}
  for index, task in enumerate(found.tasks):
    environment = pickle.loads(pickle.dumps(task.factory))(7)
    whole = suite.tasks[index // 3].factory(0)
    want = whole.reset(variation=index % 3).observation
    assert environment.num_variations == 1
    for _ in range(3):
      np.testing.assert_array_equal(environment.reset().observation, want)
    environment.close()
  assert found.info == {'undivided_suite': 'PointMass2', 'goals_per_task': '3'}
  assert found.horizon == suite.horizon


@pytest.mark.parametrize(
    'count, words',
    [
        (9, "goals_per_task: got 9, want at most 8, of 'point_mass_0'"),
        (0, 'goals_per_task: got 0'),
    ],
)
def test_wrong_counts_are_refused(count, words):
  with pytest.raises(ValueError, match=words):
    goal_suites.split(fakes.point_mass_suite(2), count)


@pytest.mark.parametrize(
    'split',
    [
        lambda suite: goal_suites.split(suite, 2),
        lambda suite: contexts.partition(suite, 0, 2, seed=0),
    ],
)
@pytest.mark.parametrize('number', [None, np.nan, 2.0])
def test_a_bad_count_is_refused(monkeypatch, split, number):
  monkeypatch.setattr(fakes.PointMass, 'num_variations', number)
  with pytest.raises(
      ValueError,
      match=(
          f"num_variations of 'point_mass_0': got {number}, want a positive"
      ),
  ):
    split(fakes.point_mass_suite(1))


def test_test_tasks_have_other_goals():
  suite = goal_suites.split(suites.make_suite('ML1/reach-v3', seed=0), 2)
  assert [(task.name, task.split) for task in suite.tasks] == [
      (f'reach-v3-goal0{i}', split)
      for split in ('train', 'test')
      for i in range(2)
  ]
  targets = set()
  for task in suite.tasks:
    environment = task.factory(0)
    environment.reset()
    targets.add(
        tuple(environment.environment.simulator._target_pos.round(6).tolist())
    )
    environment.close()
  assert len(targets) == 4
