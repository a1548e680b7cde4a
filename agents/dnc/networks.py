"""DnC's networks."""

from typing import NamedTuple

from distillery.agents.core.trust_region import critics
from distillery.networks import interfaces


class DnCNetworks(NamedTuple):
  """What is trained.

  Attributes:
    policy: local policies, its task policies, and the central one, its shared
      policy.
    critic: of the local policies.
    central_critic: of the central policy, which has returns of its own if it
      acts.
  """

  policy: interfaces.MultiTaskPolicy
  critic: critics.Critic
  central_critic: critics.Critic
