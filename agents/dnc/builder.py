"""Defines the builder of DnC; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import Sequence

from distillery.agents.core import specs
from distillery.agents.core.trust_region import builder as trust_region_builder
from distillery.agents.dnc import config as dnc_config

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.dnc import learning
  from distillery.agents.dnc import networks as dnc_networks
  import reverb


class DnCBuilder(trust_region_builder.TrustRegionBuilder):
  """The builder of DnC, whose contexts are the training tasks of the suite."""

  evaluated_policies: Sequence[str] = ('task', 'shared')

  def __init__(self, config: dnc_config.DnCConfig, spec: specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks, or there are fewer than
        two contexts.
    """
    if spec.num_tasks < 2:
      raise ValueError(
          f'DnC needs at least two contexts, got {spec.num_tasks}: want a '
          'suite of several tasks, or --num_contexts to partition a single '
          'one.'
      )
    super().__init__(config, spec)

  @property
  def behaviours(self) -> Sequence[str]:
    has_central = self.config.central_trpo or self.config.mode == 'release'
    return ('task', 'shared') if has_central else ('task',)

  def make_networks(self, seed: int) -> dnc_networks.DnCNetworks:
    from distillery.agents.dnc import networks

    return networks.make_networks(self.spec, self.config, seed)

  def make_learner(
      self,
      networks: dnc_networks.DnCNetworks,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.DnCLearner:
    from distillery.agents.core.replay import blocks as replay_blocks
    from distillery.agents.dnc import learning

    queues = {
        name: replay_blocks.make_iterator(client.server_address, name)
        for name in self.behaviours
    }
    blocks = (dict(zip(queues, taken)) for taken in zip(*queues.values()))
    if self.config.mode == 'paper':
      # All local policies start from the central one, as after every
      # distillation. The released code resets them in its first step.
      networks.policy.reset_tasks()
    return learning.DnCLearner(
        self.config, networks, seed, iterator=blocks, counter=counter
    )
