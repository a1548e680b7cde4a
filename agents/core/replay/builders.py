"""Defines what the builders of agents with the same kind of replay share.

Like every module with a builder, it must not import TensorFlow.
"""

from __future__ import annotations

import typing
from typing import (
    Any,
    List,
    Mapping,
    Sequence,
)

from distillery.agents.core import builders
from distillery.agents.core import config_checks
from distillery.agents.core import specs as core_specs
from dm_env import specs
import numpy as np

if typing.TYPE_CHECKING:
  from distillery.networks import acting
  import reverb


class EpisodicBuilder(builders.Builder):
  """The base class of builders of meta-learners, which replay whole episodes.

  In every collection two policies act, one after the other. 'shared' acts
  without knowledge of the task, as in the first episode of a new task. 'task'
  acts from a latent that was inferred from earlier episodes of the task. A
  subclass makes its own checks before it calls this constructor.
  """

  needs_whole_episodes = True
  # The names of the kinds of episodes that actors insert, see `episodes.Kind`.
  inserted_kinds: Sequence[str] = ('context',)

  def __init__(self, config: Any, spec: core_specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config, with `unroll_length` and `tasks_per_update`.
      spec: the description of the tasks.

    Raises:
      ValueError: if `unroll_length` is not one whole episode, or an update has
        more tasks than there are.
    """
    core_specs.check_meta_learner(
        spec,
        unroll_length=config.unroll_length,
        tasks_per_update=config.tasks_per_update,
    )
    super().__init__(config, spec)

  @property
  def evaluated_policies(self) -> Sequence[str]:
    return ('task',)

  @property
  def behaviours(self) -> Sequence[str]:
    return ('shared', 'task')

  @property
  def keeps_replay(self) -> bool:
    return True

  @classmethod
  def make_inserter(
      cls, spec: core_specs.AgentSpec, client: reverb.Client
  ) -> builders.Inserter:
    from distillery.agents.core.replay import episodes
    from distillery.agents.core.replay import transitions

    del spec

    def insert(behaviour: str, block: Mapping[str, np.ndarray]) -> None:
      del behaviour  # The episodes of both behaviours are used alike.
      rows = transitions.pack_episodes(block)
      for kind in cls.inserted_kinds:
        episodes.insert(client, kind, rows)

    return insert


class OnPolicyBuilder(builders.Builder):
  """The base class of builders whose actors fill queues with blocks of unrolls.

  There is one queue for each policy that acts.
  """

  def __init__(self, config: Any, spec: core_specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config, with `envs_per_task`, `unroll_length` and
        `noise_colors`.
      spec: the description of the tasks.

    Raises:
      ValueError: if there are `noise_colors` and actions are discrete.
    """
    if config.noise_colors and isinstance(
        spec.action_spec, specs.DiscreteArray
    ):
      raise ValueError(
          f'noise_colors={config.noise_colors} has no effect on '
          'discrete actions; leave it empty.'
      )
    config_checks.warn_of_width(
        config, spec.action_spec, *core_specs.action_bounds(spec.action_spec)
    )
    super().__init__(config, spec)

  @property
  def state_size(self) -> int:
    """The length of the vector that a policy remembers; 0 without a memory.

    A block begins with one such vector for each environment, so `make_tables`
    needs its length.
    """
    return 0

  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    del apart  # A full queue makes writers wait, an empty one readers.
    from distillery.agents.core.replay import blocks

    return [
        blocks.make_queue(
            name,
            self.spec,
            self.config,
            max_blocks=1,
            state_size=self.state_size,
        )
        for name in self.behaviours
    ]

  @classmethod
  def make_inserter(
      cls, spec: core_specs.AgentSpec, client: reverb.Client
  ) -> builders.Inserter:
    from distillery.agents.core.replay import blocks

    del spec  # A queue takes any block.
    return blocks.BlockWriter(client)

  def make_policy(self, networks: Any, which: str) -> acting.AnyPolicy:
    return networks.policy.acting_policy(
        which,
        *core_specs.action_bounds(self.spec.action_spec),
        noise_colors=self.config.noise_colors,
    )
