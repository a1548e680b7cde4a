"""Squashed Gaussians against numerical integration and high precision."""

import decimal
import math

from distillery.ops import squashed_gaussians
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp


def draw(mean, log_std, noise):
  return squashed_gaussians.sample(
      *(tf.constant(x, tf.float32) for x in (mean, log_std, noise))
  )


def test_equals_a_transformed_distribution():
  rng = np.random.default_rng(0)
  mean, log_std, noise = rng.normal(size=(3, 4, 5, 2))
  got = draw(mean, log_std, noise)
  assert got.action.shape == (4, 5, 2) and got.log_prob.shape == (4, 5)
  u = mean + np.exp(log_std) * noise
  np.testing.assert_allclose(got.action, np.tanh(u), rtol=1e-5)
  tfd = tfp.distributions
  expected = tfd.Independent(
      tfd.TransformedDistribution(
          tfd.Normal(mean, np.exp(log_std)), tfp.bijectors.Tanh()
      ),
      1,
  )
  # In float64, where tanh does not round to 1 here.
  np.testing.assert_allclose(
      got.log_prob, expected.log_prob(np.tanh(u)), rtol=1e-4
  )


def test_its_density_integrates_to_one():
  noise = np.linspace(-6.0, 6.0, 4001)
  mean, log_std = np.full_like(noise, 0.3), np.full_like(noise, math.log(0.7))
  got = draw(*(x[:, np.newaxis] for x in (mean, log_std, noise)))
  density, action = np.exp(got.log_prob), got.action[:, 0].numpy()
  area = np.sum(0.5 * (density[1:] + density[:-1]) * np.diff(action))
  assert area == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize('u', [-40.0, -12.0, 12.0, 40.0])
def test_log_probability_far_out(u):
  """tanh(12) is 1 in float32; log(1 - tanh^2) is not log 0."""
  got = draw([[u]], [[0.0]], [[0.0]])
  with decimal.localcontext() as context:
    context.prec = 100
    square = decimal.Decimal(2.0 * abs(u)).exp()
    # 1 - tanh(u)^2 = 4 e^2|u| / (e^2|u| + 1)^2.
    log_slope = float((4 * square / (square + 1) ** 2).ln())
  assert abs(float(got.action[0, 0])) == 1.0
  np.testing.assert_allclose(
      got.log_prob, [-0.5 * math.log(2.0 * math.pi) - log_slope], rtol=1e-6
  )


def test_gradients_are_those_of_finite_differences():
  rng = np.random.default_rng(1)
  mean, log_std, noise = rng.normal(size=(3, 6, 2))

  def value(mean, log_std):
    got = squashed_gaussians.sample(mean, log_std, tf.constant(noise))
    return tf.reduce_sum(got.log_prob) + tf.reduce_sum(got.action**2)

  points = [tf.constant(mean), tf.constant(log_std)]
  with tf.GradientTape() as tape:
    tape.watch(points)
    loss = value(*points)
  for i, gradient in enumerate(tape.gradient(loss, points)):
    for index in ((0, 0), (3, 1)):
      moved = []
      for sign in (1.0, -1.0):
        shifted = [mean.copy(), log_std.copy()]
        shifted[i][index] += sign * 1e-6
        moved.append(float(value(*(tf.constant(x) for x in shifted))))
      assert float(gradient[index]) == pytest.approx(
          (moved[0] - moved[1]) / 2e-6, rel=1e-5
      )


def test_refuses_shapes_that_would_broadcast():
  with pytest.raises(ValueError, match='sample: noise has shape'):
    draw(np.zeros((4, 2)), np.zeros((4, 2)), np.zeros((4, 1)))
