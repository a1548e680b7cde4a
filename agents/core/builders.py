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
  NamedTuple,
  Optional,
  Sequence,
  Tuple,
)

from distillery.agents.core import config_checks
from dm_env import specs
import numpy as np

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core import learners
  from distillery.networks import acting
  import reverb


# Takes the name of the behaviour that acted and a block of its, see
# `replay.block_signature`.
Inserter = Callable[[str, Mapping[str, np.ndarray]], None]


class AgentSpec(NamedTuple):
  """What an agent needs to know of its tasks."""
  num_tasks: int
  num_test_tasks: int
  observation_spec: specs.Array
  action_spec: specs.Array
  # Steps of every episode; None if they vary.
  horizon: Optional[int] = None
  # Of each task that is trained on; empty if nobody needs them.
  families: Tuple[str, ...] = ()
  # Of the tasks that are trained on.
  task_names: Tuple[str, ...] = ()
  # Of the image that an observation begins with.
  image_shape: Optional[Tuple[int, int, int]] = None


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
  def make_inserter(cls, spec: AgentSpec, client: reverb.Client) -> Inserter:
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
  def make_policy(self, networks: Any, which: str) -> acting.ActingPolicy:
    """What acts, in NumPy; `which` is evaluated, or a behaviour."""

  @abc.abstractmethod
  def make_learner(self, networks: Any, client: reverb.Client,
                   counter: counting.Counter, seed: int) -> learners.Learner:
    """What learns from the tables; serves 'policy' to actors."""


class OnPolicyBuilder(Builder):
  """Blocks of unrolls, one queue for each policy that acts."""

  def __init__(self, config: Any, spec: AgentSpec):
    """Initialises the builder.

    Args:
      config: an agent's, with `envs_per_task`, `unroll_length`, `noise_color`.
      spec: of its tasks.

    Raises:
      ValueError: if they do not go together.
    """
    if config.noise_color and isinstance(
        spec.action_spec, specs.DiscreteArray):
      raise ValueError(f'noise_color={config.noise_color} has no effect on '
                       'discrete actions; set it to 0.')
    config_checks.warn_of_width(
        config, spec.action_spec, *action_bounds(spec.action_spec))
    self.config = config
    self.spec = spec

  @property
  def state_size(self) -> int:
    """Numbers that a policy remembers of an environment; 0: none."""
    return 0

  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    del apart  # Who writes waits for a full queue, who reads for an empty one.
    from distillery.agents.core import replay
    return [replay.make_queue(name, self.spec, self.config, max_blocks=1,
                              state_size=self.state_size)
            for name in self.behaviours]

  @classmethod
  def make_inserter(cls, spec: AgentSpec, client: reverb.Client) -> Inserter:
    from distillery.agents.core import replay
    del spec  # A queue takes any block.
    return replay.BlockWriter(client)

  def make_policy(self, networks: Any, which: str) -> acting.ActingPolicy:
    return networks.policy.acting_policy(
        which, *action_bounds(self.spec.action_spec),
        noise_color=self.config.noise_color)


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


def check_continuous(agent: str, action_spec: specs.Array) -> None:
  """Refuses discrete actions.

  Raises:
    ValueError: if they are; names the agent.
  """
  if isinstance(action_spec, specs.DiscreteArray):
    raise ValueError(f'{agent} needs continuous actions, got {action_spec}.')


def check_bounded(agent: str, action_spec: specs.Array) -> None:
  """Refuses actions that cannot be shrunk to the unit box.

  Args:
    agent: whose actions, by name.
    action_spec: of the tasks.

  Raises:
    ValueError: if actions are discrete, or a bound is missing, infinite or the
      other one's equal.
  """
  low, high = action_bounds(action_spec)
  if not low or not np.isfinite([low, high]).all():
    raise ValueError(f'{agent} needs continuous actions with finite bounds, '
                     f'got {action_spec}.')
  if not all(least < most for least, most in zip(low, high)):
    raise ValueError(
        f'actions must have room between their bounds, got {low} and {high}.')


def to_unit_box(
    action: Any, low: Sequence[float], high: Sequence[float]) -> Any:
  """From the bounds to [-1, 1].

  Args:
    action: an array or a tensor `[..., A]`.
    low: A lower bounds.
    high: A upper bounds.

  Raises:
    ValueError: if there are not as many.
  """
  if not action.shape[-1] == len(low) == len(high):
    raise ValueError(f'action: got shape {tuple(action.shape)}, want [..., '
                     f'{len(low)}] for bounds {low} and {high}.')
  low, high = np.float32(low), np.float32(high)
  return 2. * (action - low) / (high - low) - 1.


def check_meta_learner(spec: AgentSpec, *, unroll_length: int,
                       tasks_per_update: int) -> None:
  """Refuses what updates of whole episodes, of some tasks, cannot be made of.

  Raises:
    ValueError: if a block is no whole episode, where its length is known, or an
      update has more tasks than there are.
  """
  if spec.horizon not in (None, unroll_length):
    raise ValueError(f'unroll_length={unroll_length} is no whole episode, want '
                     f'{spec.horizon}.')
  if tasks_per_update > spec.num_tasks:
    raise ValueError(f'tasks_per_update={tasks_per_update}: want no more than '
                     f'the {spec.num_tasks} tasks.')
