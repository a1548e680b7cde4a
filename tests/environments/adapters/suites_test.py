"""A user's own environments as a suite, down to the pool."""

import dataclasses
import functools

from distillery.environments import fakes
from distillery.environments.adapters import suites
from distillery.environments.pool import process_pool
import dm_env
from dm_env import specs
import gymnasium
from helpers import pool_helpers as helpers
from helpers import user_environments
import numpy as np
import pytest


def collect(suite, action_size, num_workers=2):
  """Two blocks under a policy that only adds noise, and an evaluation."""
  size = suite.observation_spec.shape[0]
  num_tasks = len(suite.tasks)
  parameters = {
      'first': np.zeros((num_tasks, size, 4), np.float32),
      'second': np.zeros((num_tasks, 4, action_size), np.float32),
  }
  policy = helpers.GaussianPolicy(action_size=action_size)
  with process_pool.Pool(
      suite.train_tasks,
      envs_per_task=2,
      unroll_length=50,
      num_workers=num_workers,
      seed=0,
      action_spec=suite.action_spec,
      observation_spec=suite.observation_spec,
  ) as pool:
    pool.set_policy(policy, parameters)
    blocks = [helpers.by_time([pool.collect()]) for _ in range(2)]
    return (
        blocks,
        pool.evaluate(policy, parameters, episodes_per_task=1, seed=0),
        pool.episodes(),
    )


def test_mujoco_environments_of_gymnasium_in_a_pool():
  suite = suites.suite_from_factories(
      'Cheetahs',
      {
          'run': user_environments.half_cheetah,
          'lazy': functools.partial(
              user_environments.half_cheetah, ctrl_cost_weight=5.0
          ),
      },
  )
  assert suite.observation_spec.shape == (17,)
  assert [(t.name, t.family, t.split) for t in suite.tasks] == [
      ('run', 'Cheetahs', 'train'),
      ('lazy', 'Cheetahs', 'train'),
  ]
  one, _, _ = collect(suite, 6, num_workers=1)
  blocks, evaluation, _ = collect(suite, 6)
  for a, b in zip(one, blocks):
    for name in a:
      np.testing.assert_array_equal(a[name], b[name], err_msg=name)
  # The other reward is felt, in the task it belongs to.
  means = blocks[0]['reward'].mean((0, 2))
  assert means[1] < means[0] - 5.0
  assert [(e.task, e.length) for e in evaluation] == [('run', 40), ('lazy', 40)]
  # The pool recorded the same as gymnasium does.
  environment = gymnasium.make('HalfCheetah-v5')
  block, low, high = blocks[0], suite.action_spec.minimum, 1.0
  environment.reset(seed=0)
  state = block['observation'][0, 0, 0].astype(np.float64)
  environment.unwrapped.set_state(np.concatenate([[0.0], state[:8]]), state[8:])
  for step in range(5):
    observation, reward, *_ = environment.step(
        np.clip(block['action'][step, 0, 0], low, high)
    )
    np.testing.assert_allclose(
        block['next_observation'][step, 0, 0], observation, atol=1e-3
    )
    assert block['reward'][step, 0, 0] == pytest.approx(reward, abs=1e-3)


def test_a_terminating_mujoco_environment_in_a_pool():
  suite = suites.suite_from_factories(
      'Pendulums', {'upright': user_environments.inverted_pendulum}
  )
  blocks, _, episodes = collect(suite, 1)
  ended = blocks[0]['episode_end']
  assert ended.any()
  assert (blocks[0]['discount'][ended] == 0.0).all()
  assert (blocks[0]['discount'][~ended] == 1.0).all()
  assert (np.abs(blocks[0]['next_observation'][ended][:, 1]) > 0.2).all()
  assert all(3 <= episode.length <= 100 for episode in episodes)


def test_dm_env_environments_in_a_pool():
  suite = suites.suite_from_factories(
      'Walks',
      {
          'short': functools.partial(user_environments.Walk, length=5),
          'long': functools.partial(user_environments.Walk, length=10),
      },
  )
  blocks, evaluation, _ = collect(suite, 1)
  assert blocks[0]['episode_end'].sum(0).tolist() == [[10, 10], [5, 5]]
  assert [e.length for e in evaluation] == [5, 10]
  starts = blocks[0]['observation'][::10, 1, :, 0]
  assert len(np.unique(starts)) == 10  # Each episode has a seed of its own.


