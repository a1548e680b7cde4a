"""The networks of DnC."""

from typing import NamedTuple

from distillery.agents.core.trust_region import critics
from distillery.networks import interfaces


class DnCNetworks(NamedTuple):
  """The policies and critics of a DnC agent.

  Attributes:
    policy: the local policies, as its task policies, and the central policy, as
      its shared policy.
    critic: the critic of the local policies.
    central_critic: the critic of the central policy, which has returns of its
      own if it acts.
  """

  policy: interfaces.MultiTaskPolicy
  critic: critics.Critic
  central_critic: critics.Critic
