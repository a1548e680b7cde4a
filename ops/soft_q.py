"""Soft actor-critic's losses (Haarnoja et al. 2018b), task by task.

Q is that of twin critics, `[2, K, N]`; everything else is `[K, N]`, task-major;
temperatures are each task's own, `[K]`. A loss is a mean over a task's N
transitions, `[K]`, so that tasks weigh the same whatever is done next.
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
  """What Q(s, a) is to be (equations 3 and 6).

    y = r + gamma d ( min_c Q'_c(s', a') - alpha log pi(a'|s') ),  a' ~ pi(.|s')

  Args:
    reward: r, `[K, N]`.
    discount: d, 0 where s' is terminal and 1 elsewhere, also where an episode
      was truncated; `[K, N]`.
    next_q: of the target critics, `[2, K, N]`.
    next_log_prob: `[K, N]`.
    temperature: alpha, `[K]`.
    gamma: the discount factor.

  Returns:
    y `[K, N]`. No gradient passes.

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
  """sum_c mean_n (Q_c(s, a) - y)^2 (equation 5 of both critics).

  Args:
    q: `[2, K, N]`.
    target: y, `[K, N]`.

  Returns:
    `[K]`. The gradient reaches `q` alone.

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
  """mean_n alpha log pi(a|s) - min_c Q_c(s, a), a ~ pi(.|s) (equation 9).

  Args:
    q: of the policy's own, reparameterised actions, `[2, K, N]`. Who minimises
      differentiates the policy's variables alone.
    log_prob: of these actions, `[K, N]`.
    temperature: alpha, `[K]`.

  Returns:
    `[K]`. No gradient reaches the temperature.

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
  """-log alpha (mean_n log pi(a|s) + H) (equation 18, of log alpha).

  alpha grows while the entropy -log pi is below its target H, usually minus the
  number of action dimensions.

  Args:
    log_temperature: log alpha, `[K]`.
    log_prob: of the policy's actions, `[K, N]`.
    target_entropy: H, nats.

  Returns:
    `[K]`. The gradient reaches `log_temperature` alone.

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
