"""Starts, commands, watches and ends the worker processes of a pool."""

import contextlib
import multiprocessing
from multiprocessing import connection
from multiprocessing import resource_tracker
import os
import signal
import socket
import struct
import sys
import threading
import time
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)
import weakref

from distillery.environments import pickling
from distillery.environments.pool import errors
from distillery.environments.pool import progress
from distillery.environments.pool import shared_arrays
from distillery.environments.pool import work_plan
from distillery.environments.pool import worker_main
import numpy as np

_WATCH_S = 1.0
# The time for the interpreter to start; environments have their own timeout.
_START_S = 60.0


class Workers:
  """The worker processes of one pool."""

  def __init__(
      self,
      plan: work_plan.Plan,
      block: shared_arrays.SharedArrays,
      env_timeout_s: float,
  ):
    """Starts the workers, without waiting for them.

    Args:
      plan: the plan of the pool.
      block: the shared segment that the workers fill; it is closed here.
      env_timeout_s: the seconds that a busy worker may be without a sign of
        life.

    Raises:
      ValueError: if the plan's tasks cannot be sent to a worker.
      errors.PoolError: if a worker fails at once.
    """
    pickled = pickling.dump(plan, 'a task')
    self.control = shared_arrays.SharedArrays.create(plan.control_fields())
    self._plan = plan
    self._env_timeout_s = env_timeout_s
    self._workers: List[Worker] = []
    self._is_ready = [False] * plan.num_workers
    self._evaluation: Optional[errors.Evaluation] = None
    # This runs at `close`, when the pool is garbage, or when Python exits.
    self._finalizer = weakref.finalize(
        self, end, self._workers, self.control['stop'], os.getpid()
    )
    try:
      with self._close_on_error(), worker_environment():
        for index in range(plan.num_workers):
          self._workers.append(start(index, pickled, env_timeout_s))
          # The segments wait in the pipe until the worker has started.
          self._send(index, None, self.control)
          self._send(index, None, block)
    finally:
      self.control.close()
      block.close()

  def check_open(self, caller: str) -> None:
    """Raises RuntimeError if the pool is closed."""
    if not self._finalizer.alive:
      raise RuntimeError(f'Pool.{caller}: the pool is closed')

  def tell(self, command: Tuple, segment: shared_arrays.SharedArrays) -> None:
    """Sends every worker a command without an answer.

    Args:
      command: the name of the command and its arguments.
      segment: the shared segment to send with it.

    Raises:
      errors.PoolError: if a worker has failed.
    """
    with self._close_on_error():
      for index in range(len(self._workers)):
        self._send(index, command, segment)

  def ask(
      self,
      commands: Sequence[Tuple],
      segment: Optional[shared_arrays.SharedArrays] = None,
      evaluation: Optional[errors.Evaluation] = None,
  ) -> List[Any]:
    """Sends each worker its command and waits for all the answers.

    Args:
      commands: the command of each worker: its name and its arguments.
      segment: the shared segment to send with each command, or None.
      evaluation: the evaluation that the commands ask for, or None. It locates
        a worker that fails.

    Returns:
      The answer of each worker.

    Raises:
      errors.PoolError: as soon as one worker has failed.
    """
    self._evaluation = evaluation
    with self._close_on_error():
      for index, command in enumerate(commands):
        self._send(index, command, segment)
      answers = self._gather('done', set(range(len(self._workers))))
    self._evaluation = None
    return [answers[index] for index in range(len(commands))]

  def wait_until_ready(self) -> None:
    """Waits until every worker has built its environments."""
    with self._close_on_error():
      self._gather(
          'ready',
          {i for i, is_ready in enumerate(self._is_ready) if not is_ready},
      )

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

  def _send(
      self,
      index: int,
      command: Optional[Tuple],
      segment: Optional[shared_arrays.SharedArrays],
  ) -> None:
    pipe = self._workers[index].pipe
    try:
      if command is not None:
        pipe.send(command)
      if segment is not None:
        segment.send(pipe)
    except BlockingIOError:  # See `workers.start`.
      raise errors.silent(
          self._locate(index), index, self._env_timeout_s
      ) from None
    except OSError:
      while True:
        self._receive(index)  # Raises the error that the worker reported.

  def _gather(self, wanted: str, waiting: Set[int]) -> Dict[int, Any]:
    """Returns the wanted message of each worker in `waiting`, in any order."""
    answers: Dict[int, Any] = {}
    signs = {i: (b'', time.monotonic()) for i in waiting}
    while waiting:
      sources: Dict[Any, int] = {}
      for i in waiting:
        sources[self._workers[i].pipe] = i
        sources[self._workers[i].process.sentinel] = i
      ready = connection.wait(list(sources), timeout=_WATCH_S)
      for i in sorted({sources[source] for source in ready}):
        kind, *content = self._receive(i)
        if kind == wanted:
          answers[i] = content[0] if content else None
          waiting.discard(i)
      if not ready:
        self._check_signs_of_life(waiting, signs)
    return answers

  def _receive(self, index: int) -> Tuple:
    """Returns the next message of a worker.

    Raises:
      errors.PoolError: if the message is an error, or the worker has ended.
    """
    pipe = self._workers[index].pipe
    try:
      # A worker that reports an error and ends gives two signs. Read the report
      # first.
      message = pipe.recv() if pipe.poll() else None
    except (EOFError, OSError):
      message = None
    if message is None:
      raise self._death(index)
    if message[0] == 'error':
      _, what, text = message
      raise errors.raised(self._locate(index), what, text)
    if message[0] == 'ready':
      self._is_ready[index] = True
    return message

  def _death(self, index: int) -> errors.PoolError:
    process = self._workers[index].process
    process.join(_WATCH_S)
    phase = int(self.control['progress'][index, progress.PHASE])
    return errors.died(self._locate(index), phase, index, process.exitcode)

  def _check_signs_of_life(self, waiting: Set[int], signs: Dict) -> None:
    for i in waiting:
      row, now = self.control['progress'][i], time.monotonic()
      phase, limit = row[progress.PHASE], self._env_timeout_s
      if phase == progress.STARTING:
        limit = max(limit, _START_S)
      if row.tobytes() != signs[i][0]:
        signs[i] = (row.tobytes(), now)
      elif now - signs[i][1] > limit:
        raise errors.silent(self._locate(i), i, limit)

  def _locate(self, index: int) -> errors.Place:
    return errors.locate(
        self.control['progress'][index],
        self._plan,
        self.control,
        self._evaluation,
    )


