"""Environments of gymnasium and dm_env as tasks."""

from distillery.environments import fakes
from distillery.environments.adapters import (
    environments as adapted_environments,
)
import dm_env
from dm_env import specs
import gymnasium
from gymnasium import spaces
import numpy as np
import pytest


class Counting(gymnasium.Env):
  """Ends as its action says: 1 terminates, 2 truncates, 3 does both."""

  def __init__(self, observation_space=None, action_space=None, info=None):
    self.observation_space = observation_space or spaces.Box(
        -1.0, 1.0, (2,), np.float64
    )
    self.action_space = action_space or spaces.Discrete(4)
    self.info = info or {}
    self.actions = []
    self.seeds = []
    self._observation = np.zeros(2, np.float32)  # As `asarray` would keep it.

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self.seeds.append(seed)
    self._observation[:] = self.np_random.uniform(size=2)
    return self._observation, {}

  def step(self, action):
    self.actions.append(action)
    self._observation += 1.0  # In place, as some environments do.
    return (
        self._observation,
        2.5,
        action in (1, 3),
        action in (2, 3),
        self.info,
    )


class Corridor(dm_env.Environment):
  """Three steps, then the end; its start depends on the seed."""

  def __init__(self, seed, *, discount=0.0, spec=None, observation_spec=None):
    self._rng = np.random.default_rng(seed)
    self._discount = discount
    self._spec = spec or specs.BoundedArray((2,), np.float64, -1.0, [1.0, 2.0])
    self._observation_spec = observation_spec or specs.Array((1,), np.float64)
    self.success = True  # Stale: it says so before anything has happened.
    self.closed = False

  def reset(self):
    self._steps = 0
    self._start = self._rng.uniform(size=1)
    return dm_env.restart(self._start)

  def step(self, action):
    assert action.dtype == np.float64
    self._steps += 1
    if self._steps == 3:
      return dm_env.TimeStep(
          dm_env.StepType.LAST, 1.0, self._discount, self._start + 3.0
      )
    return dm_env.transition(0.5, self._start + self._steps)

  def observation_spec(self):
    return self._observation_spec

  def action_spec(self):
    return self._spec

  def close(self):
    self.closed = True


def wrap(environment, seed=0):
  return adapted_environments.make_task_environment(
      lambda unused_seed: environment, seed
  )


@pytest.mark.parametrize(
    'action, last, discount',
    [(0, False, 1.0), (1, True, 0.0), (2, True, 1.0), (3, True, 0.0)],
)
def test_termination_and_truncation_of_gymnasium(action, last, discount):
  environment = wrap(Counting())
  environment.reset(seed=0)
  timestep = environment.step(np.int32(action))
  assert timestep.last() == last
  assert timestep.discount == np.float32(discount)
  assert type(timestep.discount) is np.float32
  assert (timestep.reward, type(timestep.reward)) == (2.5, np.float32)
  assert timestep.observation.dtype == np.float32
  assert environment.step(np.int32(0)).first() == last


def test_observations_are_copies():
  environment = wrap(Counting())
  first = environment.reset(seed=0).observation
  kept = first.copy()
  environment.step(np.int32(0))
  np.testing.assert_array_equal(first, kept)


def test_gymnasium_seeds():
  inner = Counting()
  environment = wrap(inner, seed=11)
  for seed in (None, None, 5, None):
    environment.reset(seed=seed)
  # The factory's seed starts the random stream, which then continues.
  assert inner.seeds == [11, None, 5, None]
  a, b, c = (environment.reset(seed=seed).observation for seed in (1, 1, 2))
  np.testing.assert_array_equal(a, b)
  assert (a != c).all()


@pytest.mark.parametrize(
    'info, success',
    [
        ({}, False),
        ({'success': 1.0}, True),
        ({'success': 0.0}, False),
        ({'is_success': True}, True),
    ],
)
def test_gymnasium_success(info, success):
  environment = wrap(Counting(info=info))
  environment.reset(seed=0)
  assert not environment.success
  environment.step(np.int32(0))
  assert environment.success == success
  environment.reset(seed=0)
  assert not environment.success


