"""The tasks of DAMSEL (Mendonca et al. 2020): three families, one scene.

What an observation says, what a task asks for, and how near it came. Numbers
and plain functions; the simulator is in `damsel_scene`.
"""

import math
from typing import List, NamedTuple, Sequence, Tuple, TypeAlias, Union

import numpy as np

# Twelve positions in metres; see `HAND` and its like.
Observation: TypeAlias = Union[Sequence[float], np.ndarray]

FAMILIES = ('push', 'door', 'drawer')
# Largest final distance to the target at which a task is solved: metres of the
# block, radians of the door, metres of the drawer.
THRESHOLDS = {'push': 0.05, 'door': 0.1, 'drawer': 0.02}

# Where in an observation a position is.
HAND, BLOCK, DOOR, DRAWER = (slice(at, at + 3) for at in (0, 3, 6, 9))
OBSERVATION_SIZE = 12

# Of the scene: the door's hinge (x, y), its handle from there when closed, and
# y of the closed drawer's handle.
HINGE = (-0.035, 0.9)
DOOR_HANDLE = (0.3761, -0.1070)
DRAWER_Y = 0.83

# The largest targets.
_ANGLE, _OPENING = math.pi / 4.0, 0.15
# What a target is taken for at least, in parts of the largest: the reward of a
# target of 0 would be 0 / 0.
_LEAST = 0.05

# Metres (x, y) on the table.
_PUSH_TRAIN: Tuple[Tuple[float, float], ...] = (
    (0.012, 0.736),
    (0.098, 0.729),
    (-0.003, 0.787),
    (0.068, 0.794),
    (0.097, 0.751),
    (-0.076, 0.798),
    (0.021, 0.761),
    (-0.053, 0.758),
    (0.073, 0.751),
    (0.015, 0.751),
    (-0.078, 0.766),
    (0.041, 0.736),
    (0.065, 0.779),
    (-0.088, 0.721),
    (-0.009, 0.776),
    (0.058, 0.733),
    (-0.035, 0.799),
    (0.088, 0.748),
    (-0.054, 0.736),
    (-0.010, 0.733),
)
_PUSH_TEST: Tuple[Tuple[float, float], ...] = (
    (-0.100, 0.720),
    (-0.078, 0.700),
    (-0.056, 0.744),
    (-0.033, 0.770),
    (-0.011, 0.798),
    (0.011, 0.767),
    (0.033, 0.717),
    (0.056, 0.702),
    (0.078, 0.746),
    (0.100, 0.749),
)


class Target(NamedTuple):
  """What a task asks for.

  Attributes:
    family: one of `FAMILIES`.
    value: where to push the block, (x, y) metres; how far to open the door,
      (radians,); or the drawer, (metres,).
  """

  family: str
  value: Tuple[float, ...]


def targets(split: str) -> List[Target]:
  """Twenty targets a family for 'train', ten for 'test', as the authors had."""
  if split == 'train':
    pushes = _PUSH_TRAIN
    angles = np.linspace(0.0, _ANGLE, 20)
    openings = np.linspace(0.0, _OPENING, 20)
  else:
    pushes = _PUSH_TEST
    angles = np.linspace(0.0, _ANGLE, 10) + 0.01745
    openings = np.linspace(0.0, _OPENING, 10) + 0.001
  return [
      *(Target('push', goal) for goal in pushes),
      *(Target('door', (float(angle),)) for angle in angles),
      *(Target('drawer', (float(opening),)) for opening in openings),
  ]


def check_target(target: Target) -> None:
  """Refuses what the scene cannot do.

  Raises:
    ValueError: for an unknown family, or a value out of range.
  """
  ranges = {
      'push': ((-0.1, 0.1), (0.7, 0.8)),
      'door': ((0.0, _ANGLE + 0.0175),),
      'drawer': ((0.0, _OPENING + 0.001),),
  }
  if target.family not in ranges:
    raise ValueError(f'family: got {target.family!r}, want one of {FAMILIES}.')
  bounds = ranges[target.family]
  if len(target.value) != len(bounds) or not all(
      low <= number <= high for number, (low, high) in zip(target.value, bounds)
  ):
    raise ValueError(
        f'target of {target.family!r}: got {target.value}, want a number '
        'within '
        + ' and one within '.join(
            f'[{low:g}, {high:g}]' for low, high in bounds
        )
        + '.'
    )


def check_observation(observation: Observation) -> None:
  """Raises ValueError unless an observation is one of the scene, `[12]`."""
  if np.shape(observation) != (OBSERVATION_SIZE,):
    raise ValueError(
        f'observation: got shape {np.shape(observation)}, want '
        f'({OBSERVATION_SIZE},)'
    )


def door_angle(observation: Observation) -> float:
  """How far the door is open, radians, from where its handle is."""
  x, y, _ = observation[DOOR]
  return math.atan2(DOOR_HANDLE[1], DOOR_HANDLE[0]) - math.atan2(
      y - HINGE[1], x - HINGE[0]
  )


def distance(target: Target, observation: Observation) -> float:
  """How far from its target the family's object is.

  Args:
    target: of the task.
    observation: `[12]`.

  Returns:
    Metres in the plane for 'push', radians for 'door', metres for 'drawer'.
  """
  if target.family == 'push':
    x, y, _ = observation[BLOCK]
    return math.hypot(x - target.value[0], y - target.value[1])
  if target.family == 'door':
    return abs(door_angle(observation) - target.value[0])
  return abs(DRAWER_Y - observation[DRAWER][1] - target.value[0])


def progress(
    target: Target, observation: Observation, initial_distance: float
) -> float:
  """How much of the task is done, in [0, 1]; beyond the target it falls again.

  max(0, D_0 - D) / D_0 for 'push', with D_0 the distance at first; for the
  others the tent max(0, 1 - |v - v*| / v*) of v = 0.2 sin(angle) or the
  opening.
  """
  if target.family == 'push':
    return max(0.0, 1.0 - distance(target, observation) / initial_distance)
  if target.family == 'door':
    value, aim, largest = (
        0.2 * math.sin(angle)
        for angle in (door_angle(observation), target.value[0], _ANGLE)
    )
  else:
    value, aim, largest = (
        DRAWER_Y - observation[DRAWER][1],
        target.value[0],
        _OPENING,
    )
  aim = max(aim, _LEAST * largest)
  return max(0.0, 1.0 - abs(value - aim) / aim)
