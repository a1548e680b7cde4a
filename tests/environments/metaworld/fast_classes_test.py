"""The fast simulators against Meta-World's own classes: equal, not close."""

import functools

from distillery.environments.metaworld import benchmarks
from distillery.environments.metaworld import fast_classes
from distillery.environments.metaworld import goals as metaworld_goals
from distillery.environments.metaworld import scalar_numpy
from metaworld import policies
from metaworld.utils import reward_utils
import numpy as np
import pytest
from scipy.spatial import transform

SEED = 7


@functools.cache
def goals():
  return metaworld_goals.make_goals(benchmarks.ALL, SEED)


def make_stock(task_name, version, goal_visible=True):
  """The stock class as `set_task` leaves it."""
  stock = metaworld_goals.task_class(task_name)(reward_function_version=version)
  stock._set_task_called = True
  stock._partially_observable = not goal_visible
  del stock.sawyer_observation_space
  return stock


def make_fast(task_name, version, goal_visible=True):
  return fast_classes.make_simulator(
      task_name, goal_visible=goal_visible, reward_function_version=version
  )


def act(kind, policy, observation, random):
  if kind == 'random':
    action = random.uniform(-1.5, 1.5, 4)  # Beyond the bounds, too.
  else:
    action = np.clip(policy.get_action(observation), -1, 1)
    if kind == 'noisy':
      action = action + random.normal(0.0, 0.3, 4)
  return action.astype(np.float32)


def assert_equals_upstream(
    task_name, version, episodes, num_steps, goal_visible=True
):
  """Steps both through episodes of (kind of policy, goal).

  Returns:
    In how many steps the task was solved, and in how many anything touched.
  """
  fast = make_fast(task_name, version, goal_visible)
  stock = make_stock(task_name, version, goal_visible)
  random = np.random.default_rng(0)
  successes, touches = 0, 0
  for kind, goal in episodes:
    for simulator in (fast, stock):
      simulator._last_rand_vec = goals()[task_name][goal].copy()
    np.testing.assert_array_equal(fast.reset()[0], stock.reset()[0])
    policy = policies.ENV_POLICY_MAP[task_name]()
    observation = stock._get_obs()
    fast._get_obs()
    for step in range(num_steps):
      action = act(kind, policy, observation, random)
      observation, reward, _, _, info = stock.step(action)
      got_observation, got_reward, got_success = fast.advance(action)
      where = f'{task_name} {version} {kind} goal {goal} step {step}'
      np.testing.assert_array_equal(got_observation, observation, where)
      assert got_reward == reward, where
      assert got_success == bool(info['success']), where
      successes += got_success
      touches += fast.data.ncon > 0
    np.testing.assert_array_equal(fast.data.qpos, stock.data.qpos)
    np.testing.assert_array_equal(fast.data.qvel, stock.data.qvel)
  return successes, touches


# The third repeats the first goal from another past, and from the stored reset.
EPISODES = (('expert', 0), ('random', 1), ('noisy', 0))


@pytest.mark.parametrize('task_name', benchmarks.ALL)
def test_equals_the_stock(task_name):
  assert_equals_upstream(task_name, 'v2', EPISODES, num_steps=25)


@pytest.mark.parametrize('task_name', benchmarks.ALL[::5])
def test_equals_the_stock_under_v1(task_name):
  assert_equals_upstream(task_name, 'v1', EPISODES[:2], num_steps=15)


@pytest.mark.parametrize(
    'task_name',
    (
        'push-v3',
        'pick-place-v3',
        'peg-insert-side-v3',
        'door-open-v3',
        'drawer-close-v3',
        'stick-push-v3',
    ),
)
def test_equals_the_stock_where_things_are_touched_and_solved(task_name):
  successes, touches = assert_equals_upstream(
      task_name, 'v2', (('expert', 2),), num_steps=160
  )
  assert successes and touches > 20


@pytest.mark.parametrize('task_name', ('reach-v3', 'basketball-v3'))
def test_equals_the_stock_with_the_goal_hidden(task_name):
  assert_equals_upstream(
      task_name, 'v2', EPISODES, num_steps=15, goal_visible=False
  )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize('version', ('v1', 'v2'))
