"""What an agent has to provide to be run.

A builder's module imports no TensorFlow, only its methods do: a program that
names a builder is imported by every worker process.
"""

from __future__ import annotations

import abc
import typing
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from dm_env import specs
import numpy as np

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
  # Steps of every episode; None if they vary.
  horizon: Optional[int] = None


class Builder(abc.ABC):
  """Makes the parts of one agent, from its config and an `AgentSpec`."""

  @property
  @abc.abstractmethod
  def evaluated_policies(self) -> Sequence[str]:
    """Of 'task' and 'shared', those that this agent trains."""

  @property
  def behaviours(self) -> Sequence[str]:
    """Of 'task' and 'shared', those that act in training, a block each."""
    return ('task',)

  @abc.abstractmethod
  def make_tables(self) -> List[reverb.Table]:
    """Reverb's tables; blocks go into the one named like their behaviour."""

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


def action_bounds(
    action_spec: specs.Array) -> Tuple[Tuple[float, ...], Tuple[float, ...]]:
  """What continuous actions are clipped to, A numbers each; empty if nothing.

  Empty for discrete actions as well.
  """
  if (not isinstance(action_spec, specs.BoundedArray)
      or isinstance(action_spec, specs.DiscreteArray)):
    return (), ()
  low, high = (tuple(np.broadcast_to(bound, action_spec.shape).tolist())
               for bound in (action_spec.minimum, action_spec.maximum))
  return low, high


def check_noise_color(noise_color: float, spec: AgentSpec) -> None:
  """Raises ValueError if there is a color but no Gaussian noise."""
  if noise_color and isinstance(spec.action_spec, specs.DiscreteArray):
    raise ValueError(f'noise_color={noise_color} has no effect on discrete '
                     'actions; set it to 0.')
