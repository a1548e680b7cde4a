"""Defines the builder of A2C; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import Optional, Sequence

from distillery.agents.a2c import config as a2c_config
from distillery.agents.a2c import initial_runs
from distillery.agents.core import specs
from distillery.agents.core.replay import builders

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.a2c import learning
  from distillery.agents.a2c import networks as a2c_networks
  import reverb


class A2CBuilder(builders.OnPolicyBuilder):
  """The builder of A2C, which learns from blocks of short unrolls."""

  def __init__(self, config: a2c_config.A2CConfig, spec: specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks, or `initial_run` does
        not fit the config.
    """
    specs.check_continuous('A2C', spec.action_spec)
    if config.initial_run:
      self._initial = initial_runs.read(config, spec.num_tasks)
    super().__init__(config, spec)

  @property
  def evaluated_policies(self) -> Sequence[str]:
    return ('task',)

  @property
  def max_actors(self) -> Optional[int]:
    # The returns that scale the rewards continue from block to block, so all
    # blocks must come from the same environments.
    return 1 if self.config.normalize_rewards else None

  def make_networks(self, seed: int) -> a2c_networks.A2CNetworks:
    from distillery.agents.a2c import networks

    made = networks.make_networks(self.spec, self.config, seed)
    if not self.config.initial_run:
      return made
    there = networks.make_networks(
        self.spec._replace(num_tasks=self._initial.num_tasks), self.config, seed
    )
    return initial_runs.restore(
        self._initial,
        there,
        made,
        normalize_rewards=self.config.normalize_rewards,
    )

  def make_learner(
      self,
      networks: a2c_networks.A2CNetworks,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.A2CLearner:
    from distillery.agents.a2c import learning
    from distillery.agents.core.replay import blocks

    return learning.A2CLearner(
        self.config,
        networks,
        counter=counter,
        iterator=blocks.make_iterator(client.server_address, 'task'),
    )
