"""SAC's networks."""

from typing import NamedTuple

from distillery.agents.core import specs
from distillery.agents.sac import config as sac_config
from distillery.networks import values
from distillery.networks.policies import squashed
import numpy as np


class SACNetworks(NamedTuple):
  """What is trained, and what the critics' targets come from."""

  policy: squashed.SquashedPolicy
  critics: values.TwinCritics
  target_critics: values.TwinCritics
  temperatures: values.Temperatures


def make_networks(
    spec: specs.AgentSpec, config: sac_config.SACConfig, seed: int
) -> SACNetworks:
  """Makes the default networks; the target critics begin as the critics."""
  common = dict(
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
