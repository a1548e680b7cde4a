"""Refusals of moments that do not go together; see `normalizer_test`."""

from distillery.ops import moments
import pytest
import tensorflow as tf


def test_moments_of_another_shape_are_refused():
  def of(*shape):
    return moments.Moments(tf.constant(1.0), tf.zeros(shape), tf.ones(shape))

  assert moments.merged(of(2, 3), of(2, 3)).mean.shape == [2, 3]
  for shape in ([3], [1, 3], [2, 1]):
    with pytest.raises(ValueError, match='moments.merged: batch_mean has sha'):
      moments.merged(of(2, 3), of(*shape))
    with pytest.raises(ValueError, match='moments.merged: variance has shape'):
      moments.merged(of(2, 3)._replace(variance=tf.ones(shape)), of(2, 3))
