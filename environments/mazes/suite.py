"""Makes the suites of mazes."""

import dataclasses
from typing import Sequence

from distillery.environments import base
from distillery.environments.mazes import batch
from distillery.environments.mazes import rules
from distillery.environments.pool import batch_environment

_TASKS = {'MAZES': rules.MAZES, 'NAVIGATION': rules.NAVIGATION}


@dataclasses.dataclass(frozen=True)
class MazeFactory:
  """A factory for the environments of one task.

  Attributes:
    task: the task.
  """

  task: rules.MazeTask

  def __call__(self, seed: int) -> base.TaskEnvironment:
    return batch_environment.BatchEnvironment(
        batch.MazeBatch([self.task]),
        seed=seed,
        observation_spec=batch.observation_spec(),
        action_spec=batch.action_spec(),
    )


def maze_suite(name: str) -> base.TaskSuite:
  """Makes 'MAZES' (eight fixed maps) or 'NAVIGATION' (four tasks, new maps)."""
  return base.TaskSuite(
      name=name,
      tasks=tuple(
          base.Task(
              name=task.name,
              family=name.lower(),
              split='train',
              factory=MazeFactory(task),
          )
          for task in _TASKS[name]
      ),
      observation_spec=batch.observation_spec(),
      action_spec=batch.action_spec(),
      horizon=rules.HORIZON,
      image_shape=batch.IMAGE_SHAPE,
      make_batch=_make_batch,
      score='return',
      seconds_per_step=0.12,
      evaluates_samples=True,
  )


def _make_batch(tasks: Sequence[base.Task]) -> batch.MazeBatch:
  mazes = []
  for task in tasks:
    if not isinstance(task.factory, MazeFactory):
      raise ValueError(
          f'factory of task {task.name!r}: got {task.factory!r}, want a '
          'MazeFactory'
      )
    mazes.append(task.factory.task)
  return batch.MazeBatch(mazes)
