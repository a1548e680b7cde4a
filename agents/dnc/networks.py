"""The networks of DnC."""

from typing import NamedTuple

from distillery.agents.core import specs
from distillery.agents.core.trust_region import critics
from distillery.agents.core.trust_region import (
    networks as trust_region_networks,
)
from distillery.agents.dnc import config as dnc_config
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


def make_networks(
    spec: specs.AgentSpec, config: dnc_config.DnCConfig, seed: int
) -> DnCNetworks:
  """Makes the default networks.

  Args:
    spec: the tasks, which are the contexts.
    config: the sizes.
    seed: the seed of the initial weights.

  Returns:
    The networks, all policies of one form.
  """
  policy, critic = trust_region_networks.make_networks(
      spec, config, 'separate', seed
  )
  (size,) = spec.observation_spec.shape
  return DnCNetworks(
      policy, critic, critics.make_critic(config, spec.num_tasks, size, seed)
  )
