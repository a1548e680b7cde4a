"""The objective of Distral, term by term (Teh et al. 2017).

  J = sum_k E_{pi_k} sum_t gamma^t [ R_k + c_KL log pi_0(a|s)
                                     - (c_KL + c_Ent) log pi_k(a|s) ]     (1)

It is maximised over the task policies pi_k and the distilled policy pi_0. The
costs c_KL and c_Ent are in units of (scaled) reward per nat. There are two
estimators of the gradient here, and the entropy bonus of the A3C baselines.
Each has three parts: an addition to the reward, the score-function loss, and a
direct term, whose own gradient is used. `regularizer` chooses one:

  sampled  reward + c_KL log pi_0 - (c_KL + c_Ent) log pi_k of the action taken;
           direct term: the centroid c_KL E_{sg pi_k}[-log pi_0].
  exact    reward + rho, rho = -c_KL KL(pi_k || pi_0) + c_Ent H(pi_k); direct
           term: -rho, which moves both policies. rho of the current step is a
           function of the state alone, so it is a baseline in the advantage.
           The sampled log-ratio would be counted twice there.
  bonus    the reward alone; direct term: -c_Ent H(pi_k), as in A3C.
"""

from typing import Dict, NamedTuple

from distillery.ops import checks
from distillery.ops import policy_gradient
import tensorflow as tf
from tensorflow_probability import distributions as tfd

_REGULARIZERS = ('sampled', 'exact', 'bonus')


class DistralTerms(NamedTuple):
  """The unreduced terms of the policy loss, each `[K, N]`.

  The learner minimises the sum of the first two. The others are diagnostics
  without a gradient.

  Attributes:
    policy_gradient: the clipped surrogate.
    direct: the term that is differentiated directly.
    kl_to_shared: KL(pi_k || pi_0), nats.
    entropy: the entropy of pi_k, nats.
    log_ratio: log pi_k(a|s) minus its value when the action was taken.
    is_clipped: whether the surrogate is clipped, bool.
  """

  policy_gradient: tf.Tensor
  direct: tf.Tensor
  kl_to_shared: tf.Tensor
  entropy: tf.Tensor
  log_ratio: tf.Tensor
  is_clipped: tf.Tensor


def reward_regularizer(
    task_policy: tfd.Distribution,
    shared_policy: tfd.Distribution,
    action: tf.Tensor,
    *,
    regularizer: str,
    kl_cost: float,
    entropy_cost: float,
) -> tf.Tensor:
  """Computes what is added to the reward of each step.

  Args:
    task_policy: pi_k, batch shape `[K, N]`.
    shared_policy: pi_0, same batch shape.
    action: the action that pi_k took, `[K, N, A]`, or `[K, N]` if discrete.
    regularizer: the estimator, 'sampled', 'exact' or 'bonus'.
    kl_cost: c_KL, at least 0.
    entropy_cost: c_Ent, at least 0.

  Returns:
    The additions in units of (scaled) reward, `[K, N]`, without a gradient:
    since E[grad log pi_k] = 0, the derivative of the log-probabilities inside
    the return vanishes.

  Raises:
    ValueError: if shapes disagree, a cost is negative or the regularizer is
      unknown.
  """
  _check_settings(regularizer, kl_cost, entropy_cost)
  checks.same_shape(
      'reward_regularizer', task_policy=task_policy, shared_policy=shared_policy
  )
  checks.action_of('reward_regularizer', task_policy, action)
  if regularizer == 'sampled':
    addition = kl_cost * shared_policy.log_prob(action) - (
        kl_cost + entropy_cost
    ) * task_policy.log_prob(action)
  elif regularizer == 'exact':
    addition = exact_regularizer(
        task_policy, shared_policy, kl_cost=kl_cost, entropy_cost=entropy_cost
    )
  else:
    addition = tf.zeros_like(task_policy.log_prob(action))
  return tf.stop_gradient(addition)


