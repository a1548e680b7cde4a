"""Converts spaces of gymnasium and specs of dm_env to the pool's specs."""

from typing import Any, Optional, Tuple

from dm_env import specs
import numpy as np


def of_observation_space(space: Any) -> specs.Array:
  """Returns the spec of a gymnasium observation space, float32 of shape [D].

  Raises:
    ValueError: unless the space is a Box of shape [D].
  """
  from gymnasium import spaces  # The caller has a space, so it is installed.

  is_box = isinstance(space, spaces.Box)
  return _observation(space, space.shape if is_box else None, space.dtype)


def of_observation_spec(spec: Any) -> specs.Array:
  """Returns the spec of a dm_env observation spec, float32 of shape [D].

  Raises:
    ValueError: unless the spec is an array of numbers of shape [D].
  """
  if not isinstance(spec, specs.Array):
    return _observation(spec, None, None)
  return _observation(spec, spec.shape, spec.dtype)


def of_action_space(space: Any) -> specs.Array:
  """Returns the spec of a gymnasium action space.

  It is float32 of shape [A], or a DiscreteArray that begins at 0.

  Raises:
    ValueError: unless the space is a Box of floats of shape [A], or a Discrete.
  """
  from gymnasium import spaces  # The caller has a space, so it is installed.

  if isinstance(space, spaces.Discrete):
    return specs.DiscreteArray(int(space.n), np.int32, name='action')
  if isinstance(space, spaces.Box) and _is_float_vector(space):
    return _float_vector(space.shape, space.low, space.high)
  raise ValueError(
      f'actions: got {space}, want a Box of floats of shape [A], '
      'or a Discrete: wrap the environment'
  )


def of_action_spec(spec: Any) -> specs.Array:
  """Returns the spec of a dm_env action spec.

  It is float32 of shape [A], or a DiscreteArray.

  Raises:
    ValueError: unless the spec is an array of floats of shape [A], or discrete.
  """
  if isinstance(spec, specs.DiscreteArray):
    return specs.DiscreteArray(spec.num_values, np.int32, name='action')
  if isinstance(spec, specs.Array) and _is_float_vector(spec):
    return _float_vector(
        spec.shape,
        getattr(spec, 'minimum', -np.inf),
        getattr(spec, 'maximum', np.inf),
    )
  raise ValueError(
      f'actions: got {spec}, want a BoundedArray of floats of '
      'shape [A], or a DiscreteArray: wrap the environment'
  )


def _is_float_vector(spec: Any) -> bool:
  return len(spec.shape) == 1 and spec.dtype.kind == 'f'


def _float_vector(shape: Tuple[int, ...], low: Any, high: Any) -> specs.Array:
  low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
  if not (np.isfinite(low).any() or np.isfinite(high).any()):
    return specs.Array(shape, np.float32, name='action')
  return specs.BoundedArray(shape, np.float32, low, high, name='action')


def _observation(
    given: Any, shape: Optional[Tuple[int, ...]], dtype: Any
) -> specs.Array:
  if shape is None or len(shape) != 1 or np.dtype(dtype).kind not in 'fiub':
    raise ValueError(
        f'observations: got {given}, want one array of numbers of shape [D]: '
        'wrap the environment so that it flattens or concatenates them, for '
        'gymnasium with gymnasium.wrappers.FlattenObservation'
    )
  return specs.Array(tuple(shape), np.float32, name='observation')
