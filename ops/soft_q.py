"""Computes the losses of soft actor-critic (Haarnoja et al. 2018b).

The values Q of the twin critics are `[2, K, N]`, the temperatures are `[K]`,
one for each task, and everything else is task-major `[K, N]`. A loss is the
mean over a task's N transitions, `[K]`, so that all tasks have the same weight
in whatever follows.
"""

from distillery.ops import checks
import tensorflow as tf


def critic_target(
    reward: tf.Tensor,
    discount: tf.Tensor,
    next_q: tf.Tensor,
    next_log_prob: tf.Tensor,
    temperature: tf.Tensor,
    *,
    gamma: float,
) -> tf.Tensor:
  """Returns the target y of Q(s, a) (equations 3 and 6).

    y = r + gamma d ( min_c Q'_c(s', a') - alpha log pi(a'|s') ),  a' ~ pi(.|s')

  Args:
    reward: the reward r, `[K, N]`.
    discount: d, 0 where s' is terminal and 1 elsewhere, also where an episode
      was truncated, `[K, N]`.
    next_q: Q'_c(s', a') of the target critics, `[2, K, N]`.
    next_log_prob: log pi(a'|s'), `[K, N]`.
    temperature: alpha, `[K]`.
    gamma: the discount factor, in [0, 1].

  Returns:
    y, `[K, N]`. No gradient flows through it.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.has_shape('critic_target', [None, None, None], next_q=next_q)
  checks.same_shape(
      'critic_target',
      reward=reward,
      discount=discount,
      next_q=next_q[0],
      next_log_prob=next_log_prob,
  )
  checks.same_shape(
      'critic_target', temperature=temperature, reward=reward[:, 0]
  )
  value = (
      tf.reduce_min(next_q, axis=0) - temperature[:, tf.newaxis] * next_log_prob
  )
  return tf.stop_gradient(reward + gamma * discount * value)


def critic_loss(q: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
  """Returns the squared errors of both critics (equation 5).

    sum_c mean_n (Q_c(s, a) - y)^2

  Args:
    q: Q_c(s, a) of the critics, `[2, K, N]`.
    target: y, `[K, N]`.

  Returns:
    The loss, `[K]`. The gradient reaches `q` alone.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.has_shape('critic_loss', [None, None, None], q=q)
  checks.same_shape('critic_loss', q=q[0], target=target)
  return tf.reduce_sum(
      tf.reduce_mean(tf.square(q - tf.stop_gradient(target)), axis=2), axis=0
  )


def actor_loss(
    q: tf.Tensor, log_prob: tf.Tensor, temperature: tf.Tensor
) -> tf.Tensor:
  """Returns the loss of the policy (equation 9).

    mean_n alpha log pi(a|s) - min_c Q_c(s, a),   a ~ pi(.|s)

  Args:
    q: Q_c(s, a) of the policy's own, reparameterised actions, `[2, K, N]`. The
      caller must differentiate with respect to the policy's variables alone.
    log_prob: log pi(a|s) of these actions, `[K, N]`.
    temperature: alpha, `[K]`.

  Returns:
    The loss, `[K]`. No gradient reaches the temperature.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.has_shape('actor_loss', [None, None, None], q=q)
  checks.same_shape('actor_loss', q=q[0], log_prob=log_prob)
  checks.same_shape(
      'actor_loss', temperature=temperature, log_prob=log_prob[:, 0]
  )
  alpha = tf.stop_gradient(temperature)[:, tf.newaxis]
  return tf.reduce_mean(alpha * log_prob - tf.reduce_min(q, axis=0), axis=1)


def temperature_loss(
    log_temperature: tf.Tensor, log_prob: tf.Tensor, *, target_entropy: float
) -> tf.Tensor:
  """Returns the loss of the temperature (equation 18, with log alpha).

    -log alpha (mean_n log pi(a|s) + H)

  alpha grows while the entropy -log pi is below its target H, which is usually
  minus the number of action dimensions.

  Args:
    log_temperature: log alpha, `[K]`.
    log_prob: log pi(a|s) of the policy's actions, `[K, N]`.
    target_entropy: H, in nats.

  Returns:
    The loss, `[K]`. The gradient reaches `log_temperature` alone.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.has_shape('temperature_loss', [None, None], log_prob=log_prob)
  checks.same_shape(
      'temperature_loss',
      log_temperature=log_temperature,
      log_prob=log_prob[:, 0],
  )
  excess = tf.reduce_mean(tf.stop_gradient(log_prob), axis=1) + target_entropy
  return -log_temperature * excess
