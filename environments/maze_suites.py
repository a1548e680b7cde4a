"""The mazes as task suites."""

import dataclasses
from typing import Sequence

from distillery.environments import base
from distillery.environments import batch_environment
from distillery.environments import maze_rules
from distillery.environments import mazes

_TASKS = {'MAZES': maze_rules.MAZES, 'NAVIGATION': maze_rules.NAVIGATION}


@dataclasses.dataclass(frozen=True)
class MazeFactory:
  """Makes the environment of one task."""
  task: maze_rules.MazeTask

  def __call__(self, seed: int) -> base.TaskEnvironment:
    return batch_environment.BatchEnvironment(
        mazes.MazeBatch([self.task]), seed=seed,
        observation_spec=mazes.observation_spec(),
        action_spec=mazes.action_spec())


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
