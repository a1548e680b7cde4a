"""Score-function losses."""

from typing import NamedTuple

from distillery.ops import checks
import tensorflow as tf


def surrogate(
    log_prob: tf.Tensor, behaviour_log_prob: tf.Tensor, advantage: tf.Tensor
) -> tf.Tensor:
  """The importance-weighted advantage (Schulman et al. 2015, eq. 14), negated.

    loss = -pi(a|s) / mu(a|s) A

  At pi = mu its gradient is that of -log pi(a|s) A.

  Args:
    log_prob: log pi(a|s) of the policy that learns; any shape.
    behaviour_log_prob: log mu(a|s) of the policy that acted; same shape.
    advantage: A; same shape.

  Returns:
    The loss, unreduced. The gradient reaches `log_prob` alone.

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
  """Unreduced loss and diagnostics, all of the arguments' shape."""

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
  """PPO's clipped surrogate (Schulman et al. 2017, equation 7), to minimise.

    w    = pi(a|s) / mu(a|s)
    loss = -min(w A, clip(w, 1 - eps, 1 + eps) A)

  At pi = mu its gradient is that of -log pi(a|s) A, so one update a batch is
  plain advantage actor-critic.

  Args:
    log_prob: log pi(a|s) of the policy that learns; any shape.
    behaviour_log_prob: log mu(a|s) of the policy that acted; same shape.
    advantage: A; same shape.
    clip_ratio: eps > 0.

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
