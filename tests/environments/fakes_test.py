"""The fakes do what they say, and their optimum is one."""

import itertools

from distillery.environments import fakes
import dm_env
import numpy as np
import pytest


def play(environment, act, timestep):
  """Sum of rewards, discounts and last time step of an episode."""
  total, discounts = 0.0, []
  while not timestep.last():
    timestep = environment.step(act(timestep.observation))
    total += float(timestep.reward)
    discounts.append(float(timestep.discount))
  return total, discounts, timestep


SUITES = {
    'point_mass': lambda: fakes.point_mass_suite(3),
    'grid': lambda: fakes.grid_suite(3),
}


@pytest.mark.parametrize('name', SUITES)
def test_every_task_keeps_the_contract(name):
  suite = SUITES[name]()
  assert len(suite.train_tasks) == 3
  rng = np.random.default_rng(0)
  for task in suite.tasks:
    environment = task.factory(0)
    observations = []
    for seed in (5, 5, 6):
      timestep = environment.reset(seed=seed)
      assert timestep.first()
      assert not environment.success
      observations.append(timestep.observation)
      environment.observation_spec().validate(timestep.observation)
    np.testing.assert_array_equal(observations[0], observations[1])
    for _ in range(120):
      action = suite.action_spec.generate_value()
      if name == 'grid':
        action = np.int32(rng.integers(4))
      timestep = environment.step(action)
      suite.observation_spec.validate(timestep.observation)
      if timestep.step_type != dm_env.StepType.FIRST:
        assert type(timestep.reward) is np.float32
        assert type(timestep.discount) is np.float32
      if timestep.last() and timestep.discount == 1.0:
        assert environment.step(action).first()


def test_episodes_are_functions_of_their_seed():
  for suite in (fakes.point_mass_suite(1), fakes.grid_suite(1)):
    returns = []
    for _ in range(2):
      environment = suite.tasks[0].factory(1)
      action = suite.action_spec.generate_value()
      returns.append(
          [
              play(
                  environment,
                  lambda _, a=action: a,
                  environment.reset(seed=seed),
              )[:2]
              for seed in (1, 2)
          ]
      )
    assert returns[0] == returns[1]


def test_the_point_mass_optimum_is_the_return_of_its_policy():
  for task in fakes.point_mass_suite(4).tasks:
    environment = task.factory(0)
    for variation in range(environment.num_variations):
      start = environment.reset(variation=variation)
      total, discounts, _ = play(environment, environment.optimal_action, start)
      assert environment.success
      assert total == pytest.approx(
          environment.optimal_return(start.observation), abs=1e-4
      )
      assert discounts == [1.0] * 50


def test_nothing_beats_the_point_mass_optimum():
  # All sequences of three actions out of a coarse set, from each start.
  choices = [
      np.array(a, np.float32)
      for a in itertools.product((-1.0, -0.4, 0.0, 0.4, 1.0), repeat=2)
  ]
  environment = fakes.PointMass((0.15, -0.3), seed=0, horizon=3)
  start = environment.reset(variation=0)
  best = -np.inf
  for first in choices:
    for second in choices:
      for third in choices[::3]:
        environment.reset(variation=0)
        best = max(
            best,
            sum(
                float(environment.step(a).reward)
                for a in (first, second, third)
            ),
        )
  optimum = environment.optimal_return(start.observation)
  assert best <= optimum + 1e-5
  assert best > optimum - 0.3  # The bound is not an empty one.


def test_point_mass_goals_differ_and_starts_do_not():
  environments = [
      t.factory(i) for i, t in enumerate(fakes.point_mass_suite(3).tasks)
  ]
  assert len({tuple(e.goal) for e in environments}) == 3
  starts = [e.reset(variation=2).observation for e in environments]
  np.testing.assert_array_equal(starts[0], starts[1])


def test_grid_values_are_what_playing_gives():
  environment = fakes.Grid(15, seed=0, horizon=1000)
  values = environment.optimal_values(0.9)
  rng = np.random.default_rng(0)
  returns = []
  for _ in range(400):
    timestep = environment.reset(seed=int(rng.integers(2**31)))
    start, discounted, weight = timestep.observation.argmax(), 0.0, 1.0
    while not timestep.last():
      cell = timestep.observation.argmax()
      timestep = environment.step(values[cell].argmax())
      discounted += weight * float(timestep.reward)
      weight *= 0.9
    assert environment.success and timestep.discount == 0.0
    returns.append(discounted - values[start].max())
  # Five standard errors.
  assert abs(np.mean(returns)) < 5.0 * np.std(returns) / np.sqrt(400.0)
  assert np.std(returns) > 0.01


