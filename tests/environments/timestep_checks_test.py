"""Tests of what an environment may return, and what it may not."""

import decimal

from distillery.environments import timestep_checks
import dm_env
import numpy as np
import pytest

OBSERVATION = np.arange(3, dtype=np.float32)
GOOD = dm_env.TimeStep(
    dm_env.StepType.MID, np.float32(1.0), np.float32(1.0), OBSERVATION
)
FIRST = dm_env.restart(OBSERVATION)

OBSERVATIONS = [
    (np.float32(7.0), r'observation of shape \(\), want \(3,\)'),
    (7.0, r'observation of shape \(\), want \(3,\)'),
    (OBSERVATION[:1], r'observation of shape \(1,\), want \(3,\)'),
    (OBSERVATION[:2], r'observation of shape \(2,\)'),
    (np.zeros(4, np.float32), r'observation of shape \(4,\)'),
    (OBSERVATION[:, np.newaxis], r'observation of shape \(3, 1\)'),
    (OBSERVATION[np.newaxis], r'observation of shape \(1, 3\)'),
    (OBSERVATION.astype(object), 'dtype object as observation, want real'),
    (OBSERVATION.astype(complex), 'dtype complex128 as observation'),
    (OBSERVATION.astype(str), 'dtype <U32 as observation'),
    (['1', '2', '3'], "returned .'1', '2', '3'. as observation"),
    ([1.0, [2.0, 3.0]], 'as observation, want real numbers'),
    ({'a': OBSERVATION}, 'as observation, want real numbers'),
    (None, r'None as observation, want real numbers of shape \(3,\)'),
]
NUMBERS = [
    np.ones(1, np.float32),
    np.ones(3, np.float32),
    [1.0],
    None,
    '1.5',
    1j,
    True,
    np.bool_(False),
    np.array(None),
    decimal.Decimal(1),
    {},
]
FLAGS = [
    np.nan,
    None,
    'False',
    '',
    -1,
    2,
    0.5,
    1e-9,
    np.float32(np.nan),
    [],
    [True],
    np.ones(1, bool),
    np.ones(2, bool),
    {},
    1j,
    lambda: False,
    np.array(None),
    np.array(np.nan),
]


@pytest.mark.parametrize('value, words', OBSERVATIONS)
def test_observations_that_are_refused(value, words):
  with pytest.raises(timestep_checks.BadValue, match=words) as caught:
    timestep_checks.check_step(GOOD._replace(observation=value), (3,))
  assert str(caught.value).startswith('the environment returned ')
  assert '\n' not in str(caught.value)
  with pytest.raises(timestep_checks.BadValue, match='^reset .*' + words):
    timestep_checks.first_observation(FIRST._replace(observation=value), (3,))


@pytest.mark.parametrize('name', ['reward', 'discount'])
@pytest.mark.parametrize('value', NUMBERS)
def test_rewards_and_discounts_that_are_refused(name, value):
  with pytest.raises(
      timestep_checks.BadValue,
      match=(f'^the environment returned .* as {name}, want a real number$'),
  ):
    timestep_checks.check_step(GOOD._replace(**{name: value}), (3,))


@pytest.mark.parametrize(
    'value', [OBSERVATION, None, (OBSERVATION, 1.0, False, {}), tuple(GOOD), {}]
)
def test_values_that_are_no_time_step_are_refused(value):
  for method, check in (
      ('step', timestep_checks.check_step),
      ('reset', timestep_checks.first_observation),
  ):
    with pytest.raises(
        timestep_checks.BadValue,
        match=(f'^{method} returned .*, want a dm_env.TimeStep$'),
    ):
      check(value, (3,))


@pytest.mark.parametrize(
    'step_type', [dm_env.StepType.FIRST, None, 1, True, np.array([1]), 'MID']
)
def test_step_types_that_are_refused(step_type):
  with pytest.raises(
      timestep_checks.BadValue,
      match=('as step_type, want StepType.MID or StepType.LAST'),
  ):
    timestep_checks.check_step(GOOD._replace(step_type=step_type), (3,))
  with pytest.raises(
      timestep_checks.BadValue,
      match=('reset returned .* as step_type, want StepType.FIRST'),
  ):
    timestep_checks.first_observation(
        FIRST._replace(step_type=dm_env.StepType.LAST), (3,)
    )


@pytest.mark.parametrize(
    'observation',
    [
        OBSERVATION,
        OBSERVATION.astype(np.float64),
        OBSERVATION.astype(np.uint8),
        OBSERVATION > 1.0,
        [0, 1, 2],
        (0.0, 1.0, 2.0),
    ],
)
@pytest.mark.parametrize(
    'number',
    [
        np.float32(1.0),
        np.float64(1.0),
        1.0,
        1,
        np.int8(1),
        np.array(1.0),
        np.nan,
    ],
)
def test_numbers_of_other_types_are_taken(observation, number):
  for step_type in (dm_env.StepType.MID, dm_env.StepType.LAST):
    timestep_checks.check_step(
        dm_env.TimeStep(step_type, number, number, observation), (3,)
    )
  first = timestep_checks.first_observation(dm_env.restart(observation), (3,))
  assert first.dtype == np.float32
  np.testing.assert_array_equal(first, np.asarray(observation, np.float32))


@pytest.mark.parametrize('value', [np.nan, np.inf, 1e300])
def test_first_observations_are_finite(value):
  with pytest.raises(
      timestep_checks.BadValue,
      match=(
          'reset returned an observation that is not finite: (nan|inf) at index 1'
      ),
  ):
    timestep_checks.first_observation(
        dm_env.restart(np.array([0.0, value, 0.0])), (3,)
    )


@pytest.mark.parametrize('value', FLAGS)
def test_truth_values_that_are_refused(value):
  with pytest.raises(
      timestep_checks.BadValue,
      match=(
          '^the environment returned .* as success, want a bool, or a number of 0 '
          'or 1$'
      ),
  ):
    timestep_checks.as_flag(value, 'success')


@pytest.mark.parametrize(
    'kind', [bool, np.bool_, int, float, np.float32, np.int64, np.array]
)
@pytest.mark.parametrize('value', [True, False])
def test_truth_values_that_are_taken(kind, value):
  flag = timestep_checks.as_flag(kind(value), 'success')
  assert flag is value


@pytest.mark.parametrize(
    'value', [None, 0, -1, 2.0, np.nan, True, '2', [2], np.array([2])]
)
def test_numbers_of_variations_that_are_refused(value):
  class Environment:
    num_variations = value

  with pytest.raises(
      timestep_checks.BadValue,
      match=("num_variations of 'a': got .*, want a positive integer"),
  ):
    timestep_checks.num_variations(Environment(), 'a')


def test_long_values_are_shortened():
  assert len(timestep_checks.brief(1000 * 'x')) < 60
  assert timestep_checks.brief(np.ones((2, 2))) == (
      'an array of shape (2, 2) and dtype float64'
  )
