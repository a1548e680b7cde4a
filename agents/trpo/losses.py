"""TRPO's loss (Schulman et al. 2015, equation 14).

  minimise    L = -mean( pi(a|s) / pi_old(a|s) A(s, a) )
  subject to  mean KL( pi_old || pi ) <= delta

over the samples of all tasks at once, as many of each. `ops.trust_region` holds
the step within the bound.
"""

from distillery.agents.core.replay import blocks
from distillery.ops import checks
from distillery.ops import policy_gradient
from distillery.ops import regions
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def surrogate_loss(
    policy: tfd.Distribution, samples: blocks.Block, advantage: tf.Tensor
) -> tf.Tensor:
  """Computes L, `[1]`: one trust region holds all tasks.

  Args:
    policy: pi in the samples' states, batch shape `[K, N]`.
    samples: actions and their log-probabilities under pi_old, `[K, N, ...]`.
    advantage: A(s, a), `[K, N]`.

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
