"""Builds the parts that TRPO and DnC have in common; see `core.builders`."""

from __future__ import annotations

from distillery.agents.core import builders
from distillery.agents.core import specs
from distillery.agents.core.replay import whole_episodes
from distillery.agents.core.trust_region import config as trust_region_config


class TrustRegionBuilder(builders.OnPolicyBuilder):
  """Blocks of whole episodes where the baseline is linear."""

  def __init__(
      self, config: trust_region_config.TrustRegionConfig, spec: specs.AgentSpec
  ):
    """Initialises the builder.

    Args:
      config: the config of the agent.
      spec: the tasks.

    Raises:
      ValueError: if the config does not fit the tasks.
    """
    if config.observes_task:
      specs.check_no_held_out(spec, 'observes_task', '--noobserves_task')
    # If it is not known, the learner looks at the first blocks.
    if config.baseline == 'linear' and spec.horizon:
      whole_episodes.check_uncut(config.unroll_length, spec.horizon)
    super().__init__(config, spec)