def exact_regularizer(
    task_policy: tfd.Distribution,
    shared_policy: tfd.Distribution,
    *,
    kl_cost: float,
    entropy_cost: float,
) -> tf.Tensor:
  """Computes rho(s) = -c_KL KL(pi_k || pi_0)(s) + c_Ent H(pi_k)(s).

  It is the expectation under pi_k of the bracket of equation (1) without R_k.

  Args:
    task_policy: pi_k, batch shape `[K, N]`.
    shared_policy: pi_0, same batch shape.
    kl_cost: c_KL, at least 0.
    entropy_cost: c_Ent, at least 0.

  Returns:
    rho, in units of (scaled) reward, `[K, N]`. Its gradient reaches both
    policies.

  Raises:
    ValueError: if the batch shapes disagree.
  """
  checks.same_shape(
      'exact_regularizer', task_policy=task_policy, shared_policy=shared_policy
  )
  return (
      -kl_cost * tfd.kl_divergence(task_policy, shared_policy)
      + entropy_cost * task_policy.entropy()
  )


def policy_loss(
    task_policy: tfd.Distribution,
    shared_policy: tfd.Distribution,
    action: tf.Tensor,
    behaviour_log_prob: tf.Tensor,
    advantage: tf.Tensor,
    *,
    regularizer: str,
    kl_cost: float,
    entropy_cost: float,
    clip_ratio: float,
) -> DistralTerms:
  """Computes the policy loss of every sample, minimised over pi_k and pi_0.

  Args:
    task_policy: pi_k, batch shape `[K, N]`; in the two-column architecture it
      depends on the shared column too, and the gradient reaches that.
    shared_policy: pi_0, same batch shape.
    action: the actions that were taken, `[K, N, A]`, or `[K, N]` if discrete.
    behaviour_log_prob: log-probability of the action when it was taken,
      `[K, N]`.
    advantage: the advantages, `[K, N]`: the returns of regularised rewards (see
      `reward_regularizer`) minus the values of these returns.
    regularizer: the estimator, 'sampled', 'exact' or 'bonus'.
    kl_cost: c_KL, at least 0.
    entropy_cost: c_Ent, at least 0.
    clip_ratio: the bound of the clipped surrogate's ratio: it is kept in
      [1 - clip_ratio, 1 + clip_ratio]; greater than 0.

  Returns:
    The terms, each `[K, N]`.

  Raises:
    ValueError: if shapes disagree, a cost is negative or the regularizer is
      unknown.
  """
  _check_settings(regularizer, kl_cost, entropy_cost)
  checks.same_shape(
      'policy_loss',
      task_policy=task_policy,
      shared_policy=shared_policy,
      advantage=advantage,
  )
  checks.action_of('policy_loss', task_policy, action)
  log_prob = task_policy.log_prob(action)
  surrogate = policy_gradient.clipped_surrogate(
      log_prob, behaviour_log_prob, advantage, clip_ratio=clip_ratio
  )
  entropy = task_policy.entropy()

  if regularizer == 'sampled':
    direct = kl_cost * centroid_loss(task_policy, shared_policy)
  elif regularizer == 'exact':
    direct = -exact_regularizer(
        task_policy, shared_policy, kl_cost=kl_cost, entropy_cost=entropy_cost
    )
  else:
    direct = -entropy_cost * entropy

  return DistralTerms(
      policy_gradient=surrogate.loss,
      direct=direct,
      kl_to_shared=tf.stop_gradient(
          tfd.kl_divergence(task_policy, shared_policy)
      ),
      entropy=tf.stop_gradient(entropy),
      log_ratio=surrogate.log_ratio,
      is_clipped=surrogate.is_clipped,
  )


