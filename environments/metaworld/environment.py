"""One Meta-World task as a `base.TaskEnvironment`.

What differs from the stock class, on purpose:
- 50 fixed goals, chosen by number, kept as floats; `reset(seed=...)` is obeyed.
- float32 arrays; step 500 is a truncation (discount 1), and the step after it
  begins a new episode.
- An action that is not finite is refused: MuJoCo would ignore it and answer
  with a finite observation and reward.
- The goal's bounds in the spec are right (upstream they are 0..0).
Observations, rewards and success are equal to the stock class's, to the bit
before the cast to float32.
"""

import dataclasses
import math
from typing import Any, Optional, Sequence, Tuple, Union

from distillery.environments import base
from distillery.environments.adapters import specs as adapted_specs
from distillery.environments.metaworld import goals as metaworld_goals
import dm_env
from dm_env import specs
import numpy as np

HORIZON = 500
OBSERVATION_SIZE = 39
ACTION_SIZE = 4
GOAL_SLICE = slice(36, 39)
REWARD_FUNCTION_VERSIONS = ('v1', 'v2')

# Positions in metres of the hand, then the opening of the gripper.
_HAND_LOW = (-0.525, 0.348, -0.0525, -1.0)
_HAND_HIGH = (0.525, 1.025, 0.7, 1.0)
_ONE = np.float32(1.0)


def observation_spec(goal_visible: bool) -> specs.BoundedArray:
  """The float32 [39] observation of every task.

  Hand position, gripper and two objects (position and quaternion each), 18
  numbers, of this step and of the one before; then the goal's position.

  Args:
    goal_visible: False in meta-learning suites, where the goal entries are 0.
  """
  goal = (np.inf if goal_visible else 0.0,) * 3
  objects = (np.inf,) * 14
  minimum = 2 * (_HAND_LOW + tuple(-x for x in objects)) + tuple(
      -x for x in goal
  )
  maximum = 2 * (_HAND_HIGH + objects) + goal
  return specs.BoundedArray(
      shape=(OBSERVATION_SIZE,),
      dtype=np.float32,
      minimum=np.array(minimum, np.float32),
      maximum=np.array(maximum, np.float32),
      name='observation',
  )


def action_spec() -> specs.BoundedArray:
  """The float32 [4] action: hand displacement (in cm a step) and gripper."""
  return specs.BoundedArray(
      shape=(ACTION_SIZE,),
      dtype=np.float32,
      minimum=-1.0,
      maximum=1.0,
      name='action',
  )


def check_reward_function_version(version: str) -> None:
  """Raises ValueError unless `version` is one that Meta-World has."""
  if version not in REWARD_FUNCTION_VERSIONS:
    raise ValueError(
        f'reward_function_version: got {version!r}, want one of '
        f'{REWARD_FUNCTION_VERSIONS}'
    )