def test_grid_values_solve_the_bellman_equation():
  environment = fakes.Grid(6, seed=0)
  values = environment.optimal_values(0.8)
  transitions = environment.transitions()
  np.testing.assert_allclose(transitions.sum(-1), 1.0)
  np.testing.assert_allclose(
      values,
      environment.rewards() + 0.8 * transitions @ values.max(-1),
      atol=1e-9,
  )
  assert (values[6] == 0.0).all()
  # From the cell to the left of the goal, right is best.
  assert values[5].argmax() == 1


def test_grid_moves_as_its_transitions_say():
  environment = fakes.Grid(15, seed=0)
  counts = np.zeros(16)
  for seed in range(4000):
    timestep = environment.reset(seed=seed)
    if timestep.observation.argmax() == 5:
      counts[environment.step(np.int32(1)).observation.argmax()] += 1
  assert counts.sum() > 150
  np.testing.assert_allclose(
      counts / counts.sum(), environment.transitions()[5, 1], atol=0.06
  )


@pytest.mark.parametrize(
    'call, words',
    [
        (lambda: fakes.point_mass_suite(0), 'num_tasks=0'),
        (lambda: fakes.grid_suite(17), 'at most 16'),
        (lambda: fakes.PointMass((2.0, 0.0), seed=0), 'two floats'),
        (lambda: fakes.PointMass((0.0, 0.0), seed=0, horizon=0), 'horizon=0'),
        (
            lambda: fakes.PointMass((0.0, 0.0), seed=0).reset(variation=8),
            'variation=8',
        ),
        (lambda: fakes.Grid(16, seed=0), 'goal=16'),
        (lambda: fakes.Grid(0, seed=0, slip=1.5), 'slip=1.5'),
        (lambda: fakes.Grid(0, seed=0).reset(variation=1), 'variation=1'),
        (lambda: fakes.Grid(0, seed=0).optimal_values(1.0), 'discount=1.0'),
    ],
)
def test_bad_arguments_are_refused(call, words):
  with pytest.raises(ValueError, match=words):
    call()


def test_a_grid_refuses_an_action_that_it_does_not_have():
  environment = fakes.Grid(0, seed=0)
  environment.reset(seed=0)
  with pytest.raises(ValueError, match='got action 4'):
    environment.step(np.int32(4))


@pytest.mark.parametrize(
    'action',
    [-1, 1.5, 1.0, True, 'x', None, [1], np.array([1, 2]), [[1], [2, 3]]],
    ids=repr,
)
def test_a_grid_refuses_what_is_no_action(action):
  environment = fakes.Grid(0, seed=0)
  environment.reset(seed=0)
  with pytest.raises(ValueError, match='^Grid.step: got action .*, want 0, 1'):
    environment.step(action)


@pytest.mark.parametrize(
    'action',
    [
        1.0,
        [1.0],
        [[1.0, 1.0]],
        [1.0] * 3,
        [np.nan, 1.0],
        [1e300, 0.0],
        ['1', '1'],
        [1j, 0.0],
        [True, True],
        [None, None],
        [[1.0], [1.0, 1.0]],
        None,
    ],
    ids=repr,
)
def test_a_point_mass_refuses_what_is_no_action(action):
  environment = fakes.PointMass((0.5, 0.5), seed=0)
  first = environment.reset(seed=0).observation
  with pytest.raises(ValueError, match='^action: got '):
    environment.step(action)
  moved = environment.step([1, -1]).observation  # Nothing has moved it before.
  np.testing.assert_allclose(moved - first, [0.1, -0.1], rtol=1e-5)


def test_optima_are_of_positions_in_the_plane():
  environment = fakes.PointMass((0.5, 0.5), seed=0)
  with pytest.raises(ValueError, match=r'got an observation of shape \(3, 1\)'):
    environment.optimal_action(np.zeros((3, 1)))
  with pytest.raises(ValueError, match='want two floats'):
    environment.optimal_return(np.zeros(1))


@pytest.mark.parametrize('variation', [True, 1.0, 0.5, '0', [0]], ids=repr)
@pytest.mark.parametrize(
    'task',
    [
        lambda: fakes.PointMass((0.0, 0.0), seed=0),
        lambda: fakes.Grid(0, seed=0),
    ],
)
def test_a_variation_is_an_integer(task, variation):
  with pytest.raises(ValueError, match='got variation='):
    task().reset(variation=variation)
