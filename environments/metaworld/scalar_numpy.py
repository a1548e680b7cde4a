"""Defines fast scalar versions, equal to the bit, of functions in rewards.

Meta-World computes on single numbers and 3-vectors with functions made for
large arrays: `np.linalg.norm` of three numbers takes 3 us, `tolerance` 20 us,
scipy's rotation 50 to 100 us. The functions of this module replace them in the
rewards' own code (see `fast_classes`). They do the same floating-point
operations in the same order, and call the original for all other inputs.

Some operations may be replaced and some may not. +, -, *, /, sqrt and
comparisons are exactly rounded, so Python floats give the same bits as NumPy's.
`**` calls the C library's pow in both. `dot` may use fused multiply-add, so the
scalar product of a norm stays NumPy's. So do `exp` and `log`, which NumPy
vectorises.
"""

import functools
import math
import types
from typing import Any, Dict, Mapping

from distillery.environments import rendering  # noqa: F401  # Before mujoco.
from metaworld.utils import reward_utils
import numpy as np
from scipy.spatial import transform

_FLOATS = (float, np.float64)
_NUMBERS = (float, np.float64, int)
_ndarray = np.ndarray
_float64 = np.dtype(np.float64)
_float64_type = np.float64
_sqrt = math.sqrt
_exp = np.exp

_stock_norm = np.linalg.norm
_stock_tolerance = reward_utils.tolerance

# The defaults of the stock function.
_VALUE_AT_MARGIN = 0.1
_GAUSSIAN_SCALE = float(np.sqrt(-2 * np.log(_VALUE_AT_MARGIN)))
_LONG_TAIL_SCALE = float(np.sqrt(1 / _VALUE_AT_MARGIN - 1))


def length(vector: np.ndarray) -> float:
  """Returns the norm of a contiguous float64 vector, as NumPy computes it."""
  return _sqrt(vector.dot(vector))


def norm(x: Any, ord: Any = None, **kwargs: Any) -> Any:
  """Computes `np.linalg.norm`, fast for a number or a contiguous vector.

  Args:
    x: the number or array; a float64 is fast, as is a contiguous float64 [N].
    ord: the order of the norm, as in NumPy; None and 2 are fast.
    **kwargs: the other arguments of `np.linalg.norm`.

  Returns:
    The norm, as NumPy returns it.
  """
  if not kwargs and (ord is None or ord == 2):
    if type(x) is _ndarray:
      if x.dtype is _float64 and x.ndim == 1 and x.flags.c_contiguous:
        return _float64_type(_sqrt(x.dot(x)))
    elif ord is None and type(x) in _FLOATS:
      return _float64_type(_sqrt(x * x))
  return _stock_norm(x, ord, **kwargs)


def tolerance(
    x: Any,
    bounds: Any = (0.0, 0.0),
    margin: Any = 0.0,
    sigmoid: reward_utils.SIGMOID_TYPE = 'gaussian',
    value_at_margin: float = _VALUE_AT_MARGIN,
) -> Any:
  """Computes `reward_utils.tolerance`, fast for one number.

  Args:
    x: the number, or an array.
    bounds: the bounds (lower, upper) within which the result is 1.
    margin: the distance from the bounds at which the result is
      `value_at_margin`, at least 0.
    sigmoid: the name of the function that falls off outside the bounds.
    value_at_margin: the result at `margin`, in (0, 1).

  Returns:
    The result, in [0, 1], with the shape of `x`.

  Raises:
    ValueError: if the bounds are in the wrong order or the margin is negative.
  """
  lower, upper = bounds
  if (
      type(x) not in _FLOATS
      or type(margin) not in _NUMBERS
      or type(lower) not in _NUMBERS
      or type(upper) not in _NUMBERS
  ):
    return _stock_tolerance(
        x,
        bounds=bounds,
        margin=margin,
        sigmoid=sigmoid,
        value_at_margin=value_at_margin,
    )
  if lower > upper:
    raise ValueError('Lower bound must be <= upper bound.')
  if value_at_margin == _VALUE_AT_MARGIN:
    if sigmoid == 'long_tail':
      return long_tail(x, lower, upper, margin)
    if sigmoid == 'gaussian':
      return gaussian(x, lower, upper, margin)
  return _stock_tolerance(
      x,
      bounds=bounds,
      margin=margin,
      sigmoid=sigmoid,
      value_at_margin=value_at_margin,
  )


def _excess(x: float, lower: float, upper: float, margin: float) -> float:
  """Returns the distance of an `x` out of bounds from them, in margins."""
  if margin == 0:
    return math.inf
  return float((lower - x if x < lower else x - upper) / margin)


def long_tail(x: float, lower: float, upper: float, margin: float) -> float:
  """Computes `tolerance` with the long-tailed sigmoid.

  Args:
    x: the number.
    lower: the lower bound; from here to `upper` the result is 1.
    upper: the upper bound.
    margin: the distance from the bounds at which the result is 0.1, at least 0.

  Returns:
    The result, in [0, 1].

  Raises:
    ValueError: if the margin is negative.
  """
  if margin < 0:
    raise ValueError(f'`margin` must be non-negative. Current value: {margin}')
  if lower <= x <= upper:
    return 1.0
  excess = _excess(x, lower, upper, margin)
  return 1 / ((excess * _LONG_TAIL_SCALE) ** 2 + 1)


