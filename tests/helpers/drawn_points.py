"""Point masses that can be drawn."""

import dataclasses
import functools

from distillery.environments import fakes
import dm_env
import numpy as np


class DrawnPoint(fakes.PointMass):
  """A point mass whose picture holds the steps that are left.

  Its episodes begin where the variation and the seed say.
  """

  def reset(self, *, seed=None, variation=None):
    super().reset(seed=seed, variation=variation)
    offset = np.random.default_rng(seed).uniform(-0.1, 0.1, 2)
    self._position += offset.astype(np.float32)
    return dm_env.restart(self._position.copy())

  def render(self, *, height=480, width=480):
    return np.full((height, width, 3), self._steps_left, np.uint8)


def make_point(seed, *, goal):
  return DrawnPoint(goal, seed=seed)


def make_suite(**changes):
  suite = fakes.point_mass_suite(2)
  tasks = tuple(
      dataclasses.replace(
          task,
          factory=functools.partial(
              make_point, goal=task.factory.keywords['goal']
          ),
      )
      for task in suite.tasks
  )
  return dataclasses.replace(suite, tasks=tasks, **changes)
