"""Starting and ending worker processes."""

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
from typing import Iterator, List, NamedTuple

from distillery.environments import sending
from distillery.environments import worker
import numpy as np

_STOP_S = 0.7  # Workers stop at their next step; those that do not are killed.
_THREAD_VARIABLES = (
    'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS',
    'NUMEXPR_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS')


class Member(NamedTuple):
  """A worker's process, and the pipe to it."""
  process: multiprocessing.process.BaseProcess
  pipe: connection.Connection


@contextlib.contextmanager
def worker_environment() -> Iterator[None]:
  """What workers inherit: one thread each, no Ctrl-C, and the script's file.

  They compute with small matrices, and there are as many workers as cores.
  Until a worker ignores Ctrl-C by itself, the signal is blocked. A script from
  standard input is said to have a file, which they would try to run.
  """
  main = vars(sys.modules['__main__'])
  no_file = main.pop('__file__', None) if not sending.main_file() else None
  # It unblocks SIGINT when it starts, which it would do with the first worker.
  resource_tracker.ensure_running()
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
    if no_file is not None:
      main['__file__'] = no_file
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def start(index: int, plan: bytes, send_timeout_s: float) -> Member:
  """Starts a worker, without waiting for it; within `worker_environment`.

  Args:
    index: the worker's index.
    plan: a pickled `units.Plan`.
    send_timeout_s: a send to a worker that does not read fails after this time
      instead of hanging.
  """
  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  # The kernel would kill the worker at the end of the thread that starts it.
  is_main = threading.current_thread() is threading.main_thread()
  process = context.Process(
      target=worker.main, name=f'distillery-worker-{index}', daemon=True,
      args=(theirs, index, plan, os.getpid(), is_main))
  try:
    process.start()
  except BaseException:
    ours.close()
    raise
  finally:
    theirs.close()
  with socket.socket(fileno=os.dup(ours.fileno())) as end:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack(
        'll', int(send_timeout_s), int(send_timeout_s % 1. * 1e6) or 1))
  return Member(process, ours)


def end(members: List[Member], stop: np.ndarray, owner: int) -> None:
  """Asks the workers to stop, and kills those that do not in time."""
  if os.getpid() != owner:
    return  # A forked copy of the program; the workers are not its own.
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