def gaussian(x: float, lower: float, upper: float, margin: float) -> float:
  """Computes `tolerance` with the Gaussian sigmoid.

  Args:
    x: the number.
    lower: the lower bound; from here to `upper` the result is 1.
    upper: the upper bound.
    margin: the distance from the bounds at which the result is 0.1, at least 0.

  Returns:
    The result, in [0, 1].

  Raises:
    ValueError: if the margin is negative.
  """
  if margin < 0:
    raise ValueError(f'`margin` must be non-negative. Current value: {margin}')
  if lower <= x <= upper:
    return 1.0
  excess = _excess(x, lower, upper, margin)
  return float(_exp(-0.5 * (excess * _GAUSSIAN_SCALE) ** 2))


def hamacher_product(a: Any, b: Any) -> Any:
  """Computes `reward_utils.hamacher_product` on Python floats.

  Args:
    a: a number in [0, 1].
    b: another number in [0, 1].

  Returns:
    The product, in [0, 1].

  Raises:
    ValueError: if a number is not in [0, 1].
  """
  a, b = float(a), float(b)
  if not (0.0 <= a <= 1.0 and 0.0 <= b <= 1.0):
    raise ValueError(f'a ({a}) and b ({b}) must range between 0 and 1')
  denominator = a + b - (a * b)
  return ((a * b) / denominator) if denominator > 0 else 0


def hstack(arrays: Any, **kwargs: Any) -> np.ndarray:
  """Computes `np.hstack`, fast for a few scalars or 1-D arrays.

  Args:
    arrays: the tuple or list of scalars or arrays.
    **kwargs: the other arguments of `np.hstack`.

  Returns:
    The stacked array.
  """
  if not kwargs and type(arrays) in (tuple, list):
    first = arrays[0]
    if type(first) in _FLOATS and all(type(x) in _FLOATS for x in arrays):
      return np.array(arrays, np.float64)
    if all(type(x) is _ndarray and x.ndim == 1 for x in arrays):
      return np.concatenate(arrays)
  return np.hstack(arrays, **kwargs)


def clip(x: Any, low: Any, high: Any, **kwargs: Any) -> Any:
  """Computes `np.clip`, fast for one float32, such as an action's component.

  Args:
    x: the number or array.
    low: the lower bound.
    high: the upper bound.
    **kwargs: the other arguments of `np.clip`.

  Returns:
    The clipped number or array.
  """
  if type(x) is np.float32 and not kwargs and low <= x <= high:
    return x
  return np.clip(x, low, high, **kwargs)


def quaternion(matrix: np.ndarray) -> np.ndarray:
  """Computes `scipy.spatial.transform.Rotation.from_matrix(matrix).as_quat()`.

  Args:
    matrix: the rotation matrix, float64 [3, 3]; unlike scipy, this does not
      check it.

  Returns:
    The quaternion, float64 [4]: x, y, z, w.
  """
  (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = matrix.tolist()
  trace = xx + yy + zz
  # The first of the largest, as scipy chooses.
  largest = max(xx, yy, zz, trace)
  if largest == xx:
    x, y, z, w = 1 - trace + 2 * xx, yx + xy, zx + xz, zy - yz
  elif largest == yy:
    x, y, z, w = xy + yx, 1 - trace + 2 * yy, zy + yz, xz - zx
  elif largest == zz:
    x, y, z, w = xz + zx, yz + zy, 1 - trace + 2 * zz, yx - xy
  else:
    x, y, z, w = zy - yz, xz - zx, yx - xy, 1 + trace
  length = _sqrt(x * x + y * y + z * z + w * w)
  return np.array((x / length, y / length, z / length, w / length))


class Rotation:
  """The part of scipy's Rotation that Meta-World's observations call."""

  __slots__ = ('_matrix',)

  def __init__(self, matrix: np.ndarray):
    self._matrix = matrix

  @classmethod
  def from_matrix(cls, matrix: np.ndarray) -> 'Rotation':
    """Makes a rotation from its matrix, float64 [3, 3]."""
    return cls(matrix)

  def as_quat(self) -> np.ndarray:
    """Returns the quaternion, float64 [4]: x, y, z, w."""
    return quaternion(self._matrix)


@functools.cache
def quaternion_is_exact() -> bool:
  """Returns whether `quaternion` equals the installed scipy to the bit.

  scipy promises no order of operations. So each process compares the two once,
  on rotations that take each of the four branches.
  """
  random = np.random.RandomState(0)
  rotations = random.standard_normal((512, 4))
  matrices = transform.Rotation.from_quat(rotations).as_matrix()
  matrices[0] = np.eye(3)
  theirs = transform.Rotation.from_matrix(matrices).as_quat()
  ours = np.stack([quaternion(matrix) for matrix in matrices])
  return bool(np.array_equal(ours, theirs))


def _fast_numpy() -> types.ModuleType:
  """Returns a copy of NumPy with this module's `clip`, `hstack` and `norm`."""
  linalg = types.ModuleType('linalg')
  linalg.__dict__.update(np.linalg.__dict__, norm=norm)
  module = types.ModuleType('numpy')
  module.__dict__.update(np.__dict__, linalg=linalg, clip=clip, hstack=hstack)
  return module


def _fast_reward_utils() -> types.ModuleType:
  module = types.ModuleType('reward_utils')
  module.__dict__.update(
      reward_utils.__dict__,
      tolerance=tolerance,
      hamacher_product=hamacher_product,
  )
  return module


@functools.cache
def namespace() -> Mapping[str, Any]:
  """Returns the names that replace globals of Meta-World's modules."""
  overlay: Dict[str, Any] = {
      'np': _fast_numpy(),
      'reward_utils': _fast_reward_utils(),
  }
  if quaternion_is_exact():
    overlay['Rotation'] = Rotation
  return overlay
