"""Ends a program soon after Ctrl-C, whatever native code it is in.

Python hears of Ctrl-C between two of its own instructions, and not while native
code waits, compiles, or loads a replay. The kernel, however, has the signal
written to a pipe at once. A process of its own reads it, and lets the program
end by itself; then it has a thread of the program end it, with the right
status; and if native code keeps even that from running, it kills the program.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from typing import NoReturn

from distillery.distributed import reaper

STATUS = 128 + signal.SIGINT
_NOTICE_S = 0.7  # That the program has to end by itself.
_THREAD_S = 0.4  # That its thread has then.
_SENTENCE = 'stopped by Ctrl-C\n'
_is_ending = threading.Lock()


def start() -> None:
  """Has this process end soon after Ctrl-C; to be called in the main thread."""
  heard, hear = os.pipe()
  told, tell = os.pipe()
  program = os.getpid()
  # It stays so in the process and in the thread: only the main thread hears it.
  mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
  if not os.fork():  # Not a new interpreter, which would start for too long.
    try:
      os.close(hear)
      _watch(program, heard, tell)
    finally:
      os._exit(0)
  os.close(heard)
  os.close(tell)
  os.set_blocking(hear, False)
  signal.set_wakeup_fd(hear, warn_on_full_buffer=False)
  threading.Thread(target=_end_when_told, args=(told,), daemon=True).start()
  signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def end() -> NoReturn:
  """Ends this process and all processes below it, with one sentence."""
  _is_ending.acquire()  # The main thread and another may want it at once.
  with contextlib.suppress(OSError, ValueError):  # Nobody may be reading.
    if sys.stdout.isatty():
      sys.stdout.write('\033[?25h')  # A live display hides the cursor.
    sys.stdout.flush()
    sys.stderr.write(_SENTENCE)
    sys.stderr.flush()
  _kill_below(os.getpid())
  os._exit(STATUS)


def _end_when_told(told: int) -> None:
  if os.read(told, 1):  # Else somebody has killed the process that tells.
    end()


def _watch(program: int, heard: int, tell: int) -> None:
  """Waits for Ctrl-C and then for the end; the process of its own."""
  os.setsid()  # Ctrl-C on a terminal is not for it.
  while (number := os.read(heard, 1)) != bytes([signal.SIGINT]):
    if not number:
      return  # The program has ended.
  time.sleep(_NOTICE_S)
  with contextlib.suppress(OSError):
    os.write(tell, b'.')
  time.sleep(_THREAD_S)
  if os.getppid() == program:
    with contextlib.suppress(OSError):
      os.write(2, _SENTENCE.encode())
    _kill_below(program)
    os.kill(program, signal.SIGKILL)


def _kill_below(program: int) -> None:
  """Kills the descendants of a process, but for the one that calls this."""
  for _ in range(2):  # One may have started another meanwhile.
    for child in set(reaper.descendants([program])) - {os.getpid()}:
      with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
