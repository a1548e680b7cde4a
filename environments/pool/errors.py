"""Makes the errors of a pool, which say where a worker has failed."""

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
  """The place in a run where something happened.

  Attributes that do not apply are None.

  Attributes:
    what: the activity of the worker, in words.
    task: the name of the task.
    environment: the index of the environment.
    episode: the number of the episode.
    seed: the seed of the episode, for `reset(seed=...)`.
    step: the step of the episode, from 0.
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
  """The error of a pool whose worker failed; the pool is then closed.

  The first line says what happened and where. The worker's traceback follows,
  if there is one. Attributes that do not apply are None.

  Attributes:
    task: the name of the task.
    environment: the index of the environment.
    episode: the number of the episode.
    seed: the seed of the episode, for `reset(seed=...)`.
    step: the step of the episode, from 0.
    worker_traceback: the traceback in the worker; empty if the worker died.
  """

  def __init__(self, message: str, place: Place, worker_traceback: str = ''):
    """Initialises the error.

    Args:
      message: the description of the failure.
      place: the place of the failure.
      worker_traceback: the traceback in the worker; empty if there is none.
    """
    message = message[:1].upper() + message[1:]
    if worker_traceback:
      message = f'{message}\n\nIn the worker:\n{worker_traceback.rstrip()}'
    super().__init__(message)
    _, self.task, self.environment, self.episode, self.seed, self.step = place
    self.worker_traceback = worker_traceback


class Evaluation(NamedTuple):
  """The facts of an evaluation that locate a worker in it.

  Attributes:
    task_names: the names of the tasks to evaluate.
    task_indices: the indices by which the seeds number these tasks.
    seed: the seed of the evaluation.
  """

  task_names: Sequence[str]
  task_indices: Sequence[int]
  seed: int


def locate(
    row: np.ndarray,
    plan: work_plan.Plan,
    control: Mapping[str, np.ndarray],
    evaluation: Optional[Evaluation],
) -> Place:
  """Returns the place of a worker from its row in shared memory.

  Args:
    row: the worker's row of `control['progress']`, int64 [`progress.WIDTH`].
    plan: the plan of the pool.
    control: the shared arrays of `plan.control_fields()`.
    evaluation: the present evaluation, or None if there is none.

  Returns:
    The place.
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
  """Makes the error for an exception that a worker or a simulator raised.

  Args:
    place: the place of the worker.
    what: the message of the exception.
    traceback: the traceback in the worker; empty if there is none.

  Returns:
    The error.
  """
  return PoolError(f'{place} failed: {what}', place, traceback)


def silent(place: Place, worker: int, seconds: float) -> PoolError:
  """Makes the error for a worker that hangs.

  Args:
    place: the place of the worker.
    worker: the index of the worker.
    seconds: the time for which the worker has shown no progress.

  Returns:
    The error.
  """
  return PoolError(
      f'worker {worker} has given no sign of life for {seconds:g} s; it was at '
      f'{place}',
      place,
  )


def died(
    place: Place, phase: int, worker: int, exit_code: Optional[int]
) -> PoolError:
  """Makes the error for a worker that ended without a report.

  Args:
    place: the place of the worker.
    phase: the worker's phase, one of those of `progress`.
    worker: the index of the worker.
    exit_code: the exit code of the process; -n means killed by signal n, None
      means unknown.

  Returns:
    The error.
  """
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
