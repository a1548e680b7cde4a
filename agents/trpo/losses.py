"""The loss of TRPO (Schulman et al. 2015, equation 14).

  minimise    L = -mean( pi(a|s) / pi_old(a|s) A(s, a) )
  subject to  mean KL( pi_old || pi ) <= delta

over the samples of all tasks, the same number of each.
`ops.trust_region.step` makes the step within the bound.
"""

from distillery.agents.core.replay import blocks
from distillery.ops import checks
from distillery.ops import policy_gradient
from distillery.ops.trust_region import regions
import tensorflow as tf
from tensorflow_probability import distributions as tfd


def surrogate_loss(
    policy: tfd.Distribution, samples: blocks.Block, advantage: tf.Tensor
) -> tf.Tensor:
  """Computes L over the samples of all tasks.

  Args:
    policy: the policy pi in the samples' states, batch shape `[K, N]`.
    samples: the samples `[K, N, ...]`, with their actions and the
      log-probabilities under pi_old.
    advantage: the advantages A(s, a), `[K, N]`.

  Returns:
    L of the one trust region, `[1]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.action_of('surrogate_loss', policy, samples.action)
  return regions.mean(
      policy_gradient.surrogate(
          policy.log_prob(samples.action), samples.log_prob, advantage
      ),
      1,
  )
