"""Where a worker is, kept in shared memory, and the words for it.

A worker writes a few integers a step here. So the parent can say in which task
and step a worker was even if it was killed or hangs.
"""

from typing import NamedTuple, Optional

# Columns of a worker's row [WIDTH] int64.
PHASE, TASK, ENVIRONMENT, EPISODE, STEP, ROW = range(6)
WIDTH = 8
NO_ROW = -1  # In ROW: the policy is acting, for all rows at once.

# Values of PHASE.
(STARTING, BUILDING, CALIBRATING, IDLE, COLLECTING, BUILDING_FOR_EVALUATION,
 EVALUATING) = range(7)


class Place(NamedTuple):
  """Where in a run something happened.

  Attributes:
    task: the task's name.
    environment: index of the environment.
    episode: its number; None while the environment is built or measured.
    seed: the episode's seed; None likewise.
    step: the episode's step, from 0; None likewise.
  """
  task: str
  environment: int
  episode: Optional[int] = None
  seed: Optional[int] = None
  step: Optional[int] = None


def describe(place: Optional[Place], phase: int) -> str:
  """Says where, e.g. "task 'reach' (environment 1, episode 0, ...)"."""
  if place is None:
    return 'the policy' if phase in (COLLECTING, EVALUATING) else 'no task'
  if place.episode is None:
    doing = 'measuring the cost' if phase == CALIBRATING else 'building'
    return f'task {place.task!r} ({doing} of environment {place.environment})'
  words = 'evaluation of task' if phase == EVALUATING else 'task'
  return (f'{words} {place.task!r} (environment {place.environment}, episode '
          f'{place.episode}, seed {place.seed}, step {place.step})')
