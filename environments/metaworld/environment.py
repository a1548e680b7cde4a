"""Wraps a Meta-World task as a `base.TaskEnvironment`.

It differs from the stock class, on purpose, as follows:
- It has 50 fixed goals, chosen by index and kept as floats, and
  `reset(seed=...)` has an effect.
- Arrays are float32. Step 500 is a truncation (discount 1), and the step after
  it begins a new episode.
- An action that is not finite is an error: MuJoCo would ignore it and return a
  finite observation and reward.
- The bounds of the goal in the spec are right (in the stock class they are
  0..0).
Observations, rewards and success equal those of the stock class, to the bit
before the cast to float32.
"""

import dataclasses
import math
from typing import Any, Optional, Sequence, Tuple, Union

from distillery.environments import action_checks
from distillery.environments import base
from distillery.environments.metaworld import goals as metaworld_goals
import dm_env
from dm_env import specs
import numpy as np

HORIZON = 500
SECONDS_PER_STEP = 0.0125
OBSERVATION_SIZE = 39
ACTION_SIZE = 4
GOAL_SLICE = slice(36, 39)
REWARD_FUNCTION_VERSIONS = ('v1', 'v2')

# The bounds of the hand's position in metres and of the gripper's opening.
_HAND_LOW = (-0.525, 0.348, -0.0525, -1.0)
_HAND_HIGH = (0.525, 1.025, 0.7, 1.0)
_ONE = np.float32(1.0)


def observation_spec(goal_visible: bool) -> specs.BoundedArray:
  """Returns the spec of every task's observation, float32 [39].

  A frame has 18 numbers: the hand's position, the gripper's opening, and the
  position and quaternion of two objects. An observation has the frame of this
  step, the frame of the previous step, and the goal's position.

  Args:
    goal_visible: whether the observation shows the goal. If False, as in
      meta-learning suites, the goal's entries are 0.

  Returns:
    The spec.
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
  """Returns the spec of an action: the hand's displacement and the gripper.

  It is float32 [4]: three numbers in centimetres a step, and the effort that
  closes the gripper.
  """
  return specs.BoundedArray(
      shape=(ACTION_SIZE,),
      dtype=np.float32,
      minimum=-1.0,
      maximum=1.0,
      name='action',
  )


def check_reward_function_version(version: str) -> None:
  """Raises ValueError unless Meta-World has the version of the rewards."""
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
      task_name: the name of the task, e.g. 'reach-v3'.
      goals: the task's random vectors, float64 [num_variations, V].
      seed: the seed of the random stream that chooses among the goals.
      goal_visible: whether the observation shows the goal (MT) or zeros (ML).
      reward_function_version: the version of the rewards, 'v2' (in [0, 10] a
        step) or 'v1' (unbounded).

    Raises:
      ValueError: if the task or the version is unknown, or a goal cannot be
        used.
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
    action = action_checks.as_floats(action, np.float32)
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
    """The index of this episode's goal; None before the first reset."""
    return self._variation

  @property
  def simulator(self) -> Any:
    """The wrapped Meta-World object, e.g. for scripted policies."""
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

    Args:
      height: the height of the picture, in pixels.
      width: the width of the picture, in pixels.
      camera: the name of the camera: 'topview', 'corner', 'corner2', 'corner3',
        'corner4', 'behindGripper' or 'gripperPOV'.

    Returns:
      The picture, uint8 [height, width, 3].

    Raises:
      OSError: if nothing can be drawn on this machine. The message says what is
        missing.
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
  """A small, picklable factory for the environments of a benchmark's task.

  Attributes:
    task_name: the name of the task, e.g. 'reach-v3'.
    benchmark_tasks: the names of all tasks that share the random stream of
      goals, in the benchmark's order.
    benchmark_seed: the seed of that stream.
    goal_visible: whether observations show the goal.
    reward_function_version: the version of the rewards, 'v1' or 'v2'.
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
