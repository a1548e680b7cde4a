"""Advantages and value targets of unrolls that may contain episode ends."""

from typing import NamedTuple, Tuple

from distillery.ops import checks
import tensorflow as tf
import tensorflow_probability as tfp


class Advantages(NamedTuple):
  """The unreduced results of `generalized_advantages`, both `[K, T, ...]`."""

  advantage: tf.Tensor  # A_t.
  value_target: tf.Tensor  # A_t + V(s_t).


def generalized_advantages(
    reward: tf.Tensor,
    discount: tf.Tensor,
    episode_end: tf.Tensor,
    value: tf.Tensor,
    next_value: tf.Tensor,
    *,
    gamma: float,
    lambda_: float,
) -> Advantages:
  """Computes GAE(lambda) of unrolls (Schulman et al. 2016, equation 16).

    delta_t = r_t + gamma d_t V(s_{t+1}) - V(s_t)
    A_t     = delta_t + gamma lambda d_t (1 - end_t) A_{t+1},   A_T = 0

  A termination has d_t = 0, so no later value is added. A truncation has
  d_t = 1 and end_t = 1: it bootstraps from the value of the episode's own last
  observation, and the recursion stops before the next episode. The end of the
  unroll is treated like a truncation.

  Limits: lambda = 0 gives the one-step error delta_t. lambda = 1 gives the
  n-step return up to the end of the unroll (or episode) minus V(s_t), which is
  the advantage of A3C.

  Args:
    reward: the reward of step t, `[K, T, ...]`.
    discount: d_t, 0 where step t terminated the task and 1 elsewhere,
      `[K, T, ...]`.
    episode_end: end_t, true at the last step of an episode, after a termination
      as well as a truncation, `[K, T, ...]` bool.
    value: V(s_t), `[K, T, ...]`.
    next_value: V(s_{t+1}) of the observation before any reset, `[K, T, ...]`.
    gamma: the discount factor, in [0, 1].
    lambda_: the decay of the errors of later steps, in [0, 1].

  Returns:
    `Advantages`; the value target is A_t + V(s_t). No gradient flows through
    either.

  Raises:
    ValueError: if the shapes disagree, or a factor is not in [0, 1].
  """
  if not (0.0 <= gamma <= 1.0 and 0.0 <= lambda_ <= 1.0):
    raise ValueError(
        'gamma and lambda_ must be in [0, 1], got ' f'{gamma} and {lambda_}.'
    )
  checks.same_shape(
      'generalized_advantages',
      reward=reward,
      discount=discount,
      episode_end=episode_end,
      value=value,
      next_value=next_value,
  )
  delta = reward + gamma * discount * next_value - value
  carry = (
      gamma * lambda_ * discount * (1.0 - tf.cast(episode_end, reward.dtype))
  )

  # A_t = delta_t + carry_t A_{t+1} is a chain of affine maps, and composing
  # affine maps is associative: log T batched steps replace T small ones.
  def compose(
      later: Tuple[tf.Tensor, tf.Tensor], earlier: Tuple[tf.Tensor, tf.Tensor]
  ) -> Tuple[tf.Tensor, tf.Tensor]:
    delta_l, carry_l = later
    delta_e, carry_e = earlier
    return delta_e + carry_e * delta_l, carry_e * carry_l

  advantage, _ = tfp.math.scan_associative(
      compose, (tf.reverse(delta, [1]), tf.reverse(carry, [1])), axis=1
  )
  advantage = tf.stop_gradient(tf.reverse(advantage, [1]))
  return Advantages(advantage, advantage + tf.stop_gradient(value))


class Standardized(NamedTuple):
  """The results of `standardize`."""

  advantage: tf.Tensor  # [K, N]; each row has mean 0, deviation 1.
  scale: tf.Tensor  # [K, 1], the factor of each row.


def standardize(advantage: tf.Tensor, *, min_std: float) -> Standardized:
  """Standardizes each task's advantages to mean 0 and deviation 1.

  Each task is standardized on its own, so that a task with large rewards has no
  more weight than the others. A deviation below `min_std` is replaced by it.

  Args:
    advantage: the advantages of each task's samples, `[K, N]`.
    min_std: the least standard deviation to divide by, in the unit of the
      advantages, > 0.

  Returns:
    `Standardized`: the new advantages and the factors that scaled them.

  Raises:
    ValueError: if the advantages are not a matrix.
  """
  checks.has_shape('standardize', [None, None], advantage=advantage)
  mean, variance = tf.nn.moments(advantage, axes=[1], keepdims=True)
  scale = 1.0 / tf.maximum(tf.sqrt(variance), min_std)
  return Standardized((advantage - mean) * scale, scale)


def explained(value: tf.Tensor, value_target: tf.Tensor) -> tf.Tensor:
  """Returns the share of the targets' variance that the values explain.

  Args:
    value: the predicted values of each task's samples, `[K, N]`.
    value_target: the values that would be right, `[K, N]`.

  Returns:
    1 - Var(value_target - value) / Var(value_target), `[K]`. It is at most 1,
    and negative if a constant would predict better.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.has_shape('explained', [None, None], value=value)
  checks.same_shape('explained', value=value, value_target=value_target)
  return 1.0 - (
      tf.math.reduce_variance(value_target - value, axis=1)
      / (tf.math.reduce_variance(value_target, axis=1) + 1e-8)
  )