def centroid_loss(
    task_policy: tfd.Distribution, shared_policy: tfd.Distribution
) -> tf.Tensor:
  """Computes KL(sg pi_k || pi_0), which moves pi_0 to the tasks' centroid.

  Its gradient is that of the cross-entropy E_{sg pi_k}[-log pi_0], the second
  part of the gradient of equation (1) with respect to pi_0.

  Args:
    task_policy: pi_k, batch shape `[K, N]`.
    shared_policy: pi_0, same batch shape.

  Returns:
    The KL in nats, `[K, N]`, unreduced. Its gradient reaches pi_0 alone.

  Raises:
    ValueError: if the batch shapes disagree.
  """
  checks.same_shape(
      'centroid_loss', task_policy=task_policy, shared_policy=shared_policy
  )
  frozen = tf.nest.map_structure(
      tf.stop_gradient, task_policy, expand_composites=True
  )
  return tfd.kl_divergence(frozen, shared_policy)


def held_near_behaviour(
    loss: tf.Tensor,
    log_prob: tf.Tensor,
    behaviour_log_prob: tf.Tensor,
    target_kl: float,
) -> tf.Tensor:
  """Lets a task policy that has moved too far come back.

  With w = pi_k(a|s) / mu(a|s) and the policy mu that acted, the mean of
  w - 1 - log w over the samples of a task estimates KL(mu || pi_k), the task's
  distance.

    loss_k = loss_k           if the distance of k is at most target_kl
             w - 1 - log w    otherwise

  Clipping alone does not bound the distance: it stops the gradient of the
  samples beyond the bound, but those of the other samples, and of pi_0, move
  the policy on.

  Args:
    loss: the loss of every sample, `[K, N]`.
    log_prob: log pi_k(a|s), `[K, N]`.
    behaviour_log_prob: log mu(a|s), `[K, N]`.
    target_kl: the largest distance, nats; greater than 0.

  Returns:
    The loss of every sample, `[K, N]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape(
      'held_near_behaviour',
      loss=loss,
      log_prob=log_prob,
      behaviour_log_prob=behaviour_log_prob,
  )
  kl = _kl_estimate(log_prob - tf.stop_gradient(behaviour_log_prob))
  distance = tf.reduce_mean(kl, axis=1, keepdims=True)
  return tf.where(distance > target_kl, kl, loss)


def value_loss(value: tf.Tensor, value_target: tf.Tensor) -> tf.Tensor:
  """Computes (V_k(s) - sg(G))^2 / 2.

  Args:
    value: the values V_k(s), of any shape.
    value_target: the returns G of regularised rewards, same shape.

  Returns:
    The loss, unreduced, same shape.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape('value_loss', value=value, value_target=value_target)
  return 0.5 * tf.square(value - tf.stop_gradient(value_target))


def diagnostics(terms: DistralTerms) -> Dict[str, tf.Tensor]:
  """Returns the metrics of a policy loss, scalars by name."""
  return {
      'policy_gradient_loss': tf.reduce_mean(terms.policy_gradient),
      'kl_to_shared': tf.reduce_mean(terms.kl_to_shared),
      'entropy': tf.reduce_mean(terms.entropy),
      'kl_to_behaviour': tf.reduce_mean(_kl_estimate(terms.log_ratio)),
      'clipped_share': tf.reduce_mean(tf.cast(terms.is_clipped, tf.float32)),
  }


def _kl_estimate(log_ratio: tf.Tensor) -> tf.Tensor:
  """Computes w - 1 - log w for samples of mu, with w = pi_k / mu.

  It is an unbiased estimate of KL(mu || pi_k) that is never negative.
  """
  return tf.exp(log_ratio) - 1.0 - log_ratio


def _check_settings(
    regularizer: str, kl_cost: float, entropy_cost: float
) -> None:
  if regularizer not in _REGULARIZERS:
    raise ValueError(
        f'regularizer must be one of {_REGULARIZERS}, got {regularizer!r}.'
    )
  if kl_cost < 0.0 or entropy_cost < 0.0:
    raise ValueError(
        'kl_cost and entropy_cost must not be negative, got '
        f'{kl_cost} and {entropy_cost}.'
    )
