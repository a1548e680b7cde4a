"""A worker process of the pool: serves its parent until told to stop.

Imports nothing but NumPy and what the tasks need. It never outlives its parent:
the kernel kills it with it where it can, and it looks for itself as well.
"""

import ctypes
from multiprocessing import connection
import os
import pickle
import signal
import sys
import traceback
from typing import Any, Dict, Iterator, Optional

from distillery.environments import evaluations
from distillery.environments import progress
from distillery.environments import rollouts
from distillery.environments import shared_arrays
from distillery.environments import units

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.5


def main(pipe: connection.Connection, worker: int, plan: bytes,
         parent: int, dies_with_thread: bool) -> None:
  """Runs a worker; the target of its process.

  Args:
    pipe: to the parent.
    worker: this worker's index.
    plan: a pickled `units.Plan`, unpickled here so that an error in it is
      reported as any other.
    parent: process id of the parent.
    dies_with_thread: whether the thread that started this process lives as long
      as the parent does. Only then may the kernel be asked to kill this one:
      it does so when that thread ends.
  """
  # The parent decides what Ctrl-C means.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
  if dies_with_thread and sys.platform == 'linux':
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
  try:
    _Worker(pipe, worker, plan, parent).run()
  except (rollouts.Stopped, EOFError, BrokenPipeError, ConnectionResetError):
    return
  except BaseException as error:  # pylint: disable=broad-except
    # Whatever it was, SystemExit from an environment included, the parent must
    # hear of it.
    report = ('error', f'{type(error).__name__}: {error}',
              ''.join(traceback.format_exception(
                  type(error), error, error.__traceback__)))
    try:
      pipe.send(report)
    except OSError:
      pass


class _Worker:
  """The state of a worker process and its commands."""

  def __init__(self, pipe: connection.Connection, worker: int, plan: bytes,
               parent: int):
    self._pipe = pipe
    self._parent = parent
    self._worker = worker
    self._control = shared_arrays.SharedArrays.receive(pipe)
    block = shared_arrays.SharedArrays.receive(pipe)
    self._stop = self._control['stop']
    plan = pickle.loads(plan)
    self._unroller = rollouts.Unroller(plan, worker, block, self._control)
    self._evaluator = evaluations.Evaluator(plan, worker, self._control)
    self._preparation: Optional[Iterator[None]] = self._unroller.prepare()
    self._policy = None
    self._parameters: Dict[str, Any] = {}
    self._version = -1

  def run(self) -> None:
    """Serves commands; prepares the environments while there are none."""
    while True:
      if self._stop[0] or os.getppid() != self._parent:
        raise rollouts.Stopped
      if self._preparation is not None and not self._pipe.poll():
        self._prepare_one()
      elif self._pipe.poll(_POLL_S):
        command, *arguments = self._pipe.recv()
        getattr(self, f'_on_{command}')(*arguments)

  def _prepare_one(self) -> None:
    try:
      next(self._preparation)
    except StopIteration:
      self._preparation = None
      self._control['progress'][self._worker, progress.PHASE] = progress.IDLE
      self._pipe.send(('ready',))

  def _on_policy(self, policy: bytes) -> None:
    self._policy = pickle.loads(policy)
    self._parameters = shared_arrays.SharedArrays.receive(self._pipe)

  def _on_collect(self, block: int, version: int, restart: bool) -> None:
    while self._preparation is not None:
      if self._stop[0] or os.getppid() != self._parent:
        raise rollouts.Stopped
      self._prepare_one()
    if version != self._version:
      self._unroller.select(self._policy, self._parameters)
      self._version = version
    episodes = self._unroller.unroll(block, restart)
    self._pipe.send(('done', episodes))

  def _on_evaluate(self, request: bytes) -> None:
    parameters = shared_arrays.SharedArrays.receive(self._pipe)
    policy, lanes, options = pickle.loads(request)
    lanes = [
        evaluations.Lane(position, index, pickle.loads(task), task, episodes)
        for position, index, task, episodes in lanes]
    episodes = self._evaluator.run(policy, parameters, lanes, **options)
    self._pipe.send(('done', episodes))
