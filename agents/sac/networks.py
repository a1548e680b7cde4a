"""The networks of SAC."""

from typing import Any, Dict, NamedTuple

from distillery.agents.core import specs
from distillery.agents.sac import config as sac_config
from distillery.networks import values
from distillery.networks.policies import squashed
import numpy as np


class SACNetworks(NamedTuple):
  """The networks of a SAC agent.

  Attributes:
    policy: the policy, or the policies.
    critics: the twin critics.
    target_critics: the target networks of the critics.
    temperatures: the temperature alpha of each task.
  """

  policy: squashed.SquashedPolicy
  critics: values.TwinCritics
  target_critics: values.TwinCritics
  temperatures: values.Temperatures


def make_networks(
    spec: specs.AgentSpec, config: sac_config.SACConfig, seed: int
) -> SACNetworks:
  """Makes the default networks.

  Args:
    spec: the tasks' observations and actions, and their number K.
    config: the architecture and the sizes of the layers.
    seed: the seed of the initial weights.

  Returns:
    The networks; the target critics have the critics' initial weights.
  """
  common: Dict[str, Any] = dict(
      architecture=config.architecture, observes_task=config.observes_task
  )
  sizes = (
      spec.num_tasks,
      *spec.observation_spec.shape,
      *spec.action_spec.shape,
  )
  policy_seed, critics_seed = np.random.SeedSequence(seed).spawn(2)
  policy = squashed.SquashedPolicy(
      *sizes, hidden_sizes=config.hidden_sizes, seed=policy_seed, **common
  )
  critics, target_critics = (
      values.TwinCritics(
          *sizes,
          hidden_sizes=config.critic_hidden_sizes,
          seed=critics_seed,
          name=name,
          **common,
      )
      for name in ('critics', 'target_critics')
  )
  return SACNetworks(
      policy,
      critics,
      target_critics,
      values.Temperatures(spec.num_tasks, config.initial_temperature),
  )
