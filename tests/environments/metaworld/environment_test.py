"""The Meta-World environment: dm_env's rules, goals, seeds, and known traps."""

import pickle

from distillery.environments import base
from distillery.environments.metaworld import (
    environment as metaworld_environment,
)
from distillery.environments.metaworld import goals as metaworld_goals
import dm_env
from dm_env import specs
from helpers import headless
import numpy as np
import pytest

TASKS = ('reach-v3', 'drawer-open-v3', 'push-v3')
ZERO = np.zeros(4, np.float32)


def make(task_name='reach-v3', seed=0, goal_visible=True, version='v2'):
  return metaworld_environment.MetaWorldFactory(
      task_name, TASKS, 5, goal_visible, version
  )(seed)


def actions(num_steps, seed=0):
  random = np.random.default_rng(seed)
  return random.uniform(-1, 1, (num_steps, 4)).astype(np.float32)


def play(environment, num_steps=10):
  """Observations and rewards of the first steps of the present episode."""
  steps = [environment.step(action) for action in actions(num_steps)]
  return (
      np.stack([step.observation for step in steps]),
      np.array([step.reward for step in steps]),
  )


@pytest.fixture(scope='module')
def reach():
  return make()


def test_time_steps_are_float32_and_fit_the_specs(reach):
  first = reach.reset()
  assert first.first() and first.reward is None and first.discount is None
  reach.observation_spec().validate(first.observation)
  step = reach.step(actions(1)[0])
  assert step.mid()
  reach.observation_spec().validate(step.observation)
  assert step.observation.dtype == np.float32
  for value in (step.reward, step.discount):
    assert isinstance(value, np.float32)
  assert isinstance(reach, base.TaskEnvironment)
  assert isinstance(reach.action_spec(), specs.BoundedArray)


def test_the_horizon_truncates_and_the_next_step_begins_an_episode(reach):
  reach.reset(variation=0)
  for count in range(1, metaworld_environment.HORIZON + 1):
    step = reach.step(ZERO)
    assert step.last() == (count == 500)
  assert step.discount == 1.0  # Nothing terminated: there is more to come.
  # The stock raises here.
  step = reach.step(ZERO)
  assert step.step_type == dm_env.StepType.FIRST
  assert reach.step(ZERO).mid()


def test_a_step_before_any_reset_begins_an_episode():
  assert make().step(ZERO).first()


def test_success_is_of_the_latest_step():
  from metaworld import policies

  environment = make()
  observation = environment.reset(variation=0).observation
  policy = policies.ENV_POLICY_MAP['reach-v3']()
  assert environment.success is False
  for _ in range(100):
    action = np.clip(policy.get_action(observation.astype(float)), -1, 1)
    observation = environment.step(action).observation
  assert environment.success is True
  environment.reset()
  assert environment.success is False


# Seeds and variations.


def test_a_seed_decides_the_episode(reach):
  firsts = [reach.reset(seed=seed).observation for seed in range(6)]
  again = reach.reset(seed=3).observation
  np.testing.assert_array_equal(again, firsts[3])
  assert len({first.tobytes() for first in firsts}) > 1


def test_the_factorys_seed_begins_a_stream():
  streams = []
  for seed in (1, 1, 2):
    environment = make(seed=seed)
    environment.reset()
    picked = [environment.variation]
    for _ in range(7):
      environment.reset()
      picked.append(environment.variation)
    streams.append(picked)
  assert streams[0] == streams[1] != streams[2]
  assert len(set(streams[0])) > 3


def test_a_seeded_reset_leaves_the_stream_alone():
  plain, disturbed = make(seed=4), make(seed=4)
  for environment in (plain, disturbed):
    environment.reset()
  disturbed.reset(seed=9)
  plain.reset()
  disturbed.reset()
  assert plain.variation == disturbed.variation


