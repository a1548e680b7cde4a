"""Defines the builder of TRPO; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import Sequence

from distillery.agents.core.trust_region import builder as trust_region_builder

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core.trust_region import (
      networks as trust_region_networks,
  )
  from distillery.agents.trpo import learning
  import reverb


class TRPOBuilder(trust_region_builder.TrustRegionBuilder):
  """The builder of TRPO, whose only policy acts in all tasks."""

  evaluated_policies: Sequence[str] = ('shared',)
  behaviours: Sequence[str] = ('shared',)

  def make_networks(
      self, seed: int
  ) -> trust_region_networks.TrustRegionNetworks:
    from distillery.agents.core.trust_region import networks

    return networks.make_networks(self.spec, self.config, 'shared', seed)

  def make_learner(
      self,
      networks: trust_region_networks.TrustRegionNetworks,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.TRPOLearner:
    from distillery.agents.core.replay import blocks
    from distillery.agents.trpo import learning

    return learning.TRPOLearner(
        self.config,
        networks,
        seed,
        checkpointables={},
        iterator=blocks.make_iterator(client.server_address, 'shared'),
        counter=counter,
    )
