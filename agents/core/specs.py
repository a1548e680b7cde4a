"""Describes the tasks to an agent, and checks that agent and tasks fit."""

from __future__ import annotations

from typing import (
    Any,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from dm_env import specs
import numpy as np


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


def action_bounds(
    action_spec: specs.Array,
) -> Tuple[Tuple[float, ...], Tuple[float, ...]]:
  """What continuous actions are clipped to, A numbers each; empty if nothing.

  Empty for discrete actions as well.
  """
  if not isinstance(action_spec, specs.BoundedArray) or isinstance(
      action_spec, specs.DiscreteArray
  ):
    return (), ()
  low, high = (
      tuple(np.broadcast_to(bound, action_spec.shape).tolist())
      for bound in (action_spec.minimum, action_spec.maximum)
  )
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
    raise ValueError(
        f'{agent} needs continuous actions with finite bounds, '
        f'got {action_spec}.'
    )
  if not all(least < most for least, most in zip(low, high)):
    raise ValueError(
        f'actions must have room between their bounds, got {low} and {high}.'
    )


def to_unit_box(
    action: Any, low: Sequence[float], high: Sequence[float]
) -> Any:
  """From the bounds to [-1, 1].

  Args:
    action: an array or a tensor `[..., A]`.
    low: A lower bounds.
    high: A upper bounds.

  Raises:
    ValueError: if there are not as many.
  """
  if not action.shape[-1] == len(low) == len(high):
    raise ValueError(
        f'action: got shape {tuple(action.shape)}, want [..., '
        f'{len(low)}] for bounds {low} and {high}.'
    )
  lowest, highest = np.asarray(low, np.float32), np.asarray(high, np.float32)
  return 2.0 * (action - lowest) / (highest - lowest) - 1.0


def check_no_held_out(
    spec: AgentSpec, field: str, want: str
) -> None:
  """Refuses held-out tasks where policies depend on the training task.

  Neither has a held-out task a place in the one-hot vector of the training
  tasks, nor a head of its own.

  Args:
    spec: the tasks.
    field: the field of the config that makes policies depend on the task.
    want: the flags with which they would not, such as '--noobserves_task'.

  Raises:
    ValueError: if there are held-out tasks.
  """
  if spec.num_test_tasks:
    raise ValueError(
        f'{field}: a policy that depends on which training task it acts in '
        f'cannot act in a held-out task; want {want} with a suite that has '
        f'{spec.num_test_tasks} test tasks.'
    )


def check_meta_learner(
    spec: AgentSpec, *, unroll_length: int, tasks_per_update: int
) -> None:
  """Refuses what updates of whole episodes, of some tasks, cannot be made of.

  Raises:
    ValueError: if a block is no whole episode, where its length is known, or an
      update has more tasks than there are.
  """
  if spec.horizon not in (None, unroll_length):
    raise ValueError(
        f'unroll_length={unroll_length} is no whole episode, want '
        f'{spec.horizon}.'
    )
  if tasks_per_update > spec.num_tasks:
    raise ValueError(
        f'tasks_per_update={tasks_per_update}: want no more than '
        f'the {spec.num_tasks} tasks.'
    )
