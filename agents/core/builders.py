"""What an agent has to provide to be run.

A builder's module imports no TensorFlow, only its methods do: a program that
names a builder is imported by every worker process.
"""

from __future__ import annotations

import abc
import typing
from typing import (
    Any,
    Callable,
    List,
    Mapping,
    Optional,
    Sequence,
)

from distillery.agents.core import config_checks
from distillery.agents.core import specs as core_specs
from dm_env import specs
import numpy as np

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core import learners
  from distillery.networks import acting
  import reverb


# Takes the name of the behaviour that acted and what it did: arrays
# `[K, T, E, ...]` by name, as `Pool.collect` returns them.
Inserter = Callable[[str, Mapping[str, np.ndarray]], None]


class Builder(abc.ABC):
  """Makes the parts of one agent, from its config and an `AgentSpec`."""

  # Whether each block has to be one whole episode of each environment.
  needs_whole_episodes = False

  @property
  @abc.abstractmethod
  def evaluated_policies(self) -> Sequence[str]:
    """Of 'task' and 'shared', those that this agent trains."""

  @property
  def behaviours(self) -> Sequence[str]:
    """What acts in training, a block each: 'task', 'shared', or another."""
    return ('task',)

  @abc.abstractmethod
  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    """Reverb's tables.

    Args:
      apart: whether actors and learner run apart, and have to wait for each
        other; on one machine `num_learner_steps` is their schedule.
    """

  @property
  def keeps_replay(self) -> bool:
    """Whether the tables are part of a checkpoint."""
    return False

  @classmethod
  @abc.abstractmethod
  def make_inserter(
      cls, spec: core_specs.AgentSpec, client: reverb.Client
  ) -> Inserter:
    """What writes blocks into the tables.

    Of the class: a machine that acts has none of the files that a builder may
    want, such as experts or teachers.
    """

  @property
  def max_actors(self) -> Optional[int]:
    """How many actors of a program it can learn from; None: any number."""
    return None

  def num_learner_steps(self, env_steps: int) -> int:
    """Steps to learn after a block, which brought the run to `env_steps`."""
    del env_steps
    return 1

  @abc.abstractmethod
  def make_networks(self, seed: int) -> Any:
    """All networks; initial weights by the seed."""

  @abc.abstractmethod
  def make_policy(self, networks: Any, which: str) -> acting.AnyPolicy:
    """What acts, in NumPy; `which` is evaluated, or a behaviour."""

  @abc.abstractmethod
  def make_learner(
      self,
      networks: Any,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learners.Learner:
    """What learns from the tables; serves 'policy' to actors."""


class EpisodicBuilder(Builder):
  """Replay of whole episodes by task, for meta-learners with a latent.

  In turns, 'shared' acts as at first in a new task, and 'task' by what is known
  of it. A subclass calls this constructor once it has checked what is its own.
  """

  needs_whole_episodes = True
  # The kinds of episodes that actors insert, see `episodes.Kind`.
  inserted_kinds: Sequence[str] = ('context',)

  def __init__(self, config: Any, spec: core_specs.AgentSpec):
    """Checks what all of them need.

    Args:
      config: the agent's, with `unroll_length` and `tasks_per_update`.
      spec: the tasks.

    Raises:
      ValueError: if they do not go together.
    """
    core_specs.check_meta_learner(
        spec,
        unroll_length=config.unroll_length,
        tasks_per_update=config.tasks_per_update,
    )
    self.config = config
    self.spec = spec

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
  ) -> Inserter:
    from distillery.agents.core.replay import episodes
    from distillery.agents.core.replay import transitions

    del spec

    def insert(behaviour: str, block: Mapping[str, np.ndarray]) -> None:
      del behaviour  # Contexts come from both.
      rows = transitions.pack_episodes(block)
      for kind in cls.inserted_kinds:
        episodes.insert(client, kind, rows)

    return insert


class OnPolicyBuilder(Builder):
  """Blocks of unrolls, one queue for each policy that acts."""

  def __init__(self, config: Any, spec: core_specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: an agent's, with `envs_per_task`, `unroll_length`, `noise_color`.
      spec: of its tasks.

    Raises:
      ValueError: if they do not go together.
    """
    if config.noise_color and isinstance(spec.action_spec, specs.DiscreteArray):
      raise ValueError(
          f'noise_color={config.noise_color} has no effect on '
          'discrete actions; set it to 0.'
      )
    config_checks.warn_of_width(
        config, spec.action_spec, *core_specs.action_bounds(spec.action_spec)
    )
    self.config = config
    self.spec = spec

  @property
  def state_size(self) -> int:
    """Numbers that a policy remembers of an environment; 0: none."""
    return 0

  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    del apart  # Who writes waits for a full queue, who reads for an empty one.
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
  ) -> Inserter:
    from distillery.agents.core.replay import blocks

    del spec  # A queue takes any block.
    return blocks.BlockWriter(client)

  def make_policy(self, networks: Any, which: str) -> acting.AnyPolicy:
    return networks.policy.acting_policy(
        which,
        *core_specs.action_bounds(self.spec.action_spec),
        noise_color=self.config.noise_color,
    )
