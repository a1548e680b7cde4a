"""The pool's processes: starting, commanding, watching and ending them."""

import contextlib
from multiprocessing import connection
import os
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple
import weakref

from distillery.environments import failures
from distillery.environments import processes
from distillery.environments import progress
from distillery.environments import sending
from distillery.environments import shared_arrays
from distillery.environments import units

_WATCH_S = 1.
_START_S = 60.  # For the interpreter; environments have a limit of their own.


class Crew:
  """The worker processes of one pool."""

  def __init__(self, plan: units.Plan, block: shared_arrays.SharedArrays,
               env_timeout_s: float):
    """Starts the workers, without waiting for them.

    Args:
      plan: what all agree on.
      block: the segment that they fill.
      env_timeout_s: seconds that a busy worker may go without a sign of life.

    Raises:
      ValueError: if the plan's tasks cannot be sent to a worker.
    """
    pickled = sending.dump(plan, 'a task')
    self.control = shared_arrays.SharedArrays.create(plan.control_fields())
    self._plan = plan
    self._env_timeout_s = env_timeout_s
    self._members: List[processes.Member] = []
    self._is_ready = [False] * plan.num_workers
    self._evaluation: Optional[failures.Evaluation] = None
    # Runs at `close`, when the pool is garbage, or at the interpreter's exit.
    self._finalizer = weakref.finalize(
        self, processes.end, self._members, self.control['stop'], os.getpid())
    try:
      with self._close_on_error(), processes.worker_environment():
        for index in range(plan.num_workers):
          self._members.append(
              processes.start(index, pickled, env_timeout_s))
          # They wait in the pipe until the worker has started.
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
    """Sends every worker a command that has no answer, with a segment.

    Raises:
      failures.PoolError: if a worker has failed.
    """
    with self._close_on_error():
      for index in range(len(self._members)):
        self._send(index, command, segment)

  def ask(self, commands: Sequence[Tuple],
          segment: Optional[shared_arrays.SharedArrays] = None,
          evaluation: Optional[failures.Evaluation] = None) -> List[Any]:
    """Sends each worker its command and waits for all the answers.

    Raises:
      failures.PoolError: as soon as one worker has failed.
    """
    self._evaluation = evaluation
    with self._close_on_error():
      for index, command in enumerate(commands):
        self._send(index, command, segment)
      answers = self._gather('done', set(range(len(self._members))))
    self._evaluation = None
    return [answers[index] for index in range(len(commands))]

  def wait_until_ready(self) -> None:
    """Waits until every worker has built its environments."""
    with self._close_on_error():
      self._gather('ready', {
          i for i, is_ready in enumerate(self._is_ready) if not is_ready})

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

  def _send(self, index: int, command: Optional[Tuple],
            segment: Optional[shared_arrays.SharedArrays]) -> None:
    pipe = self._members[index].pipe
    try:
      if command is not None:
        pipe.send(command)
      if segment is not None:
        segment.send(pipe)
    except BlockingIOError:  # See `processes.start`.
      raise failures.silent(
          self._locate(index), index, self._env_timeout_s) from None
    except OSError:
      while True:
        self._receive(index)  # Raises what the worker said last.

  def _gather(self, wanted: str, waiting: Set[int]) -> Dict[int, Any]:
    """The wanted message of each worker in `waiting`, whichever comes first."""
    answers: Dict[int, Any] = {}
    signs = {i: (b'', time.monotonic()) for i in waiting}
    while waiting:
      sources = {}
      for i in waiting:
        sources[self._members[i].pipe] = i
        sources[self._members[i].process.sentinel] = i
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
    """A worker's next message.

    Raises:
      failures.PoolError: if it is an error, or there is none to come.
    """
    pipe = self._members[index].pipe
    try:
      # A worker that reports an error and ends gives two signs; the report
      # counts.
      message = pipe.recv() if pipe.poll() else None
    except (EOFError, OSError):
      message = None
    if message is None:
      raise self._death(index)
    if message[0] == 'error':
      _, what, text = message
      raise failures.raised(self._locate(index), what, text)
    if message[0] == 'ready':
      self._is_ready[index] = True
    return message

  def _death(self, index: int) -> failures.PoolError:
    process = self._members[index].process
    process.join(_WATCH_S)
    phase = int(self.control['progress'][index, progress.PHASE])
    return failures.died(self._locate(index), phase, index, process.exitcode)

  def _check_signs_of_life(self, waiting: Set[int], signs: Dict) -> None:
    for i in waiting:
      row, now = self.control['progress'][i], time.monotonic()
      phase, limit = row[progress.PHASE], self._env_timeout_s
      if phase == progress.STARTING:
        limit = max(limit, _START_S)
      if row.tobytes() != signs[i][0]:
        signs[i] = (row.tobytes(), now)
      elif now - signs[i][1] > limit:
        raise failures.silent(self._locate(i), i, limit)

  def _locate(self, index: int) -> failures.Place:
    return failures.locate(
        self.control['progress'][index], self._plan, self.control,
        self._evaluation)
