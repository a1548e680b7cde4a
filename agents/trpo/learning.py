"""TRPO's learner: one compiled step a block of unrolls."""

from typing import Dict

from distillery.agents.core.replay import blocks
from distillery.agents.core.trust_region import learner as trust_region_learner
import tensorflow as tf


class TRPOLearner(trust_region_learner.TrustRegionLearner):
  """Moves the shared policy within one trust region, and fits the critic.

  Minimises, over all tasks' samples at once, as many of each,

    L = -mean( pi(a|s) / pi_old(a|s) A(s, a) ),   mean KL(pi_old || pi) <= delta

  (Schulman et al. 2015, equation 14).
  """

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Dict[str, tf.Tensor]:
    """One trust-region step; `step` counts blocks, int32 []."""
    self._check_block(block)
    policy, critic = self._networks
    samples = block.samples()
    estimate = critic.estimate(block)
    result = self._step_shared(samples, estimate)
    metrics = {
        'reward': tf.reduce_mean(block.reward),
        'entropy': tf.reduce_mean(policy.shared(samples.observation).entropy()),
        **estimate.metrics(),
        **trust_region_learner.trust_region_metrics(result),
    }
    self._learn_values(samples, estimate, step)
    return metrics
