"""TRPO's configuration: the fields of `TrustRegionConfig`."""

import dataclasses

from distillery.agents.core.trust_region import config as trust_region_config


@dataclasses.dataclass(frozen=True)
class TRPOConfig(trust_region_config.TrustRegionConfig):
  """Trust region policy optimisation (Schulman et al. 2015), one policy.

  Several tasks share the policy, each with as many samples as the others and
  advantages standardised by themselves (MT-TRPO); one task is plain TRPO.
  """
