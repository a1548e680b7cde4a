"""Two contexts of which one wants the opposite of the other."""

import functools

from distillery.environments import base
from distillery.environments import fakes

# Steps of an episode.
HORIZON = 50


class OpposedPointMass(fakes.PointMass):
  """A point mass that goes where the action points, or the other way."""

  def __init__(self, sign: float, *, seed: int):
    super().__init__((0.6, 0.3), seed=seed, horizon=HORIZON)
    self._sign = sign

  def step(self, action):
    return super().step(self._sign * action)

  def optimal_action(self, observation):
    return self._sign * super().optimal_action(observation)


def _make(seed, *, sign):
  return OpposedPointMass(sign, seed=seed)


def suite() -> base.TaskSuite:
  """Both have the same goal: what one learns of it, the other must not do."""
  plain = fakes.point_mass_suite(2, horizon=HORIZON)
  return base.TaskSuite(
      name='OpposedPoints',
      horizon=HORIZON,
      observation_spec=plain.observation_spec,
      action_spec=plain.action_spec,
      tasks=tuple(
          base.Task(
              name,
              'opposed_points',
              'train',
              functools.partial(_make, sign=sign),
          )
          for name, sign in (('plain', 1.0), ('inverted', -1.0))
      ),
  )