@pytest.mark.parametrize('task_name', benchmarks.ALL)
def test_equals_the_stock_over_whole_episodes(task_name, version):
  episodes = (('expert', 3), ('noisy', 4), ('random', 3), ('expert', 4))
  successes, _ = assert_equals_upstream(
      task_name, version, episodes, num_steps=500
  )
  # Two cannot be solved under v1: stick-push asks for v2's grasp, hand-insert
  # takes the distance at the beginning.
  assert successes or (
      version == 'v1' and task_name in ('hand-insert-v3', 'stick-push-v3')
  )


def test_touching_object_equals_the_stock():
  fast = make_fast('pick-place-v3', 'v2')
  stock = make_stock('pick-place-v3', 'v2')
  for simulator in (fast, stock):
    simulator._last_rand_vec = goals()['pick-place-v3'][0].copy()
  fast.reset()
  observation, _ = stock.reset()
  policy = policies.ENV_POLICY_MAP['pick-place-v3']()
  seen = set()
  for _ in range(100):
    action = act('expert', policy, observation, None)
    observation = stock.step(action)[0]
    fast.advance(action)
    assert fast.touching_main_object == stock.touching_main_object
    seen.add(bool(stock.touching_main_object))
  assert seen == {True, False}


def test_a_reset_forgets_the_past():
  """The stored state of the hand is found again after any episode."""
  fresh = make_fast('drawer-open-v3', 'v2')
  used = make_fast('drawer-open-v3', 'v2')
  used._last_rand_vec = goals()['drawer-open-v3'][5].copy()
  used.reset()
  for _ in range(50):
    used.advance(np.ones(4, np.float32))
  for simulator in (fresh, used):
    simulator._last_rand_vec = goals()['drawer-open-v3'][6].copy()
  type(fresh)._hand_states.clear()
  first = fresh.reset()[0]
  np.testing.assert_array_equal(first, used.reset()[0])
  # The drawer is where its goal put it, not where the last episode left it.
  type(fresh)._hand_states.clear()
  np.testing.assert_array_equal(first, used.reset()[0])


def test_stored_resets_are_bounded(monkeypatch):
  monkeypatch.setattr(
      'distillery.environments.metaworld.fast_base._MAX_HAND_STATES', 3
  )
  simulator = make_fast('window-open-v3', 'v2')
  type(simulator)._hand_states.clear()
  for vector in goals()['window-open-v3'][:8]:
    simulator._last_rand_vec = vector.copy()
    simulator.reset()
    assert len(type(simulator)._hand_states) <= 3


def test_the_stock_classes_are_left_alone():
  make_fast('push-v3', 'v2')
  stock = metaworld_goals.task_class('push-v3')
  namespace = stock.reset_model.__globals__
  assert namespace['np'] is np
  assert namespace['reward_utils'] is reward_utils
  assert namespace['Rotation'] is transform.Rotation
  assert np.linalg.norm.__module__ != scalar_numpy.__name__


@pytest.mark.parametrize('task_name', benchmarks.ALL[::7])
def test_the_light_model_is_small_and_has_the_same_physics(task_name):
  fast, stock = make_fast(task_name, 'v2'), make_stock(task_name, 'v2')
  assert fast.model.nbuffer < 5e6 < stock.model.nbuffer
  for name in (
      'body_mass',
      'body_inertia',
      'body_ipos',
      'body_iquat',
      'body_invweight0',
      'dof_invweight0',
      'dof_M0',
      'dof_armature',
      'dof_damping',
      'eq_data',
      'actuator_gainprm',
      'actuator_biasprm',
      'qpos0',
      'jnt_range',
      'site_pos',
  ):
    np.testing.assert_array_equal(
        getattr(fast.model, name), getattr(stock.model, name), name
    )
  assert fast.model.stat.meaninertia == stock.model.stat.meaninertia
  colliding = [
      model.geom_contype.astype(bool) | model.geom_conaffinity.astype(bool)
      for model in (fast.model, stock.model)
  ]
  for name in (
      'geom_size',
      'geom_friction',
      'geom_solref',
      'geom_solimp',
      'geom_pos',
      'geom_quat',
      'geom_type',
      'geom_bodyid',
      'geom_margin',
      'geom_gap',
      'geom_condim',
      'geom_priority',
  ):
    np.testing.assert_array_equal(
        getattr(fast.model, name)[colliding[0]],
        getattr(stock.model, name)[colliding[1]],
        name,
    )


