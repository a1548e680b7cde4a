"""What an agent has to provide to be run.

A builder's module imports no TensorFlow, only its methods do: a program that
names a builder is imported by every worker process.
"""

from __future__ import annotations

import abc
import typing
from typing import Any, List, NamedTuple, Sequence

from dm_env import specs

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core import learners
  from distillery.networks import acting
  import reverb


class AgentSpec(NamedTuple):
  """What an agent needs to know of its tasks."""
  num_tasks: int
  num_test_tasks: int
  observation_spec: specs.Array
  action_spec: specs.Array


class Builder(abc.ABC):
  """Makes the parts of one agent, from its config and an `AgentSpec`."""

  @property
  @abc.abstractmethod
  def evaluated_policies(self) -> Sequence[str]:
    """Of 'task' and 'shared', those that this agent trains."""

  @abc.abstractmethod
  def make_tables(self) -> List[reverb.Table]:
    """Reverb's tables."""

  @abc.abstractmethod
  def make_networks(self, seed: int) -> Any:
    """All networks; initial weights by the seed."""

  @abc.abstractmethod
  def make_policy(self, networks: Any, which: str) -> acting.ActingPolicy:
    """What acts, in NumPy; `which` is 'task' or 'shared'."""

  @abc.abstractmethod
  def make_learner(self, networks: Any, client: reverb.Client,
                   counter: counting.Counter, seed: int) -> learners.Learner:
    """What learns from the tables; serves 'policy' to actors."""
