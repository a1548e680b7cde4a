"""Solves linear systems whose matrices are given as products with vectors."""

import functools
from typing import Callable, Tuple

from distillery.ops import checks
import tensorflow as tf


def conjugate_gradient(
    product: Callable[[tf.Tensor], tf.Tensor],
    b: tf.Tensor,
    *,
    num_iterations: int,
    tolerance: float = 1e-10,
) -> Tuple[tf.Tensor, tf.Tensor]:
  """Solves A_k x_k = b_k for K symmetric positive definite A_k at once.

  Conjugate gradients (Hestenes and Stiefel 1952; Nocedal and Wright 2006,
  algorithm 5.2), from x = 0 and with r = b - A x:

    a  = r^T r / p^T A p       x' = x + a p      r' = r - a A p
    p' = r' + (r'^T r' / r^T r) p

  Each system has its own a. A system stops when its r^T r is below `tolerance`
  or when it meets a direction without curvature (p^T A p <= 0); its x then
  stays the same while the other systems continue. Everything except the product
  is computed in float64, since vectors of P numbers are cheap beside a product.

  In exact arithmetic every residual is orthogonal to all earlier ones. Rounding
  errors in the product bring back directions that were already solved, and
  later iterations are wasted on them. So each residual is made orthogonal to
  the earlier ones, which are kept: `[K, num_iterations, P]` float64.

  Args:
    product: a function from v to A v, both `[K, P]` and of b's dtype; A_k alone
      is applied to row k.
    b: the right-hand sides, `[K, P]`, of a floating dtype.
    num_iterations: the largest number of products, >= 1.
    tolerance: the squared norm of the residual below which a system is solved,
      in units of b squared.

  Returns:
    x and A x = b - r, both `[K, P]` float64; the latter costs no product. A NaN
    in a system's b or products spoils the x of that system only.

  Raises:
    ValueError: if b is not a matrix, the products have another shape than b, or
      num_iterations is below 1.
  """
  if b.shape.rank != 2:
    raise ValueError(f'b must be [K, P], got shape {b.shape}.')
  if num_iterations < 1:
    raise ValueError(f'num_iterations must be >= 1, got {num_iterations}.')
  b_64 = tf.cast(b, tf.float64)
  square = _dot(b_64, b_64)
  begin = (
      tf.zeros_like(b_64),
      b_64,
      b_64,
      square,
      ~(square < tolerance),
      tf.zeros([b.shape[0], 0, b.shape[1]], tf.float64),
  )
  x, r, *_ = tf.while_loop(
      lambda x, r, p, square, active, earlier: tf.reduce_any(active),
      functools.partial(
          _iteration,
          lambda p: tf.cast(product(tf.cast(p, b.dtype)), p.dtype),
          tolerance,
      ),
      begin,
      shape_invariants=(
          *(part.shape for part in begin[:-1]),
          tf.TensorShape([b.shape[0], None, b.shape[1]]),
      ),
      maximum_iterations=num_iterations,
  )
  return x, b_64 - r


def _iteration(
    product: Callable[[tf.Tensor], tf.Tensor],
    tolerance: float,
    x: tf.Tensor,
    r: tf.Tensor,
    p: tf.Tensor,
    square: tf.Tensor,
    active: tf.Tensor,
    earlier: tf.Tensor,
) -> Tuple[tf.Tensor, ...]:
  """Computes one iteration of `conjugate_gradient`.

  `earlier` `[K, I, P]` holds the normalised residuals before r.
  """
  unit = tf.math.divide_no_nan(r, tf.sqrt(square)[:, tf.newaxis])
  earlier = tf.concat([earlier, unit[:, tf.newaxis]], axis=1)
  a_p = product(p)
  checks.same_shape('conjugate_gradient', b=r, product=a_p)
  curvature = _dot(p, a_p)
  # Negated, so that a system with a NaN stays active and x shows the NaN.
  active &= ~(curvature <= 0.0)
  size = (square / tf.where(active, curvature, 1.0))[:, tf.newaxis]
  moves = active[:, tf.newaxis]
  x = tf.where(moves, x + size * p, x)
  r = tf.where(moves, _orthogonal(r - size * a_p, earlier), r)
  square_new = _dot(r, r)
  active &= ~(square_new < tolerance)
  ratio = square_new / tf.where(active, square, 1.0)
  p = tf.where(active[:, tf.newaxis], r + ratio[:, tf.newaxis] * p, p)
  return x, r, p, square_new, active, earlier


def _orthogonal(r: tf.Tensor, units: tf.Tensor) -> tf.Tensor:
  """Removes from r `[K, P]` its parts along orthonormal units `[K, I, P]`."""
  parts = tf.linalg.matvec(units, r)
  return r - tf.linalg.matvec(units, parts, transpose_a=True)


def _dot(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
  return tf.reduce_sum(x * y, axis=1)
