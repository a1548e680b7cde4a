"""The objective of A2C, term by term.

Mnih et al. 2016; Arora et al. 2018, section 3.1.
"""

from typing import NamedTuple

from distillery.ops import checks
from distillery.ops import policy_gradient
import tensorflow as tf
from tensorflow_probability import distributions as tfd


class A2CTerms(NamedTuple):
  """The unreduced terms of the loss, each `[K, N]`.

  The learner minimises their weighted sum.
  """

  policy_gradient: tf.Tensor
  entropy: tf.Tensor
  value: tf.Tensor


def terms(
    policy: tfd.Distribution,
    action: tf.Tensor,
    behaviour_log_prob: tf.Tensor,
    value: tf.Tensor,
    value_target: tf.Tensor,
) -> A2CTerms:
  """Computes the terms of the loss of every sample.

    policy_gradient  -pi(a|s) / mu(a|s) (G - V(s)), whose gradient is that of
                     -log pi(a|s) (G - V(s)) where pi has not moved yet
    entropy          H(pi(.|s)) in closed form. The estimate from the action
                     that was taken, -log pi(a|s), would have a gradient of
                     mean zero.
    value            (V(s) - G)^2

  Args:
    policy: the policies pi_k, batch shape `[K, N]`.
    action: the actions that were taken, `[K, N, A]`.
    behaviour_log_prob: log mu(a|s) under the policy mu that acted, `[K, N]`.
    value: the values V_k(s), `[K, N]`.
    value_target: the n-step returns G, `[K, N]`.

  Returns:
    The terms, each `[K, N]`. No gradient reaches the value through the
    advantage.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.action_of('terms', policy, action)
  checks.same_shape('terms', value=value, value_target=value_target)
  value_target = tf.stop_gradient(value_target)
  advantage = value_target - tf.stop_gradient(value)
  return A2CTerms(
      policy_gradient=policy_gradient.surrogate(
          policy.log_prob(action), behaviour_log_prob, advantage
      ),
      entropy=policy.entropy(),
      value=tf.square(value - value_target),
  )
