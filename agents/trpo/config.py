"""Defines TRPO's settings, which are those of `TrustRegionConfig`."""

import dataclasses

from distillery.agents.core.trust_region import config as trust_region_config


@dataclasses.dataclass(frozen=True)
class TRPOConfig(trust_region_config.TrustRegionConfig):
  """The settings of TRPO (Schulman et al. 2015).

  One task is plain TRPO. Several tasks share one policy (MT-TRPO). Each task
  has the same number of samples, and its advantages are standardised on their
  own.
  """
