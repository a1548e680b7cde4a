"""The mean and variance of samples that arrive batch by batch."""

from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf


class Moments(NamedTuple):
  """The moments of all samples seen so far."""

  count: tf.Tensor  # The number of samples, float32 [].
  mean: tf.Tensor  # The mean, of any shape.
  variance: tf.Tensor  # The variance, of the mean's shape.


def merged(before: Moments, batch: Moments) -> Moments:
  """Returns the moments of two sets of samples together (Chan et al. 1983).

  Args:
    before: the moments of one set.
    batch: the moments of the other set, of the same shape. One count may be 0,
      but not both.

  Returns:
    The moments of both sets, of the same shape.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape(
      'moments.merged',
      mean=before.mean,
      variance=before.variance,
      batch_mean=batch.mean,
      batch_variance=batch.variance,
  )
  total = before.count + batch.count
  weight = batch.count / total
  delta = batch.mean - before.mean
  return Moments(
      total,
      before.mean + weight * delta,
      (1.0 - weight) * before.variance
      + weight * batch.variance
      + weight * (1.0 - weight) * tf.square(delta),
  )
