"""Gaussians squashed into the unit box by tanh."""

import math
from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf

_LOG_2PI = math.log(2.0 * math.pi)


class SquashedSample(NamedTuple):
  """Actions and their log-probabilities."""

  action: tf.Tensor  # [..., A], in [-1, 1].
  log_prob: tf.Tensor  # [...]


def sample(
    mean: tf.Tensor, log_std: tf.Tensor, noise: tf.Tensor
) -> SquashedSample:
  """a = tanh(u), u = mean + std noise, and log pi(a) (Haarnoja et al. 2018).

    log pi(a) = sum_i log N(u_i; mean_i, std_i^2) - log(1 - tanh(u_i)^2)

  (appendix C, equation 21), the last term as 2 (log 2 - u - softplus(-2 u)),
  which is exact where tanh has long rounded to 1.

  Args:
    mean: of u, `[..., A]`.
    log_std: of u; same shape.
    noise: standard normal; same shape.

  Returns:
    `SquashedSample`. Gradients reach mean and log_std, through the action too:
    it is reparameterised.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape(
      'squashed_gaussians.sample', mean=mean, log_std=log_std, noise=noise
  )
  u = mean + tf.exp(log_std) * noise
  # (u - mean) / std is the noise.
  log_normal = -0.5 * tf.square(noise) - log_std - 0.5 * _LOG_2PI
  log_slope = 2.0 * (math.log(2.0) - u - tf.nn.softplus(-2.0 * u))
  return SquashedSample(
      tf.tanh(u), tf.reduce_sum(log_normal - log_slope, axis=-1)
  )