@pytest.mark.parametrize(
    'info, words',
    [
        ({'success': np.nan}, r"nan as info\['success'\]"),
        ({'success': 'False'}, r"'False' as info\['success'\]"),
        ({'success': 0.5}, r"0.5 as info\['success'\]"),
        ({'success': None, 'is_success': True}, r"None as info\['success'\]"),
        ({'is_success': -1}, r"-1 as info\['is_success'\]"),
        (['success'], "'success'. as info, want a dict"),
    ],
)
def test_a_bad_success_is_refused(info, words):
  environment = wrap(Counting(info=info))
  environment.reset(seed=0)
  with pytest.raises(
      ValueError,
      match=f'the environment returned {words}'
      if (isinstance(info, dict))
      else words,
  ):
    environment.step(np.int32(0))


class Returning(Counting):
  """Returns from one method what it is told to, and is else as it should be."""

  def __init__(self, method, returned):
    super().__init__()
    self._told = {method: returned}

  def reset(self, **options):
    return self._told.get('reset', super().reset(**options))

  def step(self, action):
    return self._told.get('step', super().step(action))


ROW = np.zeros(2)


@pytest.mark.parametrize(
    'method, returned, words',
    [
        (
            'reset',
            ROW,
            'reset returned an array of shape .2,. and dtype float64, '
            'want 2 values: observation, info',
        ),
        ('reset', list(ROW), 'reset returned 0.0 as info, want a dict'),
        ('reset', (ROW, None), 'reset returned None as info, want a dict'),
        (
            'reset',
            (ROW[:1], {}),
            r'reset returned an observation of shape \(1,\), want \(2,\)',
        ),
        (
            'step',
            (ROW, 0.0, False, {}),
            'step returned 4 values, want 5 values: '
            'observation, reward, terminated, truncated, info',
        ),
        ('step', None, 'step returned None, want 5 values'),
        (
            'step',
            (1.0, 0.0, False, False, {}),
            r'returned an observation of shape \(\), want \(2,\)',
        ),
        (
            'step',
            (ROW[:1], 0.0, False, False, {}),
            r'returned an observation of shape \(1,\), want \(2,\)',
        ),
        ('step', (['1', '2'], 0.0, False, False, {}), "'2'. as observation"),
        (
            'step',
            ({'a': ROW}, 0.0, False, False, {}),
            'as observation, want real',
        ),
        (
            'step',
            (ROW, np.zeros(1), False, False, {}),
            'as reward, want a real',
        ),
        ('step', (ROW, None, False, False, {}), 'None as reward'),
        ('step', (ROW, '1', False, False, {}), "'1' as reward"),
        (
            'step',
            (ROW, 0.0, 'False', False, {}),
            "'False' as terminated, want a",
        ),
        ('step', (ROW, 0.0, None, False, {}), 'None as terminated'),
        ('step', (ROW, 0.0, True, np.nan, {}), 'nan as truncated'),
        ('step', (ROW, 0.0, False, np.zeros(1, bool), {}), 'as truncated'),
    ],
)
def test_values_that_gymnasium_does_not_allow_are_refused(
    method, returned, words
):
  environment = wrap(Returning(method, returned))
  with pytest.raises(ValueError, match=words) as caught:
    environment.reset(seed=0)
    environment.step(np.int32(0))
  assert '\n' not in str(caught.value)


def test_gymnasium_actions():
  inner = Counting(action_space=spaces.Discrete(3, start=5))
  environment = wrap(inner)
  assert environment.action_spec().num_values == 3
  environment.reset(seed=0)
  environment.step(np.int32(2))
  assert inner.actions == [7]
  with pytest.raises(ValueError, match='got 3, want one of 0..2'):
    environment.step(np.int32(3))

  space = spaces.Box(
      np.array([-2.0, -np.inf]), np.array([3.0, 4.0]), dtype=np.float64
  )
  inner = Counting(action_space=space)
  environment = wrap(inner)
  spec = environment.action_spec()
  assert (spec.dtype, spec.shape) == (np.float32, (2,))
  np.testing.assert_array_equal(spec.minimum, [-2.0, -np.inf])
  np.testing.assert_array_equal(spec.maximum, [3.0, 4.0])
  environment.reset(seed=0)
  with pytest.raises(ValueError, match=r'got shape \(3,\), want \(2,\)'):
    environment.step(np.zeros(3, np.float32))
  with pytest.raises(ValueError, match='want finite numbers'):
    environment.step(np.array([0.0, np.nan], np.float32))
  assert not inner.actions


