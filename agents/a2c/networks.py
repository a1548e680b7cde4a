"""The networks of A2C."""

from typing import NamedTuple

from distillery.agents.a2c import config as a2c_config
from distillery.agents.a2c import rewards
from distillery.agents.core import specs
from distillery.networks.policies import multi_head
import numpy as np


class A2CNetworks(NamedTuple):
  """The modules of an A2C agent.

  Attributes:
    policy: the policies pi_k of all tasks.
    value: the state values V_k of all tasks.
    reward_scale: the number by which each task's rewards are divided.
    value_is_new: whether the values start untrained. It is false if they come
      from an earlier run.
  """

  policy: multi_head.MultiHeadPolicy
  value: multi_head.MultiHeadValue
  reward_scale: rewards.RewardScale
  value_is_new: bool = True


def make_networks(
    spec: specs.AgentSpec, config: a2c_config.A2CConfig, seed: int
) -> A2CNetworks:
  """Makes the networks, with new weights.

  Args:
    spec: the tasks' observations and actions, and their number K.
    config: the architecture and the sizes of the layers.
    seed: the seed of the initial weights.

  Returns:
    The networks; the policy and the values share the statistics of the
    observations.
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
          spec.num_tasks,
          config.envs_per_task,
          config.discount,
          config.min_return_std,
      ),
  )
