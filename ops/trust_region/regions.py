"""Variables and samples of K regions as matrices with one row per region.

A region is one policy with its own samples, gradient, step and acceptance test.
With K > 1 every variable and every batch has a leading axis of K, and row k of
a batch belongs to row k of the variables. With K = 1 the variables may have any
shape, and the samples of all tasks are pooled.
"""

from typing import List, Sequence

import tensorflow as tf


def flatten(tensors: Sequence[tf.Tensor], num_regions: int) -> tf.Tensor:
  """Joins all tensors (or variables) to one matrix.

  Args:
    tensors: the tensors, each `[K, ...]`, or of any shape if K = 1.
    num_regions: K, the number of trust regions.

  Returns:
    `[K, P]`, where P is the number of elements per region.

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
  """Splits a matrix into tensors: the inverse of `flatten`.

  Args:
    flat: the matrix, `[K, P]`.
    like: the variables whose shapes the tensors get, in order.

  Returns:
    The tensors, one for each variable of `like`.
  """
  sizes = [variable.shape.num_elements() // flat.shape[0] for variable in like]
  return [
      tf.reshape(part, variable.shape)
      for part, variable in zip(tf.split(flat, sizes, axis=1), like)
  ]


def assign(variables: Sequence[tf.Variable], flat: tf.Tensor) -> None:
  """Assigns the rows of a matrix to variables: undoes `flatten` exactly.

  Args:
    variables: the variables to set.
    flat: their new values as `flatten` orders them, `[K, P]`.
  """
  for variable, value in zip(variables, unflatten(flat, variables)):
    variable.assign(value)


def mean(x: tf.Tensor, num_regions: int) -> tf.Tensor:
  """Returns the mean over each region's samples.

  With one region it is the mean over everything. In float32 the rounding error
  of a sum over a large batch can be as large as the improvement that a line
  search has to see.

  Args:
    x: a number for each sample, `[K, ...]`, or of any shape if K = 1.
    num_regions: K, the number of trust regions.

  Returns:
    The means, `[K]` float64.

  Raises:
    ValueError: if K > 1 and the leading axis is not K.
  """
  return tf.reduce_mean(flatten([tf.cast(x, tf.float64)], num_regions), axis=1)
