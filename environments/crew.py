"""The pool's processes: starting, commanding, watching and ending them."""

import contextlib
import multiprocessing
from multiprocessing import connection
from multiprocessing import reduction
import os
import signal
import threading
import time
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple
import weakref

import numpy as np

from distillery.environments import progress
from distillery.environments import shared_arrays
from distillery.environments import units
from distillery.environments import worker as worker_lib

_STOP_S = 0.7  # Workers stop at their next step; after this they are killed.
_WATCH_S = 1.0
_THREAD_VARIABLES = (
    'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS',
    'NUMEXPR_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS')
_MAIN_GUARD = (
    'If the program that made the pool has no "if __name__ == \'__main__\':" '
    'guard, that is why; otherwise the worker\'s own message is above.')


class PoolError(RuntimeError):
  """A worker failed; the pool is closed.

  The first line says what happened and where; the worker's traceback follows
  if it has one.

  Attributes:
    task: name of the task, None if the worker was at none.
    environment: index of the environment; None likewise.
    episode: number of the episode; None if it was in none.
    seed: the episode's seed, for `reset(seed=...)`; None likewise.
    step: the episode's step, from 0; None likewise.
    worker_traceback: the traceback in the worker; empty if it died.
  """

  def __init__(self, message: str, place: Optional[progress.Place] = None,
               worker_traceback: str = ''):
    if worker_traceback:
      message = f'{message}\n\nIn the worker:\n{worker_traceback.rstrip()}'
    super().__init__(message)
    self.task = place.task if place else None
    self.environment = place.environment if place else None
    self.episode = place.episode if place else None
    self.seed = place.seed if place else None
    self.step = place.step if place else None
    self.worker_traceback = worker_traceback


class EvaluationPlace(NamedTuple):
  """What is needed to say where in an evaluation a worker is."""
  task_names: Sequence[str]
  task_indices: Sequence[int]
  seed: int


class _Member(NamedTuple):
  process: multiprocessing.process.BaseProcess
  pipe: connection.Connection


def dump(value: Any, what: str) -> bytes:
  """Pickles for a worker.

  Raises:
    ValueError: if that is not possible; says what to do.
  """
  try:
    return bytes(reduction.ForkingPickler.dumps(value))
  except Exception as error:
    raise ValueError(
        f'{what} cannot be sent to a worker process ({error}): make it of '
        'module-level functions and classes, without lambdas') from error


