"""Defines the environments and the suites of DAMSEL's tasks."""

import dataclasses
from importlib import metadata
import math
from typing import Any, List, Optional

from distillery.environments import action_checks
from distillery.environments import base
from distillery.environments.damsel import tasks as damsel_tasks
import dm_env
from dm_env import specs
import numpy as np

HORIZON = 150
SECONDS_PER_STEP = 0.0125
ACTION_SIZE = 3
# The metres from the hand to a handle within which the progress is rewarded.
_NEAR = 0.1
_PROGRESS_REWARD = 10.0
_ONE = np.float32(1.0)


def observation_spec() -> specs.Array:
  """Returns the spec of an observation, float32 [12].

  It has the positions of hand, block, door handle and drawer handle, in metres,
  but neither the target nor the family.
  """
  return specs.Array(
      (damsel_tasks.OBSERVATION_SIZE,), np.float32, name='observation'
  )


def action_spec() -> specs.BoundedArray:
  """Returns the spec of an action, float32 [3]: the hand's motion in cm."""
  return specs.BoundedArray(
      shape=(ACTION_SIZE,),
      dtype=np.float32,
      minimum=-1.0,
      maximum=1.0,
      name='action',
  )


class DamselEnvironment(base.TaskEnvironment):
  """A task of DAMSEL.

  The reward of a step is

    push:          -g + 10 progress
    door, drawer:  -g + 10 progress [g < 0.1]

  with g the distance in metres from the point between the fingertips to the
  object, and the progress of `damsel.tasks.progress`. The sparse reward lacks
  -g. An episode has 150 steps; all episodes begin in the same state. A task is
  solved if at the last step the distance to the target is within the family's
  threshold.
  """

  def __init__(self, target: damsel_tasks.Target, *, sparse: bool):
    """Builds the simulator.

    Args:
      target: the target of the task.
      sparse: whether the reward lacks the term for the distance of the hand to
        the object.

    Raises:
      ValueError: if the scene cannot reach the target.
    """
    # Imported here: the specs above need no simulator.
    from distillery.environments.damsel import scene
    from distillery.environments.metaworld import models as metaworld_models

    damsel_tasks.check_target(target)
    self.target = target
    self._sparse = sparse
    self._simulator = scene.Simulator()
    self._painter = metaworld_models.Painter(
        lambda: scene.scene_spec().compile()
    )
    self._observation: List[float] = []
    self._initial_distance = math.nan
    self._steps = HORIZON

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class; nothing is random."""
    if variation is not None and not base.is_index(variation, 1):
      raise ValueError(f'variation: got {variation}, want 0, the only one.')
    self._observation = self._simulator.reset()
    self._initial_distance = damsel_tasks.distance(
        self.target, self._observation
    )
    self._steps = 0
    return dm_env.restart(np.array(self._observation, np.float32))

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._steps == HORIZON:
      return self.reset()
    action = action_checks.as_floats(action, np.float32)
    if action.shape != (ACTION_SIZE,):
      raise ValueError(
          f'action: got shape {action.shape}, want ({ACTION_SIZE},)'
      )
    if not math.isfinite(sum(action.tolist())):
      raise ValueError(
          f'action at step {self._steps}: got {action.tolist()}, '
          'want finite numbers'
      )
    self._observation = self._simulator.step(action)
    self._steps += 1
    return dm_env.TimeStep(
        dm_env.StepType.LAST if self._steps == HORIZON else dm_env.StepType.MID,
        np.float32(self._reward()),
        _ONE,
        np.array(self._observation, np.float32),
    )

  def _reward(self) -> float:
    family = self.target.family
    reach = self._simulator.reach(self._observation, family)
    reward = 0.0 if self._sparse else -reach
    if family == 'push' or reach < _NEAR:
      reward += _PROGRESS_REWARD * damsel_tasks.progress(
          self.target, self._observation, self._initial_distance
      )
    return reward

  @property
  def distance(self) -> float:
    """The present distance to the target; see `damsel.tasks.distance`."""
    return damsel_tasks.distance(self.target, self._observation)

  @property
  def success(self) -> bool:
    """See base class."""
    return bool(
        self._steps == HORIZON
        and self._observation
        and (self.distance <= damsel_tasks.THRESHOLDS[self.target.family])
    )

  @property
  def simulator(self) -> Any:
    """The MuJoCo scene underneath, with its `model` and `data`."""
    return self._simulator

  def observation_spec(self) -> specs.Array:
    """See base class."""
    return observation_spec()

  def action_spec(self) -> specs.BoundedArray:
    """See base class."""
    return action_spec()

  def render(
      self, *, height: int = 480, width: int = 480, camera: str = 'corner2'
  ) -> np.ndarray:
    """Draws the present state; see `MetaWorldEnvironment.render`.

    Args:
      height: the height of the picture, in pixels.
      width: the width of the picture, in pixels.
      camera: the name of the camera.

    Returns:
      The picture, uint8 [height, width, 3].

    Raises:
      OSError: if nothing can be drawn on this machine.
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


@dataclasses.dataclass(frozen=True)
class DamselFactory:
  """A small, picklable factory for the environments of one task.

  Attributes:
    target: the target of the task.
    sparse: whether the reward lacks the term for the distance of the hand to
      the object.
  """

  target: damsel_tasks.Target
  sparse: bool = False

  def __call__(self, seed: int) -> DamselEnvironment:
    del seed  # Nothing is random.
    return DamselEnvironment(self.target, sparse=self.sparse)


def damsel_suite(name: str, *, sparse: bool) -> base.TaskSuite:
  """Makes the suite of DAMSEL: 60 train and 30 test tasks in three families.

  Args:
    name: the name of the suite.
    sparse: whether rewards lack the term for the distance of the hand to the
      object.

  Returns:
    The suite.
  """
  tasks = []
  for split in base.SPLITS:
    numbers = dict.fromkeys(damsel_tasks.FAMILIES, 0)
    for target in damsel_tasks.targets(split):
      tasks.append(
          base.Task(
              name=f'{target.family}-{numbers[target.family]:02}',
              family=target.family,
              split=split,
              factory=DamselFactory(target, sparse),
          )
      )
      numbers[target.family] += 1
  return base.TaskSuite(
      name=name,
      tasks=tuple(tasks),
      observation_spec=observation_spec(),
      action_spec=action_spec(),
      info={
          'metaworld': metadata.version('metaworld'),
          'mujoco': metadata.version('mujoco'),
      },
      horizon=HORIZON,
      seconds_per_step=SECONDS_PER_STEP,
  )


def training_suite(name: str) -> base.TaskSuite:
  """Makes the suite of `damsel_suite` without the held-out tasks."""
  suite = damsel_suite(name, sparse=False)
  return dataclasses.replace(suite, tasks=suite.train_tasks)
