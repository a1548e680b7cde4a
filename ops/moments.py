"""Mean and variance of samples that come batch by batch."""

from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf


class Moments(NamedTuple):
  """Of all samples so far."""

  count: tf.Tensor  # float32 []
  mean: tf.Tensor  # any shape
  variance: tf.Tensor  # the mean's


def merged(before: Moments, batch: Moments) -> Moments:
  """Those of two sets of samples together (Chan et al. 1983).

  Args:
    before: of one set; its count may be 0.
    batch: of the other.

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
