"""Defines the learner of TRPO, which makes one compiled step for each block."""

from typing import Dict

from distillery.agents.core.replay import blocks
from distillery.agents.core.trust_region import learner as trust_region_learner
from distillery.agents.trpo import losses
import tensorflow as tf


class TRPOLearner(trust_region_learner.TrustRegionLearner):
  """The learner that moves the shared policy within one trust region.

  It also fits the critic. The loss and the bound are in `losses`.
  """

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Dict[str, tf.Tensor]:
    """Makes one trust-region step; `step` counts blocks, int32 []."""
    self._check_block(block)
    policy, critic = self._networks.policy, self._networks.critic
    samples = block.samples()
    estimate = critic.estimate(block)
    result = self._trust_region_step(
        policy.shared_variables(),
        num_regions=1,
        loss=lambda pi: losses.surrogate_loss(pi, samples, estimate.advantage),
        policy=lambda: policy.shared(samples.observation),
    )
    metrics = {
        'reward': tf.reduce_mean(block.reward),
        'entropy': tf.reduce_mean(policy.shared(samples.observation).entropy()),
        **estimate.metrics(),
        **trust_region_learner.trust_region_metrics(result),
    }
    self._learn_values(samples, estimate, step)
    return metrics