class MetaWorldEnvironment(base.TaskEnvironment):
  """A Meta-World task with a fixed set of goals."""

  def __init__(
      self,
      task_name: str,
      goals: Union[np.ndarray, Sequence[Sequence[float]]],
      *,
      seed: int,
      goal_visible: bool = True,
      reward_function_version: str = 'v2',
  ):
    """Builds the simulator.

    Args:
      task_name: e.g. 'reach-v3'.
      goals: float64 [num_variations, V], the task's random vectors.
      seed: of the stream that chooses among the goals.
      goal_visible: whether the observation holds the goal (MT) or zeros (ML).
      reward_function_version: 'v2' (in [0, 10] a step) or 'v1' (unbounded).

    Raises:
      ValueError: for an unknown task or version, or a goal that cannot be used.
    """
    # Imported here: it takes a second, and the specs above need none of it.
    from distillery.environments.metaworld import fast_classes
    from distillery.environments.metaworld import models

    check_reward_function_version(reward_function_version)
    if not len(goals):  # A NumPy array has no truth value.
      raise ValueError(f'goals of {task_name}: got none, want at least one')
    self._task_name = task_name
    self._goals = tuple(
        metaworld_goals.check_vector(task_name, goal) for goal in goals
    )
    self._rng = np.random.default_rng(seed)
    self._observation_spec = observation_spec(goal_visible)
    self._action_spec = action_spec()
    self._simulator = fast_classes.make_simulator(
        task_name,
        goal_visible=goal_visible,
        reward_function_version=reward_function_version,
    )
    self._steps = 0
    self._needs_reset = True
    self._success = False
    self._variation: Optional[int] = None
    self._painter = models.Painter(self._simulator.whole_model)

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class."""
    if variation is None:
      rng = self._rng if seed is None else np.random.default_rng(seed)
      variation = int(rng.integers(len(self._goals)))
    elif not base.is_index(variation, len(self._goals)):
      raise ValueError(
          f'variation of {self._task_name}: got {variation}, want an integer '
          f'in [0, {len(self._goals)})'
      )
    # A copy, since some tasks keep views of it and write to them.
    self._simulator._last_rand_vec = self._goals[variation].copy()
    observation, _ = self._simulator.reset()
    self._variation = variation
    self._steps = 0
    self._needs_reset = False
    self._success = False
    return dm_env.TimeStep(
        dm_env.StepType.FIRST, None, None, observation.astype(np.float32)
    )

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._needs_reset:
      return self.reset()
    action = adapted_specs.as_floats(action, np.float32)
    if action.shape != (ACTION_SIZE,):
      raise ValueError(
          f'action of {self._task_name}: got shape {action.shape}, want '
          f'({ACTION_SIZE},)'
      )
    # A sum of four float32 numbers does not overflow a Python float.
    if not math.isfinite(sum(action.tolist())):
      raise ValueError(
          f'action of {self._task_name} at step {self._steps}: got '
          f'{action.tolist()}, want finite numbers'
      )
    observation, reward, self._success = self._simulator.advance(action)
    self._steps += 1
    self._needs_reset = self._steps == HORIZON
    return dm_env.TimeStep(
        dm_env.StepType.LAST if self._needs_reset else dm_env.StepType.MID,
        np.float32(reward),
        _ONE,
        observation.astype(np.float32),
    )

  @property
  def success(self) -> bool:
    """See base class."""
    return self._success

  @property
  def num_variations(self) -> int:
    """See base class."""
    return len(self._goals)

  @property
  def variation(self) -> Optional[int]:
    """Which goal this episode has; None before the first reset."""
    return self._variation

  @property
  def simulator(self) -> Any:
    """The Meta-World object underneath, e.g. for scripted policies."""
    return self._simulator

  def observation_spec(self) -> specs.BoundedArray:
    """See base class."""
    return self._observation_spec

  def action_spec(self) -> specs.BoundedArray:
    """See base class."""
    return self._action_spec

  def render(
      self, *, height: int = 480, width: int = 480, camera: str = 'corner2'
  ) -> np.ndarray:
    """Draws the present state; the first picture takes a second.

    Without a display, set MUJOCO_GL=egl before the first import of mujoco.

    Args:
      height: in pixels.
      width: in pixels.
      camera: 'topview', 'corner', 'corner2', 'corner3', 'corner4',
        'behindGripper' or 'gripperPOV'.

    Returns:
      uint8 [height, width, 3].

    Raises:
      OSError: if nothing can be drawn here; says what is missing.
    """
    return self._painter.draw(
        self._simulator.model,
        self._simulator.data,
        height=height,
        width=width,
        camera=camera,
    )

  def close(self) -> None:
    """See base class."""
    self._painter.close()
    self._simulator.close()


@dataclasses.dataclass(frozen=True)
class MetaWorldFactory:
  """Makes the environment of one task of a benchmark; small and picklable.

  Attributes:
    task_name: e.g. 'reach-v3'.
    benchmark_tasks: all tasks that share the stream of goals, in order.
    benchmark_seed: the seed of that stream.
    goal_visible: whether observations hold the goal.
    reward_function_version: 'v1' or 'v2'.
  """

  task_name: str
  benchmark_tasks: Tuple[str, ...]
  benchmark_seed: int
  goal_visible: bool
  reward_function_version: str

  def __call__(self, seed: int) -> MetaWorldEnvironment:
    goals = metaworld_goals.make_goals(
        self.benchmark_tasks, self.benchmark_seed
    )
    return MetaWorldEnvironment(
        self.task_name,
        goals[self.task_name],
        seed=seed,
        goal_visible=self.goal_visible,
        reward_function_version=self.reward_function_version,
    )
