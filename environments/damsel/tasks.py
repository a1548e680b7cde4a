"""Defines the tasks of DAMSEL (Mendonca et al. 2020): 3 families, one scene.

This module defines the observation and the targets, and measures the distance
to a target. It has plain functions of numbers; the simulator is in
`damsel.scene`.
"""

import math
from typing import List, NamedTuple, Sequence, Tuple, TypeAlias, Union

import numpy as np

# Four positions in metres, float [12]: `HAND`, `BLOCK`, `DOOR`, `DRAWER`.
Observation: TypeAlias = Union[Sequence[float], np.ndarray]

FAMILIES = ('push', 'door', 'drawer')
# The largest final distance to the target with which a task is solved: in
# metres for the block, in radians for the door, in metres for the drawer.
THRESHOLDS = {'push': 0.05, 'door': 0.1, 'drawer': 0.02}

# The slice of each position in an observation.
HAND, BLOCK, DOOR, DRAWER = (slice(at, at + 3) for at in (0, 3, 6, 9))
OBSERVATION_SIZE = 12

# The geometry of the scene in metres: the door's hinge (x, y), the closed
# door's handle relative to it (x, y), and the closed drawer's handle (y).
HINGE = (-0.035, 0.9)
DOOR_HANDLE = (0.3761, -0.1070)
DRAWER_Y = 0.83

# The largest targets: the door's in radians, the drawer's in metres.
_ANGLE, _OPENING = math.pi / 4.0, 0.15
# The reward uses at least this fraction of the largest target: with a target of
# 0 it would be 0 / 0.
_LEAST = 0.05

# Targets of the block on the table, (x, y) in metres.
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
  """The target of a task.

  Attributes:
    family: the family of the task, one of `FAMILIES`.
    value: for 'push', the goal of the block, (x, y) in metres; for 'door', the
      opening angle, (radians,); for 'drawer', the opening, (metres,).
  """

  family: str
  value: Tuple[float, ...]


def targets(split: str) -> List[Target]:
  """Returns the authors' targets of a split.

  There are twenty targets for each family in 'train', and ten in 'test'.
  """
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
  """Checks that the scene can reach a target.

  Raises:
    ValueError: if the family is unknown, or a value is out of range.
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
  """Raises ValueError unless an observation has the shape [12]."""
  if np.shape(observation) != (OBSERVATION_SIZE,):
    raise ValueError(
        f'observation: got shape {np.shape(observation)}, want '
        f'({OBSERVATION_SIZE},)'
    )


def door_angle(observation: Observation) -> float:
  """Computes the door's angle in radians from the position of its handle."""
  x, y, _ = observation[DOOR]
  return math.atan2(DOOR_HANDLE[1], DOOR_HANDLE[0]) - math.atan2(
      y - HINGE[1], x - HINGE[0]
  )


def distance(target: Target, observation: Observation) -> float:
  """Computes the distance of the family's object to its target.

  Args:
    target: the target of the task.
    observation: the observation, float `[12]`, positions in metres.

  Returns:
    The distance: in metres in the plane for 'push', in radians for 'door', in
    metres for 'drawer'.
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
  """Computes the progress of a task; it falls again beyond the target.

  For 'push' it is max(0, D_0 - D) / D_0, with D the distance to the target and
  D_0 that distance at the beginning. For the others it is the tent
  max(0, 1 - |v - v*| / v*), with v = 0.2 sin(angle) for 'door' and the opening
  for 'drawer'.

  Args:
    target: the target of the task.
    observation: the observation, float `[12]`, positions in metres.
    initial_distance: D_0, in metres; used for 'push' alone.

  Returns:
    The progress, in [0, 1].
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
