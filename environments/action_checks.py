"""Checks the actions that environments are given, and converts them."""

from typing import Any

from dm_env import specs
import numpy as np
from numpy import typing as npt


def is_choice(action: Any, num_values: int) -> bool:
  """Returns whether an action is a single integer in [0, num_values).

  Args:
    action: the action to check.
    num_values: the number of discrete actions.

  Returns:
    True if it is such an integer, of Python or NumPy.
  """
  try:
    choice = np.asarray(action)
  except (TypeError, ValueError):
    return False
  return (
      not choice.shape
      and choice.dtype.kind in 'iu'
      and bool(0 <= choice < num_values)
  )


def as_floats(action: Any, dtype: Any) -> np.ndarray:
  """Returns a continuous action as an array of floats.

  Args:
    action: the real numbers of the action, of any shape.
    dtype: the dtype of the floats.

  Returns:
    The action with that dtype. A number too large for it becomes infinite.

  Raises:
    ValueError: if the action is not made of real numbers. NumPy would read
      strings and cut off imaginary parts.
  """
  try:
    array = np.asarray(action)
  except (TypeError, ValueError):
    raise ValueError(
        f'action: got {action!r}, want an array of floats'
    ) from None
  if array.dtype.kind not in 'fiu':
    raise ValueError(f'action: got dtype {array.dtype}, want floats')
  if array.dtype != dtype:
    with np.errstate(over='ignore'):
      array = array.astype(dtype)
  return array


class ActionEncoder:
  """A converter of actions from the pool's spec to a wrapped environment's."""

  def __init__(self, spec: specs.Array, dtype: npt.DTypeLike, start: int):
    """Initialises the encoder.

    Args:
      spec: the spec of the actions to convert.
      dtype: the dtype of the environment's actions.
      start: the number of the environment's first discrete action.
    """
    self._spec = spec
    self._dtype: np.dtype = np.dtype(dtype)
    self._start = start

  def __call__(self, action: Any) -> Any:
    """Checks an action and converts it.

    Raises:
      ValueError: if the action does not fit the spec, or is not finite.
    """
    spec = self._spec
    if isinstance(spec, specs.DiscreteArray):
      if not is_choice(action, spec.num_values):
        raise ValueError(
            f'action: got {action}, want one of 0..{spec.num_values - 1}'
        )
      return self._dtype.type(np.asarray(action) + self._start)
    action = as_floats(action, self._dtype)
    if action.shape != spec.shape:
      raise ValueError(f'action: got shape {action.shape}, want {spec.shape}')
    if not np.isfinite(action).all():
      raise ValueError(f'action: got {action}, want finite numbers')
    return action.copy()