def test_actions_without_bounds():
  space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
  spec = wrap(Counting(action_space=space)).action_spec()
  assert type(spec) is specs.Array


@pytest.mark.parametrize(
    'spaces_, words',
    [
        (
            dict(observation_space=spaces.Dict(a=spaces.Discrete(2))),
            'observations: got Dict.*FlattenObservation',
        ),
        (
            dict(observation_space=spaces.Discrete(3)),
            'observations: got Discrete',
        ),
        (
            dict(observation_space=spaces.Box(0.0, 1.0, (2, 2))),
            r'want one array of numbers of shape \[D\]',
        ),
        (
            dict(action_space=spaces.MultiDiscrete([2, 2])),
            'actions: got MultiDiscrete',
        ),
        (dict(action_space=spaces.Box(0.0, 1.0, (2, 2))), 'actions: got Box'),
        (
            dict(action_space=spaces.Box(0, 3, (2,), np.int64)),
            'actions: got Box',
        ),
    ],
)
def test_other_spaces_of_gymnasium_are_refused(spaces_, words):
  with pytest.raises(ValueError, match=words):
    wrap(Counting(**spaces_))


@pytest.mark.parametrize('discount', [0.0, 1.0])
def test_dm_env_episodes(discount):
  environment = adapted_environments.make_task_environment(
      lambda seed: Corridor(seed, discount=discount), 0
  )
  timestep = environment.reset(seed=3)
  assert timestep.first() and timestep.observation.dtype == np.float32
  assert not environment.success
  action = np.zeros(2, np.float32)
  timesteps = [environment.step(action) for _ in range(4)]
  assert [t.last() for t in timesteps] == [False, False, True, False]
  assert timesteps[3].first()
  assert [t.reward for t in timesteps[:3]] == [0.5, 0.5, 1.0]
  assert [t.discount for t in timesteps[:3]] == [1.0, 1.0, discount]
  for t in timesteps[:3]:
    assert type(t.reward) is type(t.discount) is np.float32
    assert t.observation.dtype == np.float32
  environment.step(action)
  assert environment.success
  environment.reset()
  assert not environment.success


@pytest.mark.parametrize(
    'method, timestep, words',
    [
        ('reset', np.zeros(1), 'reset returned .*, want a dm_env.TimeStep'),
        ('reset', dm_env.transition(0.0, np.zeros(1)), 'want StepType.FIRST'),
        ('reset', dm_env.restart(0.0), r'of shape \(\), want \(1,\)'),
        ('step', (np.zeros(1), 0.0, False, {}), 'want a dm_env.TimeStep'),
        ('step', dm_env.transition(0.0, np.zeros(2)), r'\(2,\), want \(1,\)'),
        (
            'step',
            dm_env.transition(np.zeros(1), np.zeros(1)),
            'as reward, want',
        ),
        ('step', dm_env.transition(0.0, np.zeros(1), None), 'None as discount'),
        ('step', dm_env.restart(np.zeros(1)), 'FIRST: 0> as step_type'),
    ],
)
def test_values_that_dm_env_does_not_allow_are_refused(method, timestep, words):
  inner = Corridor(0)
  setattr(inner, method, lambda *unused_action: timestep)
  environment = wrap(inner)
  with pytest.raises(ValueError, match=words):
    environment.reset()
    environment.step(np.zeros(2, np.float32))


@pytest.mark.parametrize('success', [np.nan, None, 'False', lambda: False])
def test_a_bad_success_of_dm_env_is_refused(success):
  inner = Corridor(0)
  inner.success = success
  environment = wrap(inner)
  environment.reset()
  environment.step(np.zeros(2, np.float32))
  with pytest.raises(ValueError, match='as success, want a bool'):
    _ = environment.success


