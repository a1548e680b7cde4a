"""Computes with diagonal Gaussians and their products."""

from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf


class DiagGaussian(NamedTuple):
  """The mean and standard deviation of a Gaussian, both `[..., A]`."""

  mean: tf.Tensor
  std: tf.Tensor


def tempered_product(
    prior_mean: tf.Tensor,
    prior_std: tf.Tensor,
    natural_mean: tf.Tensor,
    precision: tf.Tensor,
    *,
    alpha: float,
) -> DiagGaussian:
  """Returns the Gaussian proportional to prior^alpha * exp(advantage).

  Distral's task policy (Teh et al. 2017, equation 6) for continuous actions:
  with pi_0 = N(mu_0, s_0^2) and beta f(a) = -1/2 kappa (a - m)^2,

    pi_k(a)  prop. to  pi_0(a)^alpha exp(beta f(a))  =  N(mu, s^2)
    1 / s^2 = alpha / s_0^2 + kappa
    mu      = (alpha mu_0 / s_0^2 + eta) s^2,           eta = kappa m

  The quadratic advantage is given by eta and kappa, so it stays smooth at
  kappa = 0. It can only narrow the policy: s <= s_0 / sqrt(alpha).

  Args:
    prior_mean: mu_0, `[..., A]`.
    prior_std: s_0 > 0, `[..., A]`.
    natural_mean: eta of any sign, `[..., A]`.
    precision: kappa >= 0, or > 0 if alpha is 0, `[..., A]`.
    alpha: the power of the prior, in [0, 1].

  Returns:
    The mean and standard deviation of the product, `[..., A]`. Gradients reach
    every tensor argument.

  Raises:
    ValueError: if the shapes disagree or alpha is outside [0, 1].
  """
  checks.same_shape(
      'tempered_product',
      prior_mean=prior_mean,
      prior_std=prior_std,
      natural_mean=natural_mean,
      precision=precision,
  )
  if not 0.0 <= alpha <= 1.0:
    raise ValueError(f'alpha must be in [0, 1], got {alpha}.')
  prior_precision = alpha / tf.square(prior_std)
  product_precision = prior_precision + precision
  return DiagGaussian(
      mean=(prior_precision * prior_mean + natural_mean) / product_precision,
      std=tf.math.rsqrt(product_precision),
  )


def product(mean: tf.Tensor, variance: tf.Tensor) -> DiagGaussian:
  """Returns the Gaussian proportional to the product of N Gaussians.

    1 / s^2 = sum_n 1 / s_n^2,   mu = s^2 sum_n mu_n / s_n^2

  This is the posterior of PEARL's latent (Rakelly et al. 2019, equation 2). The
  order of the factors does not matter.

  Args:
    mean: the means mu_n, `[..., N, L]`.
    variance: the variances s_n^2 > 0, `[..., N, L]`.

  Returns:
    The mean and standard deviation of the product, `[..., L]`. Gradients reach
    both arguments.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape('gaussians.product', mean=mean, variance=variance)
  precision = tf.reduce_sum(1.0 / variance, axis=-2)
  return DiagGaussian(
      tf.reduce_sum(mean / variance, axis=-2) / precision,
      1.0 / tf.sqrt(precision),
  )


def kl_from_standard(gaussian: DiagGaussian) -> tf.Tensor:
  """Returns the KL divergence of a Gaussian from the standard normal.

    KL( N(mu, s^2) || N(0, 1) ) = sum_l (mu^2 + s^2 - 1) / 2 - log s

  Args:
    gaussian: the Gaussian, `[..., L]`.

  Returns:
    The divergence in nats, `[...]`. Gradients reach mean and standard
    deviation.

  Raises:
    ValueError: if mean and standard deviation have different shapes.
  """
  checks.same_shape('kl_from_standard', mean=gaussian.mean, std=gaussian.std)
  return tf.reduce_sum(
      0.5 * (tf.square(gaussian.mean) + tf.square(gaussian.std) - 1.0)
      - tf.math.log(gaussian.std),
      axis=-1,
  )
