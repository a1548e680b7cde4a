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
  """The parts of one agent, made from its config and an `AgentSpec`.

  An agent implements this class. `ExperimentConfig.make_builder` is the class;
  `make_builder(agent_config, spec)` makes the builder, without TensorFlow, at
  the start of a run, and again in each node of a program that needs one. A
  ValueError there refuses config and tasks before anything has started. The
  methods are then called in this order:

    make_tables                        Reverb's server starts with the tables
    make_networks, make_learner        the learner starts
    make_policy                        once for each policy that acts
    make_inserter                      once for each actor
    num_learner_steps                  after each collection, on one machine

  In a program, `make_tables` is called in the node of Reverb's server, and
  `make_inserter` in each actor's; all else is called in the learner's node.
  """

  # Whether each block has to be one whole episode of each environment. Actors
  # read it off the class.
  needs_whole_episodes = False

  def __init__(self, config: Any, spec: core_specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's frozen config.
      spec: the tasks.

    Raises:
      ValueError: in a subclass, if config and tasks do not fit.
    """
    self.config = config
    self.spec = spec

  @property
  @abc.abstractmethod
  def evaluated_policies(self) -> Sequence[str]:
    """The names of the policies that are evaluated: 'task', 'shared' or both.

    Read when the learner starts; `make_policy` is then called with each.
    """

  @property
  def behaviours(self) -> Sequence[str]:
    """The names of what acts in training: 'task', 'shared', or others.

    Read when the learner starts; `make_policy` is then called with each. In
    every collection each of them acts for one block, in this order.
    """
    return ('task',)

  @abc.abstractmethod
  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    """Makes Reverb's tables, before the server starts.

    Args:
      apart: whether actors and learner run in different nodes of a program.
        Then the tables' rate limiters have to make them wait for each other. On
        one machine `num_learner_steps` is their schedule, and nothing may wait.

    Returns:
      The tables, which `make_inserter` fills and `make_learner` reads.
    """

  @property
  def keeps_replay(self) -> bool:
    """Whether the content of the tables is part of a checkpoint.

    Read when the server and the learner start.
    """
    return False

  @classmethod
  @abc.abstractmethod
  def make_inserter(
      cls, spec: core_specs.AgentSpec, client: reverb.Client
  ) -> Inserter:
    """Makes the function that writes blocks into the tables, for one actor.

    It is called on the class, without a builder: a machine that acts has none
    of the files that a builder may read, such as experts or teachers.

    Args:
      spec: the tasks.
      client: a client of the server with the tables of `make_tables`.

    Returns:
      A function that is called after each block with the name of the behaviour
      that acted and the block, `[T, K, E, ...]` arrays by name, whose memory is
      used again for the next block.
    """

  @property
  def max_actors(self) -> Optional[int]:
    """The largest number of actors in a program; None: any number.

    Read when a program is laid out, which is refused if it has more.
    """
    return None

  def num_learner_steps(self, env_steps: int) -> int:
    """Returns the number of learner steps after a collection.

    It is called on one machine alone, after every behaviour has acted for a
    block and the blocks have been inserted. In a program the tables' rate
    limiters take its place.

    Args:
      env_steps: the environment steps of the run so far, of all tasks together,
        with those of this collection.

    Returns:
      How often `step` of the learner is called now; 0 as long as the replay is
      too small.
    """
    del env_steps
    return 1

  @abc.abstractmethod
  def make_networks(self, seed: int) -> Any:
    """Makes all networks, once, before the learner and the policies.

    A checkpoint is restored into the learner afterwards.
    `ExperimentConfig.make_networks`, if given, takes this method's place.

    Args:
      seed: the seed of the initial weights, the experiment's.

    Returns:
      What `make_learner` and `make_policy` are given; nobody else looks at it.
    """

  @abc.abstractmethod
  def make_policy(self, networks: Any, which: str) -> acting.AnyPolicy:
    """Makes a policy that acts in NumPy, in workers and evaluations.

    It is called after `make_learner`, once for each name in
    `evaluated_policies` and once for each in `behaviours`.

    Args:
      networks: what `make_networks` returned.
      which: the name.

    Returns:
      A policy without numbers of its own: it acts with the variables that the
      learner serves as 'policy'. A checkpoint holds it as JSON, so its class is
      registered by `networks.acting.register`.
    """

  @abc.abstractmethod
  def make_learner(
      self,
      networks: Any,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learners.Learner:
    """Makes the learner, once, after the networks.

    Args:
      networks: what `make_networks` returned.
      client: a client of the server with the tables of `make_tables`; they are
        empty, or hold the replay of the checkpoint that is resumed.
      counter: counts `learner_steps`.
      seed: the seed of everything random in learning, the experiment's.

    Returns:
      The learner. It reads the tables, and its `get_variables(['policy'])` are
      the variables that the policies act with.
    """


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
      config: the agent's config, with `envs_per_task`, `unroll_length` and
        `noise_color`.
      spec: the tasks.

    Raises:
      ValueError: if config and tasks do not fit.
    """
    if config.noise_color and isinstance(spec.action_spec, specs.DiscreteArray):
      raise ValueError(
          f'noise_color={config.noise_color} has no effect on '
          'discrete actions; set it to 0.'
      )
    config_checks.warn_of_width(
        config, spec.action_spec, *core_specs.action_bounds(spec.action_spec)
    )
    super().__init__(config, spec)

  @property
  def state_size(self) -> int:
    """The length of the vector that a policy remembers; 0: none.

    Read by `make_tables`: a block begins with one for each environment.
    """
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