def test_variations_are_the_goals_by_number(reach):
  goals = metaworld_goals.make_goals(TASKS, 5)['reach-v3']
  assert reach.num_variations == len(goals) == 50
  for variation in (0, 7, 49):
    observation = reach.reset(variation=variation).observation
    np.testing.assert_array_equal(
        observation[metaworld_environment.GOAL_SLICE],
        goals[variation][3:].astype(np.float32),
    )
    assert reach.variation == variation


@pytest.mark.parametrize('variation', (-1, 50))
def test_a_variation_out_of_range_is_refused(reach, variation):
  with pytest.raises(ValueError, match=rf'{variation}.*\[0, 50\)'):
    reach.reset(variation=variation)


def test_the_global_random_state_is_neither_used_nor_touched():
  metaworld_goals.make_goals.cache_clear()
  runs = []
  for global_seed in (0, 1):
    np.random.seed(global_seed)  # noqa: NPY002
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    environment = make('push-v3')
    environment.reset()
    runs.append(play(environment))
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002
  np.testing.assert_array_equal(runs[0][0], runs[1][0])


# Refusals.


@pytest.mark.parametrize('bad', (np.nan, np.inf, -np.inf))
@pytest.mark.parametrize('at', (0, 3))
def test_an_action_that_is_not_finite_is_refused(reach, bad, at):
  """Meta-World would answer it with finite numbers."""
  reach.reset(variation=0)
  reach.step(ZERO)
  action = ZERO.copy()
  action[at] = bad
  with pytest.raises(ValueError, match='reach-v3 at step 1.*finite'):
    reach.step(action)


@pytest.mark.parametrize('shape', ((3,), (5,), (1, 4), ()))
def test_an_action_of_the_wrong_shape_is_refused(reach, shape):
  reach.reset()
  with pytest.raises(ValueError, match=r'shape.*want \(4,\)'):
    reach.step(np.zeros(shape, np.float32))


def test_large_actions_are_clipped_and_not_refused(reach):
  results = []
  for size in (1.0, 1e30):
    reach.reset(variation=0)
    results.append(reach.step(np.array([size, -size, size, 0.0])).observation)
  np.testing.assert_array_equal(*results)


def test_an_unknown_task_or_version_is_refused():
  with pytest.raises(ValueError, match="'reech-v3'"):
    metaworld_environment.MetaWorldEnvironment(
        'reech-v3', np.zeros((1, 6)), seed=0
    )
  with pytest.raises(ValueError, match="reward_function_version.*'v3'"):
    make(version='v3')


@pytest.mark.parametrize(
    'goal, message',
    (
        ((0.0, 0.6, 0.02), r'shape \(3,\), want \(6,\)'),
        ((0.0, 0.6, 0.02, np.nan, 0.9, 0.2), 'finite'),
    ),
)
def test_a_goal_that_cannot_be_used_is_refused(goal, message):
  with pytest.raises(ValueError, match=message):
    metaworld_environment.MetaWorldEnvironment('reach-v3', [goal], seed=0)
  with pytest.raises(ValueError, match='none'):
    metaworld_environment.MetaWorldEnvironment('reach-v3', [], seed=0)


# Known faults of Meta-World 3.1.1, with one test for each.


def test_trap_observations_have_39_entries_and_no_one_hot(reach):
  assert reach.observation_spec().shape == (39,)
  assert reach.reset().observation.shape == (39,)


def test_trap_the_reward_version_has_an_effect():
  rewards = {}
  for version in ('v1', 'v2'):
    environment = make(version=version)
    environment.reset(variation=0)
    rewards[version] = play(environment)[1]
  assert np.all(rewards['v2'] <= 10.0)
  assert np.all(rewards['v1'] != rewards['v2'])


def test_trap_a_goal_on_which_the_reset_would_never_end_is_refused():
  near = (0.0, 0.6, 0.02, 0.0, 0.7, 0.02)
  with pytest.raises(ValueError, match='0.15 m apart'):
    metaworld_environment.MetaWorldEnvironment('push-v3', [near], seed=0)
  far = (0.0, 0.6, 0.02, 0.0, 0.76, 0.02)
  metaworld_environment.MetaWorldEnvironment('push-v3', [far], seed=0).reset()


