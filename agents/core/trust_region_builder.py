"""Makes the parts that TRPO and DnC have in common; see `core.builders`."""

from __future__ import annotations

import typing

from distillery.agents.core import builders
from distillery.agents.core import trust_region_config
from distillery.agents.core import whole_episodes

if typing.TYPE_CHECKING:
  from distillery.agents.core import trust_region_networks


class TrustRegionBuilder(builders.OnPolicyBuilder):
  """Policies of one form, and a critic."""

  # Of `networks.columns.ColumnPolicy`.
  architecture: str

  def __init__(self, config: trust_region_config.TrustRegionConfig,
               spec: builders.AgentSpec):
    if config.observes_task and spec.num_test_tasks:
      raise ValueError(
          'observes_task: a held-out task is none of those that the policy was '
          'told of; want --noobserves_task with a suite that has '
          f'{spec.num_test_tasks} test tasks.')
    # If it is not known, the learner looks at the first blocks.
    if config.baseline == 'linear' and spec.horizon:
      whole_episodes.check_uncut(config.unroll_length, spec.horizon)
    super().__init__(config, spec)

  def make_networks(
      self, seed: int) -> trust_region_networks.TrustRegionNetworks:
    from distillery.agents.core import trust_region_networks as networks
    return networks.make_networks(
        self.spec, self.config, self.architecture, seed)
