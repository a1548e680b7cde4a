"""Suites by name, and their goals against Meta-World's own benchmarks."""

import pickle
import subprocess
import sys

from distillery.environments import suites
from distillery.environments.metaworld import benchmarks
from distillery.environments.metaworld import goals as metaworld_goals
import metaworld
from metaworld import env_dict
import numpy as np
import pytest

SUITES = ('MT10', 'MT25', 'MT50', 'ML10', 'ML25', 'ML45')


def their_goals(tasks):
  """The random vectors in Meta-World's pickled tasks, by name of the task."""
  vectors = {}
  for task in tasks:
    data = pickle.loads(task.data)  # noqa: S301
    vectors.setdefault(task.env_name, []).append(data['rand_vec'])
  return {name: np.stack(found) for name, found in vectors.items()}


def our_goals(suite, split):
  tasks = suite.train_tasks if split == 'train' else suite.test_tasks
  return {
      task.name: metaworld_goals.make_goals(
          task.factory.benchmark_tasks, task.factory.benchmark_seed
      )[task.name]
      for task in tasks
  }


def assert_goals_are(suite, benchmark):
  for split, theirs in (
      ('train', benchmark.train_tasks),
      ('test', benchmark.test_tasks),
  ):
    ours, theirs = our_goals(suite, split), their_goals(theirs)
    assert list(ours) == list(theirs)
    for name, goals in ours.items():
      np.testing.assert_array_equal(goals, theirs[name], name)


@pytest.fixture
def few_goals(monkeypatch):
  """Two goals a task: Meta-World simulates a second for each fifty."""
  monkeypatch.setattr(metaworld, '_N_GOALS', 2)
  monkeypatch.setattr(metaworld_goals, 'NUM_GOALS', 2)
  metaworld_goals.make_goals.cache_clear()
  yield
  metaworld_goals.make_goals.cache_clear()


def test_names_are_meta_worlds():
  assert list(benchmarks.ALL) == list(env_dict.ALL_V3_ENVIRONMENTS)
  for name, tasks in benchmarks.MULTI_TASK.items():
    assert list(tasks) == list(getattr(env_dict, f'{name}_V3'))
  for name, (train, test) in benchmarks.META.items():
    theirs = getattr(env_dict, f'{name}_V3')
    assert list(train) == list(theirs['train'])
    assert list(test) == list(theirs['test'])


@pytest.mark.slow
def test_goals_are_those_of_mt50(few_goals):
  assert_goals_are(suites.make_suite('MT50', seed=3), metaworld.MT50(seed=3))


def test_goals_are_those_of_ml10(few_goals):
  assert_goals_are(suites.make_suite('ML10', seed=4), metaworld.ML10(seed=4))


def test_goals_are_those_of_mt1():
  assert_goals_are(
      suites.make_suite('MT1/push-v3', seed=5), metaworld.MT1('push-v3', seed=5)
  )


def test_ml1_trains_and_tests_on_the_goals_of_its_splits():
  """Upstream, `Meta-World/ML1-train` serves the test split."""
  suite = suites.make_suite('ML1/sweep-into-v3', seed=6)
  assert_goals_are(suite, metaworld.ML1('sweep-into-v3', seed=6))
  first = suite.train_tasks[0].factory(0).reset(variation=0)
  other = suite.test_tasks[0].factory(0).reset(variation=0)
  assert np.any(first.observation != other.observation)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize('name', SUITES)
def test_all_goals_are_those_of_meta_world(name):
  assert_goals_are(
      suites.make_suite(name, seed=8), getattr(metaworld, name)(seed=8)
  )


@pytest.mark.parametrize('name', ('ML10', 'ML25', 'ML45', 'ML1/push-v3'))
def test_train_and_test_goals_differ(name):
  suite = suites.make_suite(name, seed=1)
  train, test = our_goals(suite, 'train'), our_goals(suite, 'test')
  for task_name in set(train) & set(test):
    seen = {goal.tobytes() for goal in train[task_name]}
    assert not seen & {goal.tobytes() for goal in test[task_name]}
  assert (set(train) & set(test)) == {
      'ML25': {'basketball-v3'},
      'ML1/push-v3': {'push-v3'},
  }.get(name, set())


@pytest.mark.parametrize(
    'name, num_train, num_test',
    (
        ('MT10', 10, 0),
        ('MT25', 25, 0),
        ('MT50', 50, 0),
        ('ML10', 10, 5),
        ('ML25', 25, 5),
        ('ML45', 45, 5),
        ('MT1/reach-v3', 1, 0),
        ('ML1/reach-v3', 1, 1),
    ),
)
def test_a_suite_has_its_name_and_info(name, num_train, num_test):
  suite = suites.make_suite(name, seed=0)
  assert suite.name == name and name in suites.suite_names()
  assert len(suite.train_tasks) == num_train
  assert len(suite.test_tasks) == num_test
  assert suite.observation_spec.shape == (39,)
  assert suite.action_spec.shape == (4,)
  assert suite.info == {
      'reward_function_version': 'v2',
      'metaworld': metaworld_version(),
  }
  hidden = suite.observation_spec.maximum[36] == 0.0
  assert hidden == name.startswith('ML')
  assert all(task.factory.goal_visible != hidden for task in suite.tasks)


def metaworld_version():
  from importlib import metadata

  return metadata.version('metaworld')


@pytest.mark.parametrize(
    'name, sparse', (('DAMSEL', False), ('DAMSEL/sparse', True))
)
def test_damsels_tasks_are_a_suite(name, sparse):
  suite = suites.make_suite(name, seed=0)
  assert suite.name == name and name in suites.suite_names()
  for tasks, num in ((suite.train_tasks, 20), (suite.test_tasks, 10)):
    assert [task.family for task in tasks] == (
        ['push'] * num + ['door'] * num + ['drawer'] * num
    )
  assert all(task.factory.sparse == sparse for task in suite.tasks)
  assert suite.observation_spec.shape == (12,)
  assert suite.action_spec.shape == (3,) and suite.horizon == 150


