"""Point masses that hang, each in its two hundredth step."""

import dataclasses
import functools
import time

from distillery.environments import fakes

_FATAL_STEP = 200


class _Hanging(fakes.PointMass):
  """A point mass that hangs for good."""

  _num_steps = 0

  def step(self, action):
    self._num_steps += 1
    if self._num_steps == _FATAL_STEP:
      time.sleep(1e6)
    return super().step(action)


def _make(seed, *, goal, horizon):
  return _Hanging(goal, seed=seed, horizon=horizon)


def suite(num_tasks, *, horizon):
  """Such tasks, in the place of `fakes.point_mass_suite`'s."""
  whole = fakes.point_mass_suite(num_tasks, horizon=horizon)
  return dataclasses.replace(
      whole,
      tasks=tuple(
          dataclasses.replace(
              task,
              factory=functools.partial(
                  _make, goal=(0.5, 0.1 * i), horizon=horizon
              ),
          )
          for i, task in enumerate(whole.tasks)
      ),
  )
