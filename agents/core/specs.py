"""Describes the tasks to an agent, and checks that the agent can learn them."""

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
  """A description of the tasks, with all that an agent must know about them."""

  # The number of training tasks, K.
  num_tasks: int
  # The number of held-out tasks.
  num_test_tasks: int
  # The spec of an observation, float32 [D].
  observation_spec: specs.Array
  # The spec of an action: a float32 array [A], or a DiscreteArray.
  action_spec: specs.Array
  # The number of steps of every episode; None if episodes differ in length.
  horizon: Optional[int] = None
  # The family of each training task; may be empty if the agent needs none.
  families: Tuple[str, ...] = ()
  # The names of the training tasks; may be empty if the agent needs none.
  task_names: Tuple[str, ...] = ()
  # The shape (height, width, channels) of the image that an observation begins
  # with; None without an image.
  image_shape: Optional[Tuple[int, int, int]] = None


def action_bounds(
    action_spec: specs.Array,
) -> Tuple[Tuple[float, ...], Tuple[float, ...]]:
  """Returns the bounds to which continuous actions are clipped.

  Args:
    action_spec: the spec of an action.

  Returns:
    The lower and the upper bounds, A numbers each. Both are empty if the spec
    has no bounds or actions are discrete.
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
  """Checks that actions are continuous.

  Args:
    agent: the agent's name, for the error message.
    action_spec: the spec of an action.

  Raises:
    ValueError: if actions are discrete.
  """
  if isinstance(action_spec, specs.DiscreteArray):
    raise ValueError(f'{agent} needs continuous actions, got {action_spec}.')


def check_bounded(agent: str, action_spec: specs.Array) -> None:
  """Checks that actions can be scaled to the unit box.

  Args:
    agent: the agent's name, for the error message.
    action_spec: the spec of an action.

  Raises:
    ValueError: if actions are discrete, a bound is missing or infinite, or a
      lower bound is not below the upper one.
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
  """Scales actions from their bounds to [-1, 1].

  Args:
    action: the actions, an array or a tensor `[..., A]`.
    low: the lower bounds, A numbers.
    high: the upper bounds, A numbers.

  Returns:
    The scaled actions, `[..., A]`.

  Raises:
    ValueError: if the number of bounds is not A.
  """
  if not action.shape[-1] == len(low) == len(high):
    raise ValueError(
        f'action: got shape {tuple(action.shape)}, want [..., '
        f'{len(low)}] for bounds {low} and {high}.'
    )
  lowest, highest = np.asarray(low, np.float32), np.asarray(high, np.float32)
  return 2.0 * (action - lowest) / (highest - lowest) - 1.0


def check_no_held_out(spec: AgentSpec, field: str, want: str) -> None:
  """Checks that a suite has no held-out tasks.

  It is called if policies depend on the training task: a held-out task has no
  place in the one-hot vector of the training tasks, and no head of its own.

  Args:
    spec: the description of the tasks.
    field: the name of the config's field that makes policies depend on the
      task.
    want: the flags that make policies independent of the task, such as
      '--noobserves_task'.

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
  """Checks the settings of an agent that learns from whole episodes.

  Args:
    spec: the description of the tasks.
    unroll_length: the number of steps of each environment in a block.
    tasks_per_update: the number of tasks in an update.

  Raises:
    ValueError: if the length of episodes is known and a block is not one whole
      episode, or an update has more tasks than there are.
  """
  if spec.horizon not in (None, unroll_length):
    raise ValueError(
        f'unroll_length={unroll_length} is not the length of an episode; want '
        f'{spec.horizon}.'
    )
  if tasks_per_update > spec.num_tasks:
    raise ValueError(
        f'tasks_per_update={tasks_per_update}: want no more than '
        f'the {spec.num_tasks} tasks.'
    )
