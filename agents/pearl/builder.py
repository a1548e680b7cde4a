"""Defines the builder of PEARL; see `core.builders` on its imports."""

from __future__ import annotations

import functools
import math
import typing
from typing import List

from distillery.agents.core import specs
from distillery.agents.core.replay import builders
from distillery.agents.pearl import config as pearl_config

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.pearl import learning
  from distillery.agents.pearl import networks as pearl_networks
  from distillery.networks.acting import squashed as acting_squashed
  import reverb


class PearlBuilder(builders.EpisodicBuilder):
  """The builder of PEARL.

  The policy 'shared' acts from a latent that is drawn from the prior, as at
  first in a new task. 'task' acts from a latent that is drawn from the task's
  posterior. All networks learn from the episodes of both.
  """

  inserted_kinds = ('context', 'replay')

  def __init__(self, config: pearl_config.PearlConfig, spec: specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks.
    """
    specs.check_bounded('PEARL', spec.action_spec)
    super().__init__(config, spec)

  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    from distillery.agents.core.replay import episodes
    from distillery.agents.core.replay import transitions
    from reverb import rate_limiters

    config, width = self.config, transitions.width(self.spec)
    context = episodes.Kind('context', width, config.context_episodes)
    replay = episodes.Kind('replay', width, config.replay_episodes)
    if apart:
      num_random = math.ceil(config.random_steps / config.unroll_length)
      num_random = max(1, min(num_random, config.replay_episodes))
      context = context._replace(
          make_rate_limiter=episodes.keep_ratio(
              samples=config.context_episodes,
              steps=config.steps_per_block,
              inserts=len(self.behaviours) * config.envs_per_task,
              ahead=num_random,
          )
      )
      replay = replay._replace(
          make_rate_limiter=functools.partial(rate_limiters.MinSize, num_random)
      )
    return episodes.make_tables(
        self.spec.num_tasks, config.unroll_length, [context, replay]
    )

  def num_learner_steps(self, env_steps: int) -> int:
    is_random = env_steps < self.spec.num_tasks * self.config.random_steps
    return 0 if is_random else self.config.steps_per_block

  def make_networks(self, seed: int) -> pearl_networks.PearlNetworks:
    from distillery.agents.pearl import networks

    return networks.make_networks(self.spec, self.config, seed)

  def make_policy(
      self, networks: pearl_networks.PearlNetworks, which: str
  ) -> acting_squashed.SquashedPolicy:
    return networks.policy.acting_policy(
        *specs.action_bounds(self.spec.action_spec),
        latents={'shared': 'prior', 'task': 'posterior'}[which],
    )

  def make_learner(
      self,
      networks: pearl_networks.PearlNetworks,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.PearlLearner:
    from distillery.agents.core.replay import episodes
    from distillery.agents.pearl import learning

    return learning.PearlLearner(
        self.config,
        networks,
        self.spec,
        seed,
        counter=counter,
        iterator=episodes.make_iterator(
            client.server_address,
            num_tasks=self.spec.num_tasks,
            num_episodes={
                'context': self.config.context_episodes,
                'replay': self.config.episodes_per_step,
            },
        ),
    )
