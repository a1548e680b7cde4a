"""Makes the parts that TRPO and DnC have in common; see `core.builders`."""

from __future__ import annotations

import typing

from distillery.agents.core import builders
from distillery.agents.core import trust_region_config

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
    if (config.baseline == 'linear' and spec.horizon
        and config.unroll_length % spec.horizon):
      raise ValueError(
          f'unroll_length={config.unroll_length} cuts episodes, which have '
          f'{spec.horizon} steps here: a linear baseline is fitted to whole '
          f'ones; want a multiple of {spec.horizon}, or --baseline=neural.')
    super().__init__(config, spec)

  def make_networks(
      self, seed: int) -> trust_region_networks.TrustRegionNetworks:
    from distillery.agents.core import trust_region_networks as networks
    return networks.make_networks(
        self.spec, self.config, self.architecture, seed)
