"""Defines the base class of the builders of TRPO and DnC."""

from __future__ import annotations

from distillery.agents.core import specs
from distillery.agents.core import whole_episodes
from distillery.agents.core.replay import builders
from distillery.agents.core.trust_region import config as trust_region_config


class TrustRegionBuilder(builders.OnPolicyBuilder):
  """The base class of builders of agents that step within trust regions.

  With a linear baseline, blocks hold whole episodes.
  """

  def __init__(
      self, config: trust_region_config.TrustRegionConfig, spec: specs.AgentSpec
  ):
    """Initialises the builder.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks.
    """
    if config.observes_task:
      specs.check_no_held_out(spec, 'observes_task', '--noobserves_task')
    # If the length of episodes is not known, the learner looks for it in the
    # first blocks.
    if config.baseline == 'linear' and spec.horizon:
      whole_episodes.check_uncut(config.unroll_length, spec.horizon)
    super().__init__(config, spec)