@pytest.mark.parametrize('num_workers', [1, 2])
def test_one_number_for_three_is_reported_with_its_place(num_workers):
  """Also where it is met in what comes before training."""
  suite = suites.suite_from_factories(
      'One',
      {
          name: functools.partial(user_environments.OneNumber, last=last)
          for name, last in (('good', 40), ('bad', 7))
      },
  )
  with pytest.raises(
      process_pool.PoolError,
      match=(
          r"Task 'bad' \(environment 0, episode 0, seed \d+, step 7\) failed: the "
          r'environment returned an observation of shape \(1,\), want \(3,\)'
      ),
  ):
    collect(suite, 1, num_workers)


def test_tasks_that_do_not_go_together_are_named():
  with pytest.raises(
      ValueError,
      match=(
          r"suite 'Mix': its tasks must share .* got different observations of "
          r"shape: 'a', 'c': \(17,\); 'b': \(4,\)"
      ),
  ):
    suites.suite_from_factories(
        'Mix',
        {
            'a': user_environments.half_cheetah,
            'b': user_environments.inverted_pendulum,
            'c': user_environments.half_cheetah,
        },
    )
  with pytest.raises(
      ValueError,
      match=(
          r"different actions: 'a': of shape \(1,\) in \[-1.0\] to \[1.0\]; 'b': "
          r'of shape \(1,\) in \[-2.0\] to \[2.0\]'
      ),
  ):
    suites.suite_from_factories(
        'Mix',
        {
            'a': user_environments.Walk,
            'b': functools.partial(user_environments.Walk, bound=2.0),
        },
    )


def test_objects_that_cannot_be_a_suite_are_refused():
  with pytest.raises(ValueError, match='got none, want at least one'):
    suites.suite_from_factories('None', {})
  with pytest.raises(
      ValueError,
      match=("factory of task 'a': .*cannot be sent to a worker.*not a lambda"),
  ):
    suites.suite_from_factories('Lambda', {'a': lambda seed: None})
  with pytest.raises(
      ValueError,
      match=(
          "factory of task 'b' failed: ValueError: got a builtins.int, want"
      ),
  ):
    suites.suite_from_factories('Int', {'a': user_environments.Walk, 'b': int})
  with pytest.raises(
      ValueError,
      match=("factory of task 'a' failed: RuntimeError: out of order"),
  ):
    suites.suite_from_factories('Broken', {'a': user_environments.broken})
  with pytest.raises(
      ValueError,
      match=(
          "TaskSuite.score of 'Walks': got 'reward', want one of .'success', 're"
      ),
  ):
    suites.suite_from_factories(
        'Walks', {'a': user_environments.Walk}, score='reward'
    )


def test_a_suite_may_say_how_long_episodes_are():
  walks = {'a': user_environments.Walk}
  make = suites.suite_from_factories
  assert make('Walks', walks).horizon is None
  assert make('Walks', walks, horizon=5).horizon == 5
  for horizon in (0, -3, 2.5, True, '5'):
    with pytest.raises(ValueError, match=f'horizon: got {horizon!r}, want a p'):
      make('Walks', walks, horizon=horizon)
    with pytest.raises(
        ValueError,
        match=(
            f"TaskSuite.horizon of 'PointMass1': got {horizon!r}, want a posit"
        ),
    ):
      dataclasses.replace(fakes.point_mass_suite(1), horizon=horizon)


def test_suites_of_task_environments_are_left_as_they_are():
  tasks = fakes.point_mass_suite(2).tasks
  suite = suites.suite_from_factories(
      'Own', {task.name: task.factory for task in tasks}
  )
  environment = suite.tasks[1].factory(0)
  assert isinstance(environment, fakes.PointMass)
  np.testing.assert_array_equal(environment.goal, tasks[1].factory(0).goal)


def test_types_are_as_documented():
  assert issubclass(user_environments.Walk, dm_env.Environment)
  assert isinstance(fakes.grid_suite(1).action_spec, specs.DiscreteArray)
