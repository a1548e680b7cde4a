"""Defines the base class of learners that step within trust regions."""

from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    Mapping,
    Optional,
    Sequence,
    Union,
)

from acme.utils import counting
from distillery.agents.core import errors
from distillery.agents.core import learners
from distillery.agents.core import whole_episodes
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks
from distillery.agents.core.trust_region import config as trust_region_config
from distillery.agents.core.trust_region import critics
from distillery.agents.core.trust_region import (
    networks as trust_region_networks,
)
from distillery.ops.trust_region import step as trust_region
import numpy as np
import tensorflow as tf

# A block, or a block of each behaviour, by the behaviour's name.
Batch = Union[blocks.Block, Mapping[str, blocks.Block]]


class TrustRegionLearner(learners.Learner):
  """The base class of learners with a policy, a critic and a trust region.

  `_step` returns scalar metrics, and those of `trust_region_metrics`.
  """

  def __init__(
      self,
      config: trust_region_config.TrustRegionConfig,
      networks: trust_region_networks.PolicyAndCritic,
      seed: int,
      *,
      checkpointables: Mapping[str, Any],
      iterator: Iterator[Batch],
      counter: Optional[counting.Counter] = None,
  ):
    """Initialises the learner.

    Args:
      config: the trust region's settings, and the agent's own.
      networks: the networks that are trained.
      seed: the seed of everything random in a step.
      checkpointables: the TensorFlow objects of the learner's state besides the
        policy and the critic, by name.
      iterator: yields a block, or a block of each behaviour by its name.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._networks = networks
    self._seed = seed
    super().__init__(
        variables={'policy': networks.policy.acting_variables()},
        checkpointables={
            'policy': networks.policy,
            'critic': networks.critic,
            **checkpointables,
        },
        iterator=(
            self._check_first(iterator)
            if config.baseline == 'linear'
            else iterator
        ),
        counter=counter,
    )

  def _check_first(self, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yields batches, and checks that they do not cut episodes of one length.

    The length is known once the first episodes end. A resumed run is not
    checked: its policies may be so good that all episodes last until a time
    limit, although lengths vary.
    """
    limit = None
    for number, batch in enumerate(batches):
      if limit is None and number == self.num_steps:
        block = self._own_block(batch)
        self._check_block(block)
        limit = whole_episodes.time_limit(
            {
                name: np.asarray(getattr(block, name))
                for name in whole_episodes.FIELDS
            }
        )
        if limit:
          whole_episodes.check_uncut(block.reward.shape[1], limit)
      yield batch

  def _own_block(self, batch: Any) -> blocks.Block:
    """Returns the block from which the policy's own updates learn.

    A subclass whose batches hold a block for each behaviour overrides it.
    """
    return batch

  def _check_block(self, block: blocks.Block) -> None:
    """Checks the layout of a block; raises as `batch_checks.check_block`."""
    batch_checks.check_block(
        block,
        self._networks.policy.num_tasks,
        (
            *batch_checks.STEPS,
            *['episode_step'] * (self._config.baseline == 'linear'),
        ),
    )

  def _trust_region_step(
      self,
      variables: Sequence[tf.Variable],
      *,
      num_regions: int,
      loss: Callable[[Any], tf.Tensor],
      policy: Callable[[], Any],
  ) -> trust_region.TrustRegionResult:
    """Makes a `trust_region.trust_region_step` with the config's settings."""
    config = self._config
    return trust_region.trust_region_step(
        variables,
        num_regions=num_regions,
        loss=loss,
        policy=policy,
        project=self._networks.policy.project,
        max_kl=config.max_kl,
        damping=config.damping,
        cg_iterations=config.cg_iterations,
        backtrack_ratio=config.backtrack_ratio,
        max_backtracks=config.max_backtracks,
    )

  def _learn_values(
      self, samples: blocks.Block, estimate: critics.Estimate, step: tf.Tensor
  ) -> None:
    """Updates the policy's normaliser and the critic from a block.

    This is the last part of a step. So the policy learns from a block with the
    same normaliser that acted in it, and advantages come from a critic that was
    not fitted to the block.
    """
    self._networks.policy.observe(samples.observation)
    self._networks.critic.fit(
        samples, estimate.value_target, self._stream(step, 0)
    )

  def _stream(self, step: tf.Tensor, index: int) -> tf.Tensor:
    """Returns the seed of a step and an index below 8; all seeds differ."""
    return learners.stream(self._seed, tf.cast(step, tf.int64) * 8 + index)

  def _report(self, metrics: Mapping[str, np.ndarray]) -> Dict[str, float]:
    metrics = dict(metrics)
    failure = trust_region.failure_message(metrics.pop('failure'))
    if failure:
      raise errors.NonFiniteError(
          f'not finite in learner step {self.num_steps}: {failure}; more '
          'damping, a smaller max_kl, wider actions (min_std) or smaller '
          'rewards may prevent it.'
      )
    return super()._report(metrics)


def trust_region_metrics(
    result: trust_region.TrustRegionResult,
) -> Dict[str, tf.Tensor]:
  """Returns metrics over the trust regions: scalars, and 'failure' `[K]`."""
  return {
      'kl': tf.reduce_mean(result.kl),
      'largest_kl': tf.reduce_max(result.kl),
      'improvement': tf.reduce_mean(result.improvement),
      'step_norm': tf.reduce_mean(result.step_norm),
      'accepted': tf.reduce_mean(tf.cast(result.accepted, tf.float32)),
      'backtracks': tf.reduce_mean(tf.cast(result.num_backtracks, tf.float32)),
      'failure': result.failure,
  }
