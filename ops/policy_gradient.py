"""Losses whose gradient is the policy gradient."""

from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf


def surrogate(
    log_prob: tf.Tensor, behaviour_log_prob: tf.Tensor, advantage: tf.Tensor
) -> tf.Tensor:
  """Returns the importance-weighted advantage, negated and unreduced.

    loss = -pi(a|s) / mu(a|s) A

  This is equation 14 of Schulman et al. (2015), negated. At pi = mu its
  gradient is the gradient of -log pi(a|s) A.

  Args:
    log_prob: log pi(a|s) of the policy that learns; any shape.
    behaviour_log_prob: log mu(a|s) of the policy that acted; same shape.
    advantage: the advantage A; same shape.

  Returns:
    The loss, of the same shape. The gradient reaches `log_prob` alone.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape(
      'surrogate',
      log_prob=log_prob,
      behaviour_log_prob=behaviour_log_prob,
      advantage=advantage,
  )
  return -tf.stop_gradient(advantage) * tf.exp(
      log_prob - tf.stop_gradient(behaviour_log_prob)
  )


class ClippedSurrogate(NamedTuple):
  """The unreduced loss and diagnostics, all of the arguments' shape.

  Attributes:
    loss: the loss to minimise.
    log_ratio: log pi(a|s) - log mu(a|s), without a gradient.
    is_clipped: true where the ratio is outside [1 - eps, 1 + eps].
  """

  loss: tf.Tensor
  log_ratio: tf.Tensor
  is_clipped: tf.Tensor


def clipped_surrogate(
    log_prob: tf.Tensor,
    behaviour_log_prob: tf.Tensor,
    advantage: tf.Tensor,
    *,
    clip_ratio: float,
) -> ClippedSurrogate:
  """Returns PPO's clipped surrogate, negated so that it is minimised.

    w    = pi(a|s) / mu(a|s)
    loss = -min(w A, clip(w, 1 - eps, 1 + eps) A)

  This is equation 7 of Schulman et al. (2017), negated. At pi = mu its gradient
  is the gradient of -log pi(a|s) A, so with one update per batch it is plain
  advantage actor-critic.

  Args:
    log_prob: log pi(a|s) of the policy that learns; any shape.
    behaviour_log_prob: log mu(a|s) of the policy that acted; same shape.
    advantage: the advantage A; same shape.
    clip_ratio: eps, how far the ratio may be from 1 before it is clipped, > 0.

  Returns:
    `ClippedSurrogate`. The gradient reaches `log_prob` alone.

  Raises:
    ValueError: if the shapes disagree or clip_ratio is not positive.
  """
  checks.same_shape(
      'clipped_surrogate',
      log_prob=log_prob,
      behaviour_log_prob=behaviour_log_prob,
      advantage=advantage,
  )
  if not clip_ratio > 0.0:
    raise ValueError(f'clip_ratio must be positive, got {clip_ratio}.')
  advantage = tf.stop_gradient(advantage)
  log_ratio = log_prob - tf.stop_gradient(behaviour_log_prob)
  ratio = tf.exp(log_ratio)
  clipped = tf.clip_by_value(ratio, 1.0 - clip_ratio, 1.0 + clip_ratio)
  return ClippedSurrogate(
      loss=-tf.minimum(ratio * advantage, clipped * advantage),
      log_ratio=tf.stop_gradient(log_ratio),
      is_clipped=tf.abs(tf.stop_gradient(ratio) - 1.0) > clip_ratio,
  )
