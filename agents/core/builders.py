"""Defines builders, the classes that make the parts of an agent.

A builder's module must not import TensorFlow; only its methods do so. Every
worker process imports the main script, and with it the builders that it names.
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

from distillery.agents.core import specs as core_specs
import numpy as np

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core import learners
  from distillery.networks import acting
  import reverb


# A function that inserts a block. Its arguments are the name of the behaviour
# that acted and the block, arrays `[K, T, E, ...]` by name, as `Pool.collect`
# returns them.
Inserter = Callable[[str, Mapping[str, np.ndarray]], None]


class Builder(abc.ABC):
  """The base class of builders, which make the parts of an agent.

  Every agent has a subclass, which is the `make_builder` of an
  `ExperimentConfig`. `make_builder(agent_config, spec)` makes the builder,
  without TensorFlow, at the start of a run, and again in each node of a program
  that needs one. It raises a ValueError if the config does not fit the tasks,
  before anything has started. The methods are then called in this order:

    make_tables                        Reverb's server starts with the tables
    make_networks, make_learner        the learner starts
    make_policy                        once for each policy that acts
    make_inserter                      once for each actor
    num_learner_steps                  after each collection, on one machine

  In a program, `make_tables` is called in the node of Reverb's server,
  `make_inserter` in each actor's node, and the others in the learner's node.
  """

  # Whether each block must hold one whole episode of each environment. Actors
  # read this attribute of the class.
  needs_whole_episodes = False

  def __init__(self, config: Any, spec: core_specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config, a frozen dataclass.
      spec: the description of the tasks.

    Raises:
      ValueError: in a subclass, if the config does not fit the tasks.
    """
    self.config = config
    self.spec = spec

  @property
  @abc.abstractmethod
  def evaluated_policies(self) -> Sequence[str]:
    """The names of the policies that are evaluated: 'task', 'shared' or both.

    It is read when the learner starts. `make_policy` is then called with each
    name.
    """

  @property
  def behaviours(self) -> Sequence[str]:
    """The names of the policies that act in training, such as 'task'.

    It is read when the learner starts. `make_policy` is then called with each
    name. In every collection each of these policies acts for one block, in this
    order.
    """
    return ('task',)

  @abc.abstractmethod
  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    """Makes Reverb's tables, before the server starts.

    Args:
      apart: whether actors and learner run in different nodes of a program. If
        so, the tables' rate limiters must make them wait for each other. On one
        machine `num_learner_steps` sets the schedule, and no table may block.

    Returns:
      The tables. The function of `make_inserter` fills them, and the learner
      reads them.
    """

  @property
  def keeps_replay(self) -> bool:
    """True if the content of the tables is part of a checkpoint.

    It is read when the server and the learner start.
    """
    return False

  @classmethod
  @abc.abstractmethod
  def make_inserter(
      cls, spec: core_specs.AgentSpec, client: reverb.Client
  ) -> Inserter:
    """Makes the function that writes blocks into the tables, for one actor.

    It is called on the class, without a builder, because the machine of an
    actor may not have the files that a builder reads, such as experts or
    teachers.

    Args:
      spec: the description of the tasks.
      client: a client of the server that has the tables of `make_tables`.

    Returns:
      A function that is called after each block. Its arguments are the name of
      the behaviour that acted and the block, arrays `[K, T, E, ...]` by name.
      The memory of these arrays is used again for the next block.
    """

  @property
  def max_actors(self) -> Optional[int]:
    """The largest number of actors in a program; None if there is no limit.

    It is read when a program is made. A program with more actors is refused.
    """
    return None

  def num_learner_steps(self, env_steps: int) -> int:
    """Returns the number of learner steps after a collection.

    It is called only if everything runs on one machine, after every behaviour
    has acted for a block and the blocks have been inserted. In a program the
    tables' rate limiters take its place.

    Args:
      env_steps: the number of environment steps of the run so far, summed over
        all tasks, including this collection.

    Returns:
      The number of calls of the learner's `step`; 0 while the replay is too
      small.
    """
    del env_steps
    return 1

  @abc.abstractmethod
  def make_networks(self, seed: int) -> Any:
    """Makes all networks, once, before the learner and the policies.

    A checkpoint is restored into the learner afterwards. If
    `ExperimentConfig.make_networks` is given, it is called instead of this
    method.

    Args:
      seed: the experiment's seed, from which the initial weights are drawn.

    Returns:
      The networks, in any form that `make_learner` and `make_policy` accept.
    """

  @abc.abstractmethod
  def make_policy(self, networks: Any, which: str) -> acting.AnyPolicy:
    """Makes a policy that acts in NumPy, in workers and evaluations.

    It is called after `make_learner`, once for each name in
    `evaluated_policies` and once for each name in `behaviours`.

    Args:
      networks: the networks that `make_networks` returned.
      which: the name of the policy.

    Returns:
      The policy. It has no parameters of its own, but acts with the variables
      that the learner serves as 'policy'. A checkpoint holds it as JSON, so its
      class must be registered by `networks.acting.register`.
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
      networks: the networks that `make_networks` returned.
      client: a client of the server that has the tables of `make_tables`. They
        are empty, or hold the replay of the checkpoint that is resumed.
      counter: the counter of `learner_steps`.
      seed: the experiment's seed, for everything random in learning.

    Returns:
      The learner. It reads the tables, and its `get_variables(['policy'])`
      returns the variables with which the policies act.
    """