# Workers stop at their next step. After this time they are killed.
_STOP_S = 0.7
_THREAD_VARIABLES = (
    'OMP_NUM_THREADS',
    'OPENBLAS_NUM_THREADS',
    'MKL_NUM_THREADS',
    'NUMEXPR_NUM_THREADS',
    'VECLIB_MAXIMUM_THREADS',
)


class Worker(NamedTuple):
  """A worker's process and the pipe to it.

  Attributes:
    process: the process.
    pipe: the parent's end of the pipe.
  """

  process: multiprocessing.process.BaseProcess
  pipe: connection.Connection


@contextlib.contextmanager
def worker_environment() -> Iterator[None]:
  """Sets up the process attributes that workers inherit, for a `with` block.

  Workers get one thread each, as they compute with small matrices, and there
  are as many workers as cores. Ctrl-C is blocked until a worker ignores it by
  itself. The main module loses a `__file__` that does not exist, as for a
  script from standard input; otherwise workers would try to run it.
  """
  main = vars(sys.modules['__main__'])
  no_file = main.pop('__file__', None) if not pickling.main_file() else None
  # The tracker unblocks SIGINT when it starts. Without this line, it would
  # start with the first worker, after SIGINT is blocked.
  resource_tracker.ensure_running()
  saved = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
  mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
  try:
    os.environ.update({name: '1' for name in _THREAD_VARIABLES})
    with _deferred_interrupts():
      yield
  finally:
    for name, value in saved.items():
      if value is None:
        os.environ.pop(name, None)
      else:
        os.environ[name] = value
    if no_file is not None:
      main['__file__'] = no_file
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def _deferred_interrupts() -> Iterator[None]:
  """Lets Ctrl-C wait until the end of a `with` block.

  A blocked signal may still reach another thread, and Python then interrupts
  the main thread. A worker whose start is interrupted would print a traceback.
  """
  handler = signal.getsignal(signal.SIGINT)
  if threading.current_thread() is not threading.main_thread() or not callable(
      handler
  ):  # It is ignored, or ends the process.
    yield
    return
  noted: List[Tuple[int, Any]] = []
  signal.signal(
      signal.SIGINT, lambda number, frame: noted.append((number, frame))
  )
  try:
    yield
  finally:
    signal.signal(signal.SIGINT, handler)
    if noted:
      handler(*noted[0])


def start(index: int, plan: bytes, send_timeout_s: float) -> Worker:
  """Starts a worker without waiting for it; call it in `worker_environment`.

  Args:
    index: the index of the worker.
    plan: the pickled `work_plan.Plan`.
    send_timeout_s: the seconds after which a send fails if the worker does not
      read.

  Returns:
    The worker's process and the pipe to it.
  """
  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  # The kernel kills a worker when the thread that started it ends, so this is
  # right only for the main thread.
  is_main = threading.current_thread() is threading.main_thread()
  process = context.Process(
      target=worker_main.main,
      name=f'distillery-worker-{index}',
      daemon=True,
      args=(theirs, index, plan, os.getpid(), is_main),
  )
  try:
    process.start()
  except BaseException:
    ours.close()
    raise
  finally:
    theirs.close()
  with socket.socket(fileno=os.dup(ours.fileno())) as end:
    end.setsockopt(
        socket.SOL_SOCKET,
        socket.SO_SNDTIMEO,
        struct.pack(
            'll', int(send_timeout_s), int(send_timeout_s % 1.0 * 1e6) or 1
        ),
    )
  return Worker(process, ours)


def end(workers: List[Worker], stop: np.ndarray, owner: int) -> None:
  """Asks the workers to stop and kills those that do not stop in time.

  Args:
    workers: the workers; the list is empty afterwards.
    stop: the shared flag, int64 [1], which is set to 1.
    owner: the id of the process that started the workers. In any other process
      this does nothing.
  """
  if os.getpid() != owner:
    return  # This is a forked copy of the program, which has no workers.
  stop[0] = 1
  for worker in workers:
    worker.pipe.close()  # Wakes a worker that waits for a command.
  deadline = time.monotonic() + _STOP_S
  for worker in workers:
    worker.process.join(max(deadline - time.monotonic(), 0.0))
  for worker in workers:
    if worker.process.is_alive():
      worker.process.kill()
  for worker in workers:
    worker.process.join()
    worker.process.close()
  workers.clear()
