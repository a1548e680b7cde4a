"""A2C's networks."""

from typing import NamedTuple

from distillery.agents.a2c import config as a2c_config
from distillery.agents.a2c import rewards
from distillery.agents.core import specs
from distillery.networks.policies import multi_head
import numpy as np


class A2CNetworks(NamedTuple):
  """What learns, and acts.

  Attributes:
    policy: of all tasks.
    value: likewise.
    reward_scale: what their rewards are divided by.
    value_is_new: whether the values have learned nothing before this run.
  """

  policy: multi_head.MultiHeadPolicy
  value: multi_head.MultiHeadValue
  reward_scale: rewards.RewardScale
  value_is_new: bool = True


def make_networks(
    spec: specs.AgentSpec, config: a2c_config.A2CConfig, seed: int
) -> A2CNetworks:
  """Makes them.

  Args:
    spec: of the tasks.
    config: architecture and sizes.
    seed: of the initial weights.
  """
  policy_seed, value_seed = np.random.SeedSequence(seed).spawn(2)
  policy = multi_head.MultiHeadPolicy(
      spec.num_tasks,
      spec.observation_spec.shape[0],
      spec.action_spec.shape[0],
      architecture=config.architecture,
      hidden_sizes=config.hidden_sizes,
      initial_std=config.initial_std,
      min_observation_std=config.min_observation_std,
      seed=policy_seed,
  )
  value = multi_head.MultiHeadValue(
      spec.num_tasks,
      policy.normalizer,
      architecture=config.architecture,
      hidden_sizes=config.hidden_sizes,
      seed=value_seed,
  )
  return A2CNetworks(
      policy,
      value,
      rewards.RewardScale(
          spec.num_tasks, config.envs_per_task, config.discount
      ),
  )