class Crew:
  """The worker processes of one pool."""

  def __init__(self, plan: units.Plan, block: shared_arrays.SharedArrays,
               env_timeout_s: float):
    """Starts the workers.

    Args:
      plan: what all agree on.
      block: the segment that they fill.
      env_timeout_s: seconds without a sign of a busy worker.
    """
    self.control = shared_arrays.SharedArrays.create(plan.control_fields())
    self._plan = plan
    self._env_timeout_s = env_timeout_s
    self._members: List[_Member] = []
    self._ready: List[bool] = [False] * plan.num_workers
    self._evaluation: Optional[EvaluationPlace] = None
    # Runs at close, when the pool is garbage, and at the interpreter's exit.
    self._finalizer = weakref.finalize(
        self, _end, self._members, self.control['stop'])
    pickled = dump(plan, 'plan')
    try:
      with _quiet_environment():
        for index in range(plan.num_workers):
          self._start(index, pickled, block)
    except BaseException:
      self.close()
      raise
    finally:
      self.control.close()
      block.close()

  def _start(self, index: int, plan: bytes, block: shared_arrays.SharedArrays
             ) -> None:
    context = multiprocessing.get_context('spawn')
    ours, theirs = context.Pipe()
    is_main = threading.current_thread() is threading.main_thread()
    process = context.Process(
        target=worker_lib.main, name=f'distillery-worker-{index}', daemon=True,
        args=(theirs, index, plan, os.getpid(), is_main))
    try:
      process.start()
    except BaseException:
      ours.close()
      raise
    finally:
      theirs.close()
    self._members.append(_Member(process, ours))
    # They wait in the pipe until the worker has started.
    self.control.send(ours)
    block.send(ours)

  def check_open(self, caller: str) -> None:
    """Raises RuntimeError if the pool is closed."""
    if not self._finalizer.alive:
      raise RuntimeError(f'Pool.{caller}: the pool is closed')

  def send_all(self, command: Tuple, segment: shared_arrays.SharedArrays
               ) -> None:
    """Sends a command that has no answer, with a segment."""
    with self._close_on_error():
      for index in range(len(self._members)):
        self._send(index, command, segment)

  def call(self, commands: Sequence[Tuple],
           segment: Optional[shared_arrays.SharedArrays] = None,
           evaluation: Optional[EvaluationPlace] = None) -> List[Any]:
    """Sends each worker its command and waits for all the answers.

    Raises:
      PoolError: as soon as one worker has failed.
    """
    self._evaluation = evaluation
    with self._close_on_error():
      for index, command in enumerate(commands):
        self._send(index, command, segment)
      answers = self._gather('done')
    self._evaluation = None
    return answers

  def wait_until_ready(self) -> None:
    """Waits until every worker has built its environments."""
    with self._close_on_error():
      self._gather('ready')

  def close(self) -> None:
    """Ends the workers."""
    self._finalizer()

  @contextlib.contextmanager
  def _close_on_error(self) -> Iterator[None]:
    try:
      yield
    except BaseException:  # Ctrl-C as well.
      self.close()
      raise

  def _send(self, index: int, command: Tuple,
            segment: Optional[shared_arrays.SharedArrays]) -> None:
    try:
      self._members[index].pipe.send(command)
      if segment is not None:
        segment.send(self._members[index].pipe)
    except OSError:
      # The worker is gone; what it said last, or its exit code, tells why.
      self._receive(index)
      raise self._death(index) from None

  def _gather(self, wanted: str) -> List[Any]:
    """One answer of each worker, whichever comes first."""
    answers: List[Any] = [None] * len(self._members)
    waiting = set(range(len(self._members)))
    if wanted == 'ready':
      waiting -= {i for i in waiting if self._ready[i]}
    signs = {i: (b'', time.monotonic()) for i in waiting}
    while waiting:
      objects = {}
      for i in waiting:
        objects[self._members[i].pipe] = objects[
            self._members[i].process.sentinel] = i
      ready = connection.wait(list(objects), timeout=_WATCH_S)
      for i in sorted({objects[item] for item in ready}):
        kind, *content = self._receive(i)
        if kind == wanted:
          answers[i] = content[0] if content else None
          waiting.discard(i)
      if not ready:
        self._check_signs_of_life(waiting, signs)
    return answers

  def _receive(self, index: int) -> Tuple:
    """A worker's next message.

    Raises:
      PoolError: if it is an error, or the worker has died without one.
    """
    try:
      # A worker that reports and ends is both; the report counts.
      if not self._members[index].pipe.poll():
        raise EOFError
      message = self._members[index].pipe.recv()
    except (EOFError, OSError):
      raise self._death(index) from None
    if message[0] == 'error':
      _, what, text = message
      place, phase = self._place(index)
      raise PoolError(
          f'{progress.describe(place, phase).capitalize()} failed: {what}',
          place, text)
    if message[0] == 'ready':
      self._ready[index] = True
    return message

  def _death(self, index: int) -> PoolError:
    process = self._members[index].process
    process.join(_STOP_S)
    code = process.exitcode
    if code is not None and code < 0:
      how = f'was killed by signal {-code} ({signal.Signals(-code).name})'
    else:
      how = f'ended with exit code {code}'
    place, phase = self._place(index)
    hint = ''
    if phase == progress.STARTING:
      hint = f'. {_MAIN_GUARD}'
    elif code == -signal.SIGKILL:
      hint = '. The system does that when memory runs out'
    return PoolError(
        f'Worker {index} {how} in {progress.describe(place, phase)}{hint}',
        place)

  def _check_signs_of_life(self, waiting, signs) -> None:
    now = time.monotonic()
    for i in waiting:
      sign = self.control['progress'][i].tobytes()
      if sign != signs[i][0]:
        signs[i] = (sign, now)
      elif now - signs[i][1] > self._env_timeout_s:
        place, phase = self._place(i)
        raise PoolError(
            f'{progress.describe(place, phase).capitalize()} has given no sign '
            f'of life for {self._env_timeout_s:g} s', place)

  def _place(self, index: int) -> Tuple[Optional[progress.Place], int]:
    """Where a worker is, by what it last wrote."""
    row = self.control['progress'][index]
    phase, step = int(row[progress.PHASE]), int(row[progress.STEP])
    if phase in (progress.STARTING, progress.IDLE):
      return None, phase
    task, environment = int(row[progress.TASK]), int(row[progress.ENVIRONMENT])
    if phase == progress.COLLECTING:
      if row[progress.ROW] == progress.NO_ROW:
        return None, phase
      task, environment = divmod(
          int(row[progress.ROW]), self._plan.envs_per_task)
      episode = int(self.control['begun'][task, environment]) - 1
      return progress.Place(
          self._plan.tasks[task].name, environment, episode,
          units.episode_seed(self._plan.seed, task, environment, episode),
          step - int(self.control['start'][task, environment])), phase
    if phase in (progress.BUILDING, progress.CALIBRATING):
      return progress.Place(self._plan.tasks[task].name, environment), phase
    if self._evaluation is None:
      return None, phase
    names, indices, seed = self._evaluation
    if phase == progress.BUILDING_FOR_EVALUATION:
      return progress.Place(names[task], environment), phase
    episode = int(row[progress.EPISODE])
    if episode == progress.NO_ROW:
      return None, phase
    return progress.Place(
        names[task], environment, episode,
        units.evaluation_seed(seed, indices[task], episode), step), phase


def _end(members: List[_Member], stop: np.ndarray) -> None:
  """Asks the workers to stop, and kills those that do not in time."""
  stop[0] = 1
  for member in members:
    member.pipe.close()  # Wakes those that wait for a command.
  deadline = time.monotonic() + _STOP_S
  for member in members:
    member.process.join(max(deadline - time.monotonic(), 0.))
  for member in members:
    if member.process.is_alive():
      member.process.kill()
  for member in members:
    member.process.join()
    member.process.close()
  members.clear()


@contextlib.contextmanager
def _quiet_environment() -> Iterator[None]:
  """What workers inherit: one thread each, and no Ctrl-C.

  A worker computes with small matrices, and there are as many as cores. Until
  it ignores Ctrl-C by itself, the signal is blocked.
  """
  saved = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
  mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
  try:
    os.environ.update({name: '1' for name in _THREAD_VARIABLES})
    yield
  finally:
    for name, value in saved.items():
      if value is None:
        os.environ.pop(name, None)
      else:
        os.environ[name] = value
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
