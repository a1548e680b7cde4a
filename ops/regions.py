"""Variables and samples of K regions as matrices with a row a region.

A region is one policy with its own samples, gradient, step and verdict. With
K > 1 every variable and every batch has a leading axis of K, and row k of the
one goes with row k of the other. With K = 1 the variables may have any shape
and all samples, of however many tasks, are pooled.
"""

from typing import List, Sequence

import tensorflow as tf


def flatten(tensors: Sequence[tf.Tensor], num_regions: int) -> tf.Tensor:
  """All tensors (or variables) as one matrix `[K, P]`.

  Raises:
    ValueError: if K > 1 and a tensor's leading axis is not K.
  """
  for tensor in tensors:
    if num_regions > 1 and not tensor.shape[:1].is_compatible_with(
        [num_regions]
    ):
      raise ValueError(
          f'{getattr(tensor, "name", "a tensor")} has shape {tensor.shape}, '
          f'but {num_regions} regions need a leading axis of {num_regions}.'
      )
  return tf.concat(
      [tf.reshape(tensor, [num_regions, -1]) for tensor in tensors], axis=1
  )


def unflatten(flat: tf.Tensor, like: Sequence[tf.Variable]) -> List[tf.Tensor]:
  """The inverse of `flatten`: `[K, P]` to tensors of the shapes of `like`."""
  sizes = [variable.shape.num_elements() // flat.shape[0] for variable in like]
  return [
      tf.reshape(part, variable.shape)
      for part, variable in zip(tf.split(flat, sizes, axis=1), like)
  ]


def assign(variables: Sequence[tf.Variable], flat: tf.Tensor) -> None:
  """Sets the variables to what `flatten` made of them, bit for bit."""
  for variable, value in zip(variables, unflatten(flat, variables)):
    variable.assign(value)


def mean(x: tf.Tensor, num_regions: int) -> tf.Tensor:
  """Mean over each region's samples, `[K, ...]` to `[K]` float64.

  With one region it is over everything. In float32 the rounding of a sum over
  a large batch can be as large as the gain that a line search has to see.

  Raises:
    ValueError: if K > 1 and the leading axis is not K.
  """
  return tf.reduce_mean(flatten([tf.cast(x, tf.float64)], num_regions), axis=1)
