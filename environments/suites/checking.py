"""Checks environments before they are trained on: what they return, and seeds.

  checking.check_suite(suite)

makes one environment of each task, resets and steps it, and raises an error
with one sentence that says what is wrong.
"""

from typing import List, NamedTuple

from distillery.environments import base
from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import environment_building
import dm_env
from dm_env import specs
import numpy as np

_NUM_STEPS = 60  # The steps in which two episodes are compared.
_SEED = 1


class _Steps(NamedTuple):
  """The observations and rewards of an episode."""

  observations: List[np.ndarray]
  rewards: List[np.ndarray]


def check_suite(suite: base.TaskSuite) -> None:
  """Checks one environment of each task.

  Specs are those of the suite; observations lie within their bounds; rewards,
  discounts and success have the right types; two episodes of the same seed and
  actions are the same; and a step after the last one begins an episode.

  Args:
    suite: the suite of the tasks.

  Raises:
    ValueError: if an environment fails a check. The message names the task.
  """
  for task in suite.tasks:
    try:
      _check_task(suite, task)
    except ValueError as error:
      raise ValueError(f'task {task.name!r} of {suite.name}: {error}') from None
    except Exception as error:  # A user's environment may raise anything.
      raise ValueError(
          f'task {task.name!r} of {suite.name}: '
          f'{type(error).__name__}: {error}'
      ) from error


def _check_task(suite: base.TaskSuite, task: base.Task) -> None:
  environment = environment_building.build(
      task, _SEED, suite.observation_spec.shape[0], suite.action_spec
  )
  try:
    first = _episode(suite, task, environment, suite.horizon or _NUM_STEPS)
    again = _episode(suite, task, environment, _NUM_STEPS)
  finally:
    environment.close()
  for name, values, others in (
      ('observation', first.observations, again.observations),
      ('reward', first.rewards, again.rewards),
  ):
    for step, (value, other) in enumerate(zip(values, others)):
      if not np.array_equal(value, other):
        raise ValueError(
            f'two episodes of reset(seed={_SEED}) with the same actions differ '
            f'in the {name} of step {step}; want all randomness from the seed'
        )


def _episode(
    suite: base.TaskSuite,
    task: base.Task,
    environment: base.TaskEnvironment,
    num_steps: int,
) -> _Steps:
  """Plays an episode with random actions, at most for so many steps."""
  shape = suite.observation_spec.shape
  rng = np.random.default_rng(_SEED)
  timestep_checks.num_variations(environment, task.name)
  observation = timestep_checks.first_observation(
      environment.reset(seed=_SEED), shape
  )
  _check_bounds(suite.observation_spec, observation)
  if timestep_checks.as_flag(environment.success, 'success'):
    raise ValueError('success is true after a reset; want false')
  steps = _Steps([observation], [])
  for step in range(1, num_steps + 1):
    action = environment_building.random_action(suite.action_spec, rng)
    timestep = environment.step(action)
    timestep_checks.check_step(timestep, shape)
    observation = np.array(timestep.observation, np.float32)
    number_checks.check_numbers(
        observation[np.newaxis],
        np.array([timestep.reward], np.float32),
        np.array([timestep.discount], np.float32),
    )
    _check_bounds(suite.observation_spec, observation)
    timestep_checks.as_flag(environment.success, 'success')
    steps.observations.append(observation)
    steps.rewards.append(np.asarray(timestep.reward))
    if timestep.last():
      _check_next_episode(environment, action)
      break
    if step == suite.horizon:
      raise ValueError(
          f'the episode has not ended after {step} steps, the horizon of the '
          'suite'
      )
  return steps


def _check_bounds(spec: specs.Array, observation: np.ndarray) -> None:
  if not isinstance(spec, specs.BoundedArray):
    return
  outside = (observation < spec.minimum) | (observation > spec.maximum)
  if outside.any():
    index = int(np.argmax(outside))
    low, high = (
        np.broadcast_to(bound, spec.shape)[index]
        for bound in (spec.minimum, spec.maximum)
    )
    raise ValueError(
        f'observation {observation[index]:g} at index {index} is outside '
        f'[{low:g}, {high:g}], the bounds of the spec'
    )


def _check_next_episode(
    environment: base.TaskEnvironment, action: np.ndarray
) -> None:
  step_type = environment.step(action).step_type
  if step_type is not dm_env.StepType.FIRST:
    raise ValueError(
        f'a step after the last one returned {step_type!r}; want a new episode, '
        'with StepType.FIRST'
    )
