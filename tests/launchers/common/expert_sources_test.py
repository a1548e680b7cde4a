"""Experts that SAC trained act in the task that they are asked for."""

import json
import pathlib
import typing

from distillery.environments import suites
from distillery.environments.damsel import controllers as damsel_controllers
from distillery.environments.damsel import families as damsel_families
from distillery.launchers.common import expert_sources
from helpers import launches
import numpy as np
import pytest

SUITE = suites.make_suite('DAMSEL', seed=0)
OBSERVATION = np.linspace(-1.0, 1.0, 12, dtype=np.float32)


class Policy:
  """Remembers what it was asked."""

  def __init__(self):
    self.asked = []

  def act(self, observation, task_index):
    self.asked.append((observation, task_index))
    return np.float32([[0.1, 0.2, 0.3]])


@pytest.fixture(name='policy')
def fixture_policy(monkeypatch):
  policy = Policy()
  monkeypatch.setattr(
      expert_sources.checkpoints, 'load_policy', lambda run_dir, name: policy
  )
  return policy


def write_run(folder: pathlib.Path, agent: str, suite: str) -> str:
  folder.mkdir()
  found = suites.make_suite(suite, seed=0)
  (folder / 'config.json').write_text(
      json.dumps(
          {
              'agent': agent,
              'suite': suite,
              'seed': 0,
              'tasks': [f'{task.name} ({task.split})' for task in found.tasks],
          }
      )
  )
  (folder / 'versions.json').write_text('{}')
  return str(folder)


@pytest.mark.parametrize('index, family', [(3, 0), (25, 1), (59, 2)])
def test_the_policy_of_a_family_observes_the_target(
    tmp_path, policy, index, family
):
  run = write_run(tmp_path / 'run', 'sac', 'DAMSEL/families')
  make = expert_sources.makers('sac_per_family', run, SUITE)
  task = SUITE.train_tasks[index]
  action = make(index, task)(OBSERVATION)
  ((observation, task_index),) = policy.asked
  np.testing.assert_array_equal(action, np.float32([0.1, 0.2, 0.3]))
  np.testing.assert_array_equal(
      observation,
      [damsel_families.with_target(OBSERVATION, task.factory.target)],
  )
  np.testing.assert_array_equal(task_index, [family])


def test_a_tasks_own_policy_sees_what_the_task_shows(tmp_path, policy):
  run = write_run(tmp_path / 'run', 'sac', 'DAMSEL/train')
  make = expert_sources.makers('sac_per_task', run, SUITE)
  make(41, SUITE.train_tasks[41])(OBSERVATION)
  ((observation, task_index),) = policy.asked
  np.testing.assert_array_equal(observation, [OBSERVATION])
  np.testing.assert_array_equal(task_index, [41])


def test_controllers_need_no_run():
  make = expert_sources.makers('scripted', '', SUITE)
  task = SUITE.train_tasks[30]
  assert make(30, task) == damsel_controllers.Controller(task.factory.target)


@pytest.mark.parametrize(
    'agent, suite, source, words',
    [
        ('sac', 'DAMSEL', 'sac_per_family', 'sac on DAMSEL; want .*family'),
        (
            'sac',
            'DAMSEL/families',
            'sac_per_task',
            'on DAMSEL/families; want .*_t',
        ),
        ('trpo', 'DAMSEL', 'sac_per_task', 'is a run of trpo on DAMSEL; want'),
    ],
)
def test_runs_of_something_else(tmp_path, agent, suite, source, words):
  run = write_run(tmp_path / 'run', agent, suite)
  with pytest.raises(ValueError, match=words):
    expert_sources.makers(source, run, SUITE)


@pytest.mark.parametrize('source', ['sac_per_family', 'sac_per_task'])
def test_no_run_at_all(tmp_path, source):
  words = f'holds no run; want .*{source[len("sac_"):]}'
  with pytest.raises(ValueError, match=words) as caught:
    expert_sources.makers(source, str(tmp_path), SUITE)
  flagfile = str(caught.value).rpartition('=')[2].rstrip('.')
  assert (launches.FOLDER.parent / flagfile).is_file()


@pytest.mark.parametrize('source', typing.get_args(expert_sources.Source))
def test_there_are_no_experts_of_other_suites(source):
  with pytest.raises(ValueError, match=f'no {source} expert for .reach'):
    expert_sources.makers(source, '', suites.make_suite('MT10', seed=0))
