"""Makes the networks of agents that step within trust regions."""

from typing import NamedTuple, Protocol, Union

from distillery.agents.core import specs as core_specs
from distillery.agents.core.trust_region import config as trust_region_config
from distillery.agents.core.trust_region import critics
from distillery.networks import interfaces
from distillery.networks.policies import columns
from dm_env import specs
import numpy as np


class PolicyAndCritic(Protocol):
  """The parts that the networks of every agent with trust regions have."""

  @property
  def policy(self) -> interfaces.MultiTaskPolicy:
    """The policies of all tasks."""

  @property
  def critic(self) -> critics.Critic:
    """The critics of all tasks."""


class TrustRegionNetworks(NamedTuple):
  """The networks that are trained.

  Attributes:
    policy: the policies of all tasks.
    critic: the critics of all tasks.
  """

  policy: interfaces.MultiTaskPolicy
  critic: critics.Critic


def make_policy(
    spec: core_specs.AgentSpec,
    config: trust_region_config.TrustRegionConfig,
    architecture: str,
    seed: Union[int, np.random.SeedSequence],
    *,
    alpha: float = 0.0,
) -> columns.ColumnPolicy:
  """Makes the policies of all tasks.

  Args:
    spec: the description of the tasks; actions are discrete or continuous.
    config: the agent's config, with the sizes of the layers and the range of
      the standard deviations.
    architecture: 'shared' for one policy; 'separate' for a policy of each task
      and a shared one, all of the same form; 'two_column' for task policies
      that build on the shared one.
    seed: the seed of the initial weights.
    alpha: the power of the shared policy in a two-column task policy, in
      [0, 1]; not 0 if actions are continuous.

  Returns:
    The policies.
  """
  is_discrete = isinstance(spec.action_spec, specs.DiscreteArray)
  return columns.ColumnPolicy(
      spec.num_tasks,
      spec.observation_spec.shape[0],
      (
          spec.action_spec.num_values
          if is_discrete
          else spec.action_spec.shape[0]
      ),
      is_discrete=is_discrete,
      architecture=architecture,
      alpha=alpha,
      hidden_sizes=config.hidden_sizes,
      shared_observes_task=config.observes_task,
      task_observes_task=config.observes_task,
      # Policies are evaluated in the states of other tasks too.
      pooled_normalizer=True,
      std=columns.StdRange(config.initial_std, config.min_std, config.max_std),
      min_observation_std=config.min_observation_std,
      seed=seed,
  )


def make_networks(
    spec: core_specs.AgentSpec,
    config: trust_region_config.TrustRegionConfig,
    architecture: str,
    seed: int,
) -> TrustRegionNetworks:
  """Makes the default networks.

  Args:
    spec: the description of the tasks.
    config: the agent's config, with the sizes of the layers.
    architecture: 'shared' for one policy; 'separate' for a policy for each task
      and a shared one, all of the same form.
    seed: the seed of the initial weights.

  Returns:
    The networks.
  """
  policy_seed, value_seed = np.random.SeedSequence(seed).spawn(2)
  (observation_size,) = spec.observation_spec.shape
  return TrustRegionNetworks(
      make_policy(spec, config, architecture, policy_seed),
      critics.make_critic(config, spec.num_tasks, observation_size, value_seed),
  )
