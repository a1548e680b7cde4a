"""Checks the time steps of one environment before they are used.

NumPy would accept many faults: a single number fills a whole row of an array, a
string becomes a number, and NaN, None and 'False' all have a truth value.
"""

import reprlib
from typing import Any, Optional, Tuple

from distillery.environments import base
import dm_env
import numpy as np

_FIRST, _MID, _LAST = dm_env.StepType
# Looked up once: each step of each environment is compared with these.
_TIMESTEP, _ARRAY, _NUMBER = dm_env.TimeStep, np.ndarray, np.float32
_DTYPE = np.dtype(np.float32)
_REAL = 'fiub'  # The kinds of the dtypes of real numbers and bools.


class BadValue(ValueError):
  """An invalid value that a policy or an environment returned."""


def check_step(timestep: Any, shape: Tuple[int, ...]) -> None:
  """Checks the types and shapes in a time step that `step` returned.

  `number_checks.check_numbers` checks the numbers, of all environments at once.

  Args:
    timestep: the value that `step` returned within an episode.
    shape: the shape of an observation, (D,).

  Raises:
    BadValue: unless it is a `dm_env.TimeStep` of type MID or LAST whose reward
      and discount are real numbers and whose observation has this shape.
  """
  if type(timestep) is _TIMESTEP:
    step_type, reward, discount, observation = timestep
    # The types that environments should return.
    if (
        type(reward) is _NUMBER
        and type(discount) is _NUMBER
        and type(observation) is _ARRAY
        and observation.shape == shape
        and observation.dtype is _DTYPE
        and (step_type is _MID or step_type is _LAST)
    ):
      return
  _check_type(timestep, 'step', (_MID, _LAST))
  check_number(timestep.reward, 'reward')
  check_number(timestep.discount, 'discount')
  check_observation(timestep.observation, shape)


def first_observation(timestep: Any, shape: Tuple[int, ...]) -> np.ndarray:
  """Checks the time step that `reset` returned and returns its observation.

  Args:
    timestep: the value that `reset` returned.
    shape: the shape of an observation, (D,).

  Returns:
    The observation, float32 [D].

  Raises:
    BadValue: unless it is a `dm_env.TimeStep` of type FIRST with an observation
      of this shape and of finite numbers.
  """
  _check_type(timestep, 'reset', (_FIRST,))
  observation = check_observation(timestep.observation, shape, 'reset')
  with np.errstate(over='ignore'):  # Too large a number becomes infinite.
    observation = observation.astype(np.float32)
  if not np.isfinite(observation).all():
    column = int(np.argmin(np.isfinite(observation)))
    raise BadValue(
        'reset returned an observation that is not finite: '
        f'{observation[column]} at index {column}'
    )
  return observation


def check_observation(
    value: Any, shape: Tuple[int, ...], who: str = 'the environment'
) -> np.ndarray:
  """Returns an observation as an array of real numbers.

  Args:
    value: the value that was returned as the observation.
    shape: the shape that it should have, (D,).
    who: the subject of the error message: the thing that returned the value.

  Returns:
    The observation, an array of real numbers or bools of shape [D].

  Raises:
    BadValue: if the value has another shape or is not made of real numbers.
  """
  if (
      type(value) is _ARRAY
      and value.shape == shape
      and value.dtype.kind in _REAL
  ):
    return value  # The quick way, as this runs at each step: without a call.
  array = real_numbers(value)
  if array is None:
    raise BadValue(
        f'{who} returned {brief(value)} as observation, want real '
        f'numbers of shape {shape}'
    )
  if array.shape != shape:
    raise BadValue(
        f'{who} returned an observation of shape {array.shape}, '
        f'want {shape}'
    )
  return array


def check_number(value: Any, what: str) -> None:
  """Checks that a value is a single real number.

  Args:
    value: the value that the environment returned.
    what: the name of the value, e.g. 'reward'.

  Raises:
    BadValue: if it is anything else.
  """
  if isinstance(value, (float, np.floating)):
    return
  array = real_numbers(value)
  if array is None or array.shape or array.dtype.kind == 'b':
    raise BadValue(
        f'the environment returned {brief(value)} as {what}, want a '
        'real number'
    )


def as_flag(value: Any, what: str) -> bool:
  """Returns the truth value of a bool, or of a number that is 0 or 1.

  Args:
    value: the value that the environment returned.
    what: the name of the value, e.g. 'success'.

  Returns:
    The truth value, as a Python bool.

  Raises:
    BadValue: if the value is anything else.
  """
  if type(value) is bool or type(value) is np.bool_:
    return bool(value)
  array = real_numbers(value)
  if array is None or array.shape or not (array == 0 or array == 1):
    raise BadValue(
        f'the environment returned {brief(value)} as {what}, want a '
        'bool, or a number of 0 or 1'
    )
  return bool(array)


def num_variations(environment: base.TaskEnvironment, task: str) -> int:
  """Returns the number of variations of an environment.

  Args:
    environment: the environment whose `num_variations` is read.
    task: the task's name, for the error message.

  Returns:
    The number, at least 1.

  Raises:
    BadValue: if `num_variations` is not a positive integer.
  """
  value = environment.num_variations
  if (
      not isinstance(value, (int, np.integer))
      or isinstance(value, bool)
      or value < 1
  ):
    raise BadValue(
        f'num_variations of {task!r}: got {brief(value)}, want a '
        'positive integer'
    )
  return int(value)


def real_numbers(value: Any) -> Optional[np.ndarray]:
  """Returns a value as an array of real numbers or bools, or None if it is not.

  Strings, objects and complex numbers are not real numbers.
  """
  try:
    array = np.asarray(value)
  except (TypeError, ValueError, RuntimeError):  # E.g. rows of unequal length.
    return None
  return array if array.dtype.kind in _REAL else None


def brief(value: Any) -> str:
  """Describes a value in a few words, on one line."""
  if isinstance(value, np.ndarray) and value.shape:
    return f'an array of shape {value.shape} and dtype {value.dtype}'
  return ' '.join(reprlib.repr(value).split())


def _check_type(
    timestep: Any, method: str, want: Tuple[dm_env.StepType, ...]
) -> None:
  """Raises BadValue unless `method` returned a TimeStep of a wanted type."""
  if not isinstance(timestep, dm_env.TimeStep):
    raise BadValue(
        f'{method} returned {brief(timestep)}, want a dm_env.TimeStep'
    )
  step_type = timestep.step_type
  if not isinstance(step_type, dm_env.StepType) or step_type not in want:
    names = ' or '.join(f'StepType.{wanted.name}' for wanted in want)
    raise BadValue(
        f'{method} returned {brief(step_type)} as step_type, want {names}'
    )
