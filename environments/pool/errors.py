"""What the pool says when something in a worker goes wrong."""

import signal
from typing import Mapping, NamedTuple, Optional, Sequence

from distillery.environments.pool import progress
from distillery.environments.pool import seeds
from distillery.environments.pool import work_plan
import numpy as np

_MAIN_GUARD = (
    'If the program that makes the pool has no `if __name__ == "__main__":` '
    'guard, add one; otherwise what the worker printed says why'
)


class Place(NamedTuple):
  """Where in a run something happened; None where it does not apply.

  Attributes:
    what: in words.
    task: the task's name.
    environment: index of the environment.
    episode: its number.
    seed: the episode's seed, for `reset(seed=...)`.
    step: the episode's step, from 0.
  """

  what: str
  task: Optional[str] = None
  environment: Optional[int] = None
  episode: Optional[int] = None
  seed: Optional[int] = None
  step: Optional[int] = None

  def __str__(self) -> str:
    if self.task is None:
      return self.what
    words = f'{self.what} {self.task!r} (environment {self.environment}'
    if self.episode is not None:
      words += f', episode {self.episode}, seed {self.seed}, step {self.step}'
    return words + ')'


class PoolError(RuntimeError):
  """A worker failed; the pool is closed.

  The first line says what happened and where; the worker's traceback follows
  if there is one.

  Attributes:
    task: name of the task, None if the worker was at none.
    environment: index of the environment; None likewise.
    episode: number of the episode; None if it was in none.
    seed: the episode's seed, for `reset(seed=...)`; None likewise.
    step: the episode's step, from 0; None likewise.
    worker_traceback: the traceback in the worker; empty if it died.
  """

  def __init__(self, message: str, place: Place, worker_traceback: str = ''):
    message = message[:1].upper() + message[1:]
    if worker_traceback:
      message = f'{message}\n\nIn the worker:\n{worker_traceback.rstrip()}'
    super().__init__(message)
    _, self.task, self.environment, self.episode, self.seed, self.step = place
    self.worker_traceback = worker_traceback


class Evaluation(NamedTuple):
  """What is needed to say where in an evaluation a worker is."""

  task_names: Sequence[str]
  task_indices: Sequence[int]
  seed: int


def locate(
    row: np.ndarray,
    plan: work_plan.Plan,
    control: Mapping[str, np.ndarray],
    evaluation: Optional[Evaluation],
) -> Place:
  """Where a worker is, by what it last wrote.

  Args:
    row: its row of `control['progress']`.
    plan: of the pool.
    control: the shared arrays of `plan.control_fields()`.
    evaluation: the one that goes on, if one does.
  """
  phase, task, environment, episode, step, code = (
      int(value) for value in row[:6]
  )
  if phase == progress.COLLECTING:
    if code == progress.NO_ROW:
      return Place('the policy')
    task, environment = divmod(code, plan.envs_per_task)
    episode = int(control['begun'][task, environment]) - 1
    return Place(
        'task',
        plan.tasks[task].name,
        environment,
        episode,
        seeds.episode_seed(plan.seed, task, environment, episode),
        step - int(control['start'][task, environment]),
    )
  if phase in (progress.BUILDING, progress.CALIBRATING):
    what = 'building' if phase == progress.BUILDING else 'trying out'
    return Place(f'{what} task', plan.tasks[task].name, environment)
  if evaluation is None or phase not in (
      progress.BUILDING_FOR_EVALUATION,
      progress.EVALUATING,
  ):
    return Place('its start' if phase == progress.STARTING else 'its commands')
  name = evaluation.task_names[task]
  if phase == progress.BUILDING_FOR_EVALUATION:
    return Place('building, for evaluation, task', name, environment)
  if episode == progress.NO_ROW:
    return Place('the policy')
  seed = seeds.evaluation_seed(
      evaluation.seed, evaluation.task_indices[task], episode
  )
  return Place('evaluation of task', name, environment, episode, seed, step)


def raised(place: Place, what: str, traceback: str) -> PoolError:
  """The error for a worker that has reported an exception."""
  return PoolError(f'{place} failed: {what}', place, traceback)


def silent(place: Place, worker: int, seconds: float) -> PoolError:
  """The error for a worker that hangs."""
  return PoolError(
      f'worker {worker} has given no sign of life for {seconds:g} s; it was at '
      f'{place}',
      place,
  )


def died(
    place: Place, phase: int, worker: int, exit_code: Optional[int]
) -> PoolError:
  """The error for a worker that has ended without a word."""
  if exit_code is not None and exit_code < 0:
    how = f'was killed by signal {-exit_code}'
    if -exit_code in list(signal.Signals):
      how += f' ({signal.Signals(-exit_code).name})'
  else:
    how = f'ended with exit code {exit_code}'
  hint = ''
  if exit_code == -signal.SIGKILL:
    hint = '. The system does that when memory runs out'
  elif phase == progress.STARTING:
    hint = f'. {_MAIN_GUARD}'
  return PoolError(f'worker {worker} {how}; it was at {place}{hint}', place)