def test_a_seed_makes_a_new_dm_env_environment():
  made = []

  def factory(seed):
    made.append(Corridor(seed))
    return made[-1]

  environment = adapted_environments.make_task_environment(factory, 1)
  a = environment.reset(seed=4).observation
  b = environment.reset().observation
  np.testing.assert_array_equal(a, environment.reset(seed=4).observation)
  np.testing.assert_array_equal(b, environment.reset().observation)
  assert a != b
  assert [inner.closed for inner in made] == [True, True, False]
  environment.close()
  assert made[-1].closed


def test_dm_env_specs():
  spec = wrap(Corridor(0)).action_spec()
  assert spec.dtype == np.float32
  np.testing.assert_array_equal(spec.minimum, [-1.0, -1.0])
  np.testing.assert_array_equal(spec.maximum, [1.0, 2.0])
  discrete = wrap(Corridor(0, spec=specs.DiscreteArray(3, np.int64)))
  assert discrete.action_spec().num_values == 3
  for options, words in [
      (dict(spec=specs.BoundedArray((), np.int32, 0, 3)), 'actions: got Bound'),
      (
          dict(observation_spec={'a': specs.Array((1,), np.float32)}),
          'observations: got {',
      ),
      (
          dict(observation_spec=specs.Array((), np.float32)),
          'observations: got Array',
      ),
      (dict(observation_spec=specs.StringArray(())), 'observations: got Str'),
  ]:
    with pytest.raises(ValueError, match=words):
      wrap(Corridor(0, **options))


def test_a_task_environment_is_left_as_it_is():
  inner = fakes.PointMass((0.0, 0.0), seed=0)
  assert wrap(inner) is inner


def test_something_else_is_refused():
  with pytest.raises(ValueError, match='got a builtins.dict, want a TaskEnv'):
    wrap({})


@pytest.mark.parametrize(
    'make', [lambda: wrap(Counting()), lambda: wrap(Corridor(0))]
)
def test_there_is_one_variation(make):
  environment = make()
  assert environment.num_variations == 1
  environment.reset(variation=0)
  with pytest.raises(ValueError, match='variation: got 1, want 0'):
    environment.reset(variation=1)


@pytest.mark.parametrize(
    'action',
    [
        ['1', '2'],
        [1j, 0.0],
        [True, False],
        [None, None],
        [[1.0], [1.0, 2.0]],
        [1e300, 0.0],
    ],
    ids=repr,
)
def test_actions_that_do_not_fit_the_environment_are_refused(action):
  inner = Counting(action_space=spaces.Box(-1.0, 1.0, (2,), np.float32))
  environment = wrap(inner)
  environment.reset(seed=0)
  with pytest.raises(ValueError, match='^action: got .*, want'):
    environment.step(action)
  assert not inner.actions


class Drawn(Counting):
  """Draws what it was told to draw."""

  def __init__(self, picture):
    super().__init__()
    self.picture = picture
    self.render_mode = None if picture is None else 'rgb_array'

  def render(self):
    if isinstance(self.picture, Exception):
      raise self.picture
    return self.picture


def test_gymnasiums_picture_is_returned():
  picture = np.zeros((3, 5, 3), np.uint8)
  environment = adapted_environments.GymnasiumEnvironment(
      Drawn(picture), seed=0
  )
  assert environment.render(height=8, width=8) is picture


@pytest.mark.parametrize(
    'picture, words',
    [
        (None, "was made without render_mode='rgb_array'"),
        (RuntimeError('no window'), 'no window; packages .* MUJOCO_GL=egl'),
    ],
)
def test_gymnasium_may_not_draw(picture, words):
  environment = adapted_environments.GymnasiumEnvironment(
      Drawn(picture), seed=0
  )
  with pytest.raises(OSError, match=f'^cannot draw: .*{words}'):
    environment.render()


class Physics:

  def render(self, height, width, camera_id):
    return np.full((height, width, 3), camera_id, np.uint8)


def test_dm_controls_picture_is_returned():
  environment = adapted_environments.DmEnvironment(Corridor(0), Corridor)
  with pytest.raises(OSError, match='DmEnvironment has no `render`'):
    environment.render()
  environment._environment.physics = Physics()
  assert environment.render(height=4, width=6).shape == (4, 6, 3)
