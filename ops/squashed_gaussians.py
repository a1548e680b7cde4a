"""Gaussians squashed into the unit box by tanh."""

import math
from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf

_LOG_2PI = math.log(2.0 * math.pi)


class SquashedSample(NamedTuple):
  """The actions drawn from a policy, and their log-probabilities."""

  action: tf.Tensor  # [..., A], in [-1, 1].
  log_prob: tf.Tensor  # [...]


def sample(
    mean: tf.Tensor, log_std: tf.Tensor, noise: tf.Tensor
) -> SquashedSample:
  """Draws actions a = tanh(u) and computes log pi(a).

    u = mean + std noise
    log pi(a) = sum_i log N(u_i; mean_i, std_i^2) - log(1 - tanh(u_i)^2)

  This is equation 21 of Haarnoja et al. (2018, appendix C). The last term is
  computed as 2 (log 2 - u - softplus(-2 u)), which stays exact where tanh is
  rounded to 1.

  Args:
    mean: the mean of u, `[..., A]`.
    log_std: the logarithm of the standard deviation of u, `[..., A]`.
    noise: standard normal noise, `[..., A]`.

  Returns:
    `SquashedSample`. Gradients reach mean and log_std, also through the action,
    which is reparameterised.

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
