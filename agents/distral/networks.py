"""The networks of Distral."""

from typing import NamedTuple

from distillery.agents.core import specs as core_specs
from distillery.agents.distral import config as distral_config
from distillery.networks import values
from distillery.networks.policies import columns
from distillery.networks.policies import recurrent
from dm_env import specs
import numpy as np


class DistralNetworks(NamedTuple):
  """The policies and values of all tasks.

  Attributes:
    policy: the shared policy pi_0 and the task policies pi_k.
    value: the values V_k of regularised rewards.
  """

  policy: columns.ColumnPolicy
  value: values.StackedValue


def make_networks(
    num_tasks: int,
    observation_spec: specs.Array,
    action_spec: specs.Array,
    config: distral_config.DistralConfig,
    seed: int,
) -> DistralNetworks:
  """Makes the default networks.

  Args:
    num_tasks: K, the number of tasks.
    observation_spec: the tasks' observations, float32 `[D]`.
    action_spec: the tasks' actions, a `DiscreteArray` or float32 `[A]`.
    config: the architecture, the sizes of the layers and the action noise.
    seed: the seed of the initial weights.

  Returns:
    The networks, with new weights.
  """
  is_discrete = isinstance(action_spec, specs.DiscreteArray)
  (observation_size,) = observation_spec.shape
  policy_seed, value_seed = np.random.SeedSequence(seed).spawn(2)
  policy = columns.ColumnPolicy(
      num_tasks,
      observation_size,
      action_spec.num_values if is_discrete else action_spec.shape[0],
      is_discrete=is_discrete,
      architecture=config.architecture,
      alpha=config.logits_alpha,
      hidden_sizes=config.hidden_sizes,
      shared_observes_task=config.shared_observes_task,
      std=columns.StdRange(config.initial_std, config.min_std, config.max_std),
      min_observation_std=config.min_observation_std,
      seed=policy_seed,
  )
  value = values.StackedValue(
      num_tasks,
      observation_size,
      hidden_sizes=config.value_hidden_sizes,
      # The value of a constant reward of 1 is 1 / (1 - gamma).
      scale=1.0 / (1.0 - config.discount),
      min_observation_std=config.min_observation_std,
      seed=value_seed,
  )
  return DistralNetworks(policy, value)


def make_recurrent_policy(
    spec: core_specs.AgentSpec, config: distral_config.DistralConfig, seed: int
) -> recurrent.RecurrentColumnPolicy:
  """Makes a policy whose columns have an LSTM and also compute the values.

  Args:
    spec: the tasks' observations and discrete actions, and their number K.
    config: the architecture and the sizes of the layers.
    seed: the seed of the initial weights.

  Returns:
    The policy, with new weights.

  Raises:
    ValueError: if the image of the observations is too small for the
      convolutions.
  """
  return recurrent.RecurrentColumnPolicy(
      spec.num_tasks,
      spec.observation_spec.shape[0],
      spec.action_spec.num_values,
      image_shape=spec.image_shape,
      architecture=config.architecture,
      alpha=config.logits_alpha,
      conv_channels=config.conv_channels,
      hidden_sizes=config.hidden_sizes,
      lstm_size=config.lstm_size,
      seed=seed,
  )
