"""Runs a worker process of the pool, which serves its parent until the end.

A worker imports only NumPy and the modules that the tasks need. It never
outlives its parent: the kernel kills it with its parent where it can, and the
worker also checks for itself that its parent lives.
"""

import ctypes
import gc
from multiprocessing import connection
import pickle
import signal
import sys
import traceback
from typing import Any, FrozenSet, Mapping, Optional

from distillery.environments import timestep_checks
from distillery.environments.pool import environment_building
from distillery.environments.pool import evaluator
from distillery.environments.pool import progress
from distillery.environments.pool import shared_arrays
from distillery.environments.pool import unroller
import numpy as np

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.5


def main(
    pipe: connection.Connection,
    worker: int,
    plan: bytes,
    parent: int,
    dies_with_thread: bool,
) -> None:
  """Runs a worker; this is the target of its process.

  Args:
    pipe: the pipe to the parent.
    worker: the index of this worker.
    plan: the pickled `work_plan.Plan`. It is unpickled here so that an error is
      reported like any other.
    parent: the process id of the parent.
    dies_with_thread: whether the kernel should kill this process when the
      thread that started it ends. This is right only for the parent's main
      thread.
  """
  follow_parent(dies_with_thread)
  try:
    _Worker(pipe, worker, plan, parent).run()
  except (unroller.Stopped, EOFError, ConnectionError):
    return
  except BaseException as error:  # SystemExit from an environment included.
    text = ''.join(
        traceback.format_exception(type(error), error, error.__traceback__)
    )
    # The messages of the pool's own checks are clear without the name.
    kind = (
        ''
        if isinstance(error, timestep_checks.BadValue)
        else (f'{type(error).__name__}: ')
    )
    try:
      pipe.send(('error', f'{kind}{error}', text))
    except OSError:
      pass  # The parent has ended and needs no report.


def follow_parent(dies_with_thread: bool) -> None:
  """Makes this process ignore signals to stop, and end with its parent.

  The parent handles Ctrl-C, and has blocked the signal until now. A scheduler
  sends its signals to all processes of a job, and the parent still needs this
  one to finish a block.

  Args:
    dies_with_thread: whether the kernel should kill this process when the
      thread that started it ends; see `main`.
  """
  for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
  signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
  if dies_with_thread and sys.platform == 'linux':
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _load(data: bytes) -> Any:
  # This is safe: the data come from the parent, over a pipe that no other
  # process can write to.
  return pickle.loads(data)  # noqa: S301


class _Worker:
  """A worker, with its state and a method for each command."""

  def __init__(
      self, pipe: connection.Connection, worker: int, plan: bytes, parent: int
  ):
    self._pipe = pipe
    self._control = shared_arrays.SharedArrays.receive(pipe)
    self._block = shared_arrays.SharedArrays.receive(pipe)
    self._place = self._control['progress'][worker]
    self._stop_check = unroller.StopCheck(self._control['stop'], parent)
    self._plan = _load(plan)
    self._preparation = environment_building.prepare(
        self._plan, worker, self._control
    )
    self._unroller: Optional[unroller.Unroller] = None
    self._evaluator = evaluator.Evaluator(
        self._plan, self._place, self._stop_check
    )
    self._policy: Any = None
    self._parameters: Mapping[str, np.ndarray] = {}
    self._version = -1

  def run(self) -> None:
    """Serves commands; builds the environments while no command waits."""
    while True:
      self._stop_check()
      if self._unroller is None and not self._pipe.poll():
        self._prepare()
      elif self._pipe.poll(_POLL_S):
        command, *arguments = self._pipe.recv()
        getattr(self, f'_on_{command}')(*arguments)

  def _prepare(self) -> None:
    """Builds the next environment."""
    try:
      next(self._preparation)
    except StopIteration as stop:
      units, rows = stop.value
      self._unroller = unroller.Unroller(
          self._plan,
          units,
          rows,
          self._place,
          self._stop_check,
          self._block,
          self._control,
      )
      # The present objects live until the end. The garbage collector need not
      # visit them again and again while environments step.
      gc.collect()
      gc.freeze()
      self._place[progress.PHASE] = progress.IDLE
      self._pipe.send(('ready',))

  def _on_policy(self, policy: bytes) -> None:
    self._parameters = shared_arrays.SharedArrays.receive(self._pipe)
    self._policy = _load(policy)

  def _on_collect(
      self,
      block: int,
      version: int,
      restart: bool,
      resting: FrozenSet[int],
  ) -> None:
    while self._unroller is None:
      self._stop_check()
      self._prepare()
    if version != self._version:
      self._unroller.select(self._policy, self._parameters)
      self._version = version
    self._pipe.send(('done', self._unroller.unroll(block, restart, resting)))

  def _on_evaluate(self, request: bytes) -> None:
    parameters = shared_arrays.SharedArrays.receive(self._pipe)
    policy, lanes, options = _load(request)
    lanes = [
        evaluator.Lane(position, index, _load(task), task, episodes)
        for position, index, task, episodes in lanes
    ]
    self._pipe.send(
        ('done', self._evaluator.run(policy, parameters, lanes, **options))
    )