def test_trap_the_first_observation_is_not_of_the_last_goal():
  """Drawer-open moves its drawer without telling the simulator."""
  used, fresh = make('drawer-open-v3'), make('drawer-open-v3')
  used.reset(variation=1)
  play(used)
  first = used.reset(variation=2).observation
  np.testing.assert_array_equal(first, fresh.reset(variation=2).observation)
  moved = used.step(ZERO).observation
  np.testing.assert_allclose(moved[4:7], first[4:7], atol=1e-3)


def test_trap_rewards_do_not_depend_on_what_went_before(reach):
  """Meta-World's own reward normaliser counts each step twice."""
  runs = []
  for _ in range(2):
    reach.reset(variation=3)
    runs.append(play(reach)[1])
  np.testing.assert_array_equal(*runs)


def test_trap_gymnasium_needs_packaging():
  """Gymnasium imports it in its MuJoCo part and does not require it."""
  from importlib import metadata

  required = metadata.requires('acme-distillery') or ()
  assert any(name.startswith('packaging') for name in required)


def test_trap_the_goals_bounds_hold_what_is_observed(reach):
  """Upstream they are 0..0 in MT1, whose goals are visible."""
  spec = reach.observation_spec()
  for variation in range(0, 50, 10):
    spec.validate(reach.reset(variation=variation).observation)
    spec.validate(reach.step(ZERO).observation)
  hidden = make(goal_visible=False)
  assert (
      not hidden.observation_spec()
      .maximum[metaworld_environment.GOAL_SLICE]
      .any()
  )
  assert not hidden.reset().observation[metaworld_environment.GOAL_SLICE].any()
  assert (
      not hidden.step(ZERO).observation[metaworld_environment.GOAL_SLICE].any()
  )


def test_trap_goals_are_floats_that_nobody_can_write_to():
  goals = metaworld_goals.make_goals(TASKS, 5)
  assert all(goal.dtype == np.float64 for goal in goals.values())
  with pytest.raises(ValueError):
    goals['reach-v3'][0, 0] = 1.0


PICTURE = """
from distillery.environments.metaworld import environment as metaworld
import numpy as np
environment = metaworld.MetaWorldFactory(
    'drawer-open-v3', ('drawer-open-v3',), 0, True, 'v2')(0)
pictures = []
for variation in (0, 1):
  environment.reset(variation=variation)
  environment.step(np.zeros(4, np.float32))
  pictures.append(environment.render(height=60, width=80))
assert pictures[0].shape == (60, 80, 3) and pictures[0].dtype == np.uint8
assert pictures[0].std() > 10 and np.any(pictures[0] != pictures[1])
environment.close()
environment.close()
print('drawn')
"""


@pytest.mark.slow
@pytest.mark.parametrize('variables', [{}, {'MUJOCO_GL': 'egl'}])
def test_render_draws_the_present_state_without_a_display(variables):
  assert headless.run('-c', PICTURE, **variables) == ['drawn']


@pytest.mark.parametrize(
    'action',
    [
        ['1', '0', '0', '0'],
        [1j, 0, 0, 0],
        [True] * 4,
        [None] * 4,
        [[1.0], [1.0, 0.0]],
    ],
    ids=repr,
)
def test_an_action_that_is_no_numbers_is_refused(reach, action):
  reach.reset(variation=0)
  with pytest.raises(ValueError, match='^action: got .*, want .*floats$'):
    reach.step(action)


@pytest.mark.parametrize('variation', [True, 1.0, 0.5, '0'], ids=repr)
def test_a_variation_that_is_no_integer_is_refused(reach, variation):
  with pytest.raises(ValueError, match=r'want an integer in \[0, 50\)'):
    reach.reset(variation=variation)
