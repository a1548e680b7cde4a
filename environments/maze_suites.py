"""The mazes as task suites, and one maze as an environment by itself."""

import dataclasses
from typing import Any, Optional, Sequence

from distillery.environments import base
from distillery.environments import maze_rules
from distillery.environments import mazes
import dm_env
from dm_env import specs
import numpy as np

_TASKS = {'MAZES': maze_rules.MAZES, 'NAVIGATION': maze_rules.NAVIGATION}
_MAX_SEED = 2**31


class MazeEnvironment(base.TaskEnvironment):
  """One maze; a batch of one."""

  def __init__(self, task: maze_rules.MazeTask, seed: int):
    """Makes it; `seed` is of the episodes whose `reset` is given none."""
    self._batch = mazes.MazeBatch([task])
    self._rng = np.random.default_rng(seed)
    self._is_over = True

  def reset(self, *, seed: Optional[int] = None,
            variation: Optional[int] = None) -> dm_env.TimeStep:
    if variation not in (None, 0):
      raise ValueError(f'variation: got {variation}, want 0, there is one.')
    if seed is None:
      seed = int(self._rng.integers(_MAX_SEED))
    self._batch.reset(0, seed)
    self._is_over = False
    return dm_env.restart(self._batch.observation[0].copy())

  def step(self, action: Any) -> dm_env.TimeStep:
    if self._is_over:
      return self.reset()
    number = np.asarray(action)
    if number.shape or not 0 <= number < len(mazes.ACTIONS):
      raise ValueError(f'action: got {action!r}, want a number from 0 to '
                       f'{len(mazes.ACTIONS) - 1}.')
    reward, discount, ended = self._batch.step(number.astype(np.int32)[None])
    self._is_over = bool(ended[0])
    return dm_env.TimeStep(
        dm_env.StepType.LAST if ended[0] else dm_env.StepType.MID,
        reward[0], discount[0], self._batch.observation[0].copy())

  @property
  def success(self) -> bool:
    return bool(self._batch.success[0])

  def observation_spec(self) -> specs.Array:
    return mazes.observation_spec()

  def action_spec(self) -> specs.DiscreteArray:
    return mazes.action_spec()


@dataclasses.dataclass(frozen=True)
class MazeFactory:
  """Makes the environment of one task."""
  task: maze_rules.MazeTask

  def __call__(self, seed: int) -> MazeEnvironment:
    return MazeEnvironment(self.task, seed)


def maze_suite(name: str) -> base.TaskSuite:
  """'MAZES', eight fixed ones, or 'NAVIGATION', four tasks on ever new maps."""
  return base.TaskSuite(
      name=name,
      tasks=tuple(
          base.Task(name=task.name, family=name.lower(), split='train',
                    factory=MazeFactory(task)) for task in _TASKS[name]),
      observation_spec=mazes.observation_spec(),
      action_spec=mazes.action_spec(),
      horizon=maze_rules.HORIZON,
      image_shape=mazes.IMAGE_SHAPE,
      make_batch=_make_batch,
      score='return',
      evaluates_samples=True)


def _make_batch(tasks: Sequence[base.Task]) -> mazes.MazeBatch:
  return mazes.MazeBatch([task.factory.task for task in tasks])