# The replacements, each on its own.


def test_norm_is_numpys():
  random = np.random.default_rng(0)
  for size in (1, 2, 3, 7):
    for x in random.standard_normal((200, size)):
      assert scalar_numpy.norm(x) == np.linalg.norm(x)
      assert scalar_numpy.norm(x, ord=2) == np.linalg.norm(x, ord=2)
      assert scalar_numpy.norm(x[0]) == np.linalg.norm(x[0])
  matrix = random.standard_normal((3, 3))
  assert scalar_numpy.norm(matrix[:, 1]) == np.linalg.norm(matrix[:, 1])
  np.testing.assert_array_equal(
      scalar_numpy.norm(matrix, axis=1), np.linalg.norm(matrix, axis=1)
  )


@pytest.mark.parametrize(
    'sigmoid', ('gaussian', 'long_tail', 'hyperbolic', 'linear', 'reciprocal')
)
def test_tolerance_is_meta_worlds(sigmoid):
  random = np.random.default_rng(0)
  for x, upper, some_margin in random.uniform(0.0, 0.3, (300, 3)):
    for margin in (some_margin, 0.0):
      kwargs = dict(bounds=(0, upper), margin=margin, sigmoid=sigmoid)
      assert scalar_numpy.tolerance(x, **kwargs) == reward_utils.tolerance(
          x, **kwargs
      )
  xs = random.uniform(0.0, 0.3, 5)
  np.testing.assert_array_equal(
      scalar_numpy.tolerance(xs, bounds=(0, 0.1), margin=0.2),
      reward_utils.tolerance(xs, bounds=(0, 0.1), margin=0.2),
  )


@pytest.mark.parametrize(
    'kwargs',
    (
        dict(bounds=(1.0, 0.0)),
        dict(margin=-0.1, sigmoid='long_tail'),
        dict(margin=-0.1),
        dict(margin=1.0, sigmoid='nonesuch'),
    ),
)
def test_tolerance_refuses_what_meta_world_refuses(kwargs):
  for tolerance in (scalar_numpy.tolerance, reward_utils.tolerance):
    with pytest.raises(ValueError):
      tolerance(0.7, **kwargs)


def test_hamacher_product_is_meta_worlds():
  for a, b in np.random.default_rng(0).uniform(0.0, 1.0, (300, 2)):
    assert scalar_numpy.hamacher_product(a, b) == reward_utils.hamacher_product(
        a, b
    )
  assert scalar_numpy.hamacher_product(0.0, 0.0) == 0.0
  with pytest.raises(ValueError):
    scalar_numpy.hamacher_product(1.1, 0.0)


def test_quaternion_is_scipys():
  random = np.random.default_rng(1)
  rotations = transform.Rotation.from_quat(random.standard_normal((2000, 4)))
  for matrix in rotations.as_matrix():
    np.testing.assert_array_equal(
        scalar_numpy.quaternion(matrix),
        transform.Rotation.from_matrix(matrix).as_quat(),
    )
  assert scalar_numpy.quaternion_is_exact()


def test_clip_and_hstack_are_numpys():
  for x in (np.float32(0.5), np.float32(-3.0), np.float32(3.0), np.ones(2)):
    np.testing.assert_array_equal(
        scalar_numpy.clip(x, -1, 1), np.clip(x, -1, 1)
    )
  for arrays in (
      (np.float64(1.0), np.float64(2.0)),
      [np.ones(3), np.zeros(2)],
      (np.ones(3), 0.5),
      (1, 2),
  ):
    got, want = scalar_numpy.hstack(arrays), np.hstack(arrays)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