def test_damsels_rewards_have_one_version():
  with pytest.raises(ValueError, match="rewards of its own, got 'v1'"):
    suites.make_suite('DAMSEL', seed=0, reward_function_version='v1')


def test_damsels_families_are_a_suite():
  suite = suites.make_suite('DAMSEL/families', seed=0)
  assert 'DAMSEL/families' in suites.suite_names()
  assert [task.name for task in suite.tasks] == ['push', 'door', 'drawer']
  assert not suite.test_tasks and suite.horizon == 150
  assert suite.observation_spec.shape == (14,)


def test_damsels_tasks_to_learn_from_alone():
  suite = suites.make_suite('DAMSEL/train', seed=0)
  assert suite.tasks == suites.make_suite('DAMSEL', seed=0).train_tasks


def test_the_reward_version_reaches_the_environments():
  suite = suites.make_suite('MT10', seed=0, reward_function_version='v1')
  assert suite.info['reward_function_version'] == 'v1'
  environment = suite.tasks[0].factory(0)
  assert environment.simulator.reward_function_version == 'v1'


def test_factories_travel_as_a_few_bytes():
  suite = suites.make_suite('MT10', seed=2)
  for task in suite.tasks:
    sent = pickle.dumps(task)
    assert len(sent) < 2000
    assert pickle.loads(sent) == task  # noqa: S301


@pytest.mark.parametrize(
    'name, said',
    (
        ('MT11', "Did you mean 'MT10'"),
        ('mt50', "Did you mean 'MT50'"),
        ('MT1/reech-v3', "Did you mean 'MT1/reach-v3'"),
        ('MT1/reach-v2', "Did you mean 'MT1/reach-v3'"),
        ('reach-v3', "Did you mean 'MT1/reach-v3'"),
        ('MT50/reach-v3', 'want one of MT10, MT25'),
        ('', 'want one of MT10, MT25'),
    ),
)
def test_an_unknown_suite_is_refused(name, said):
  with pytest.raises(ValueError, match=f'suite: got {name!r}.*{said}'):
    suites.make_suite(name, seed=0)


def test_chosen_tasks_have_the_goals_of_their_mt1(few_goals):
  """`Meta-World/custom-mt-envs` gives task i those of MT1 with seed + i."""
  suite = suites.make_suite('MT/push-v3,peg-insert-side-v3', seed=4)
  assert [task.split for task in suite.tasks] == ['train', 'train']
  ours = our_goals(suite, 'train')
  for i, name in enumerate(['push-v3', 'peg-insert-side-v3']):
    theirs = metaworld.MT1(name, seed=4 + i)
    np.testing.assert_array_equal(
        ours[name], their_goals(theirs.train_tasks)[name]
    )
  assert all(task.factory.goal_visible for task in suite.tasks)


def test_chosen_train_and_test_tasks_have_the_goals_of_custom_ml(few_goals):
  suite = suites.make_suite('ML/push-v3,reach-v3/door-open-v3', seed=4)
  theirs = metaworld.CustomML(['push-v3', 'reach-v3'], ['door-open-v3'], seed=4)
  assert_goals_are(suite, theirs)
  assert not any(task.factory.goal_visible for task in suite.tasks)


def test_a_difficulty_stands_for_its_tasks():
  suite = suites.make_suite('MT/reach-v3,hard,very_hard', seed=0)
  assert [task.name for task in suite.tasks] == [
      'reach-v3',
      *benchmarks.DIFFICULTY['hard'],
      *benchmarks.DIFFICULTY['very_hard'],
  ]
  every = [task for tasks in benchmarks.DIFFICULTY.values() for task in tasks]
  assert sorted(every) == sorted(benchmarks.ALL)


@pytest.mark.parametrize(
    'name, said',
    (
        ('MT/pusch-v3,reach-v3', "suite: got 'pusch-v3' in .*mean 'push-v3'"),
        ('MT/reach-v3,', "suite: got '' in"),
        ('MT/harder', "mean 'hard'"),
        ('MT/push-v3,hard', 'suite: got push-v3 twice in'),
        ('ML/push-v3', "suite: got 'ML/push-v3', want one of"),
        ('MT/push-v3/reach-v3', 'want one of MT10'),
        ('ML/push-v3,reach-v3/push-v3', 'trains and tests on push-v3; want'),
    ),
)
def test_a_wrong_choice_of_tasks_is_refused(name, said):
  with pytest.raises(ValueError, match=said):
    suites.make_suite(name, seed=0)


@pytest.mark.parametrize('seed', (-1, 2**32))
def test_a_seed_out_of_range_is_refused(seed):
  with pytest.raises(ValueError, match='seed'):
    suites.make_suite('MT10', seed=seed)


def test_an_unknown_reward_version_is_refused():
  with pytest.raises(ValueError, match="reward_function_version.*'v9'"):
    suites.make_suite('MT10', seed=0, reward_function_version='v9')


def test_naming_a_suite_imports_no_simulator():
  program = (
      'import sys\n'
      'from distillery.environments import suites\n'
      "suites.make_suite('MT50', seed=0)\n"
      "assert not {'mujoco', 'metaworld', 'scipy'} & set(sys.modules)\n"
  )
  result = subprocess.run(
      [sys.executable, '-c', program],
      capture_output=True,
      text=True,
      timeout=60,
  )
  assert result.returncode == 0, result.stderr
