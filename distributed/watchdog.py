"""Ends a program soon after Ctrl-C, even inside native code.

Python reacts to Ctrl-C only between two of its own instructions, and not while
native code waits, compiles or loads a replay. The number of the signal is
however written to a pipe at once. The watchdog is a process that reads this
pipe. It first lets the program end by itself. Then it asks a thread of the
program to end it with the right exit status. If native code blocks that thread
as well, the watchdog kills the program.
"""

import contextlib
import mmap
import os
import signal
import sys
import threading
import time
from typing import NoReturn

from distillery.distributed import reaper

STATUS = 128 + signal.SIGINT
_NOTICE_S = 0.7  # The time that the program gets to end by itself.
_THREAD_S = 0.4  # The time that its thread then gets to end it.
_SENTENCE = 'stopped by Ctrl-C\n'
_is_ending = threading.Lock()
# Whether the next signal is spared; a byte that the watchdog shares with the
# program.
_spares = mmap.mmap(-1, 1)
_NO, _FIRST, _NEXT_ENDS = b'\0', b'\1', b'\2'
_STOPS = [
    bytes([number])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
]


def start() -> None:
  """Starts the watchdog of this process; call it in the main thread."""
  heard, hear = os.pipe()
  told, tell = os.pipe()
  program = os.getpid()
  # The fork and the thread inherit this mask, so only the main thread gets
  # SIGINT.
  mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
  if not os.fork():  # A new interpreter would take too long to start.
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


def spare_first(is_spared: bool) -> None:
  """Lets the program react to one signal as long as it likes.

  Args:
    is_spared: true if the program stops by itself after the first SIGINT,
      SIGTERM or SIGUSR1, so that only a second one ends it. False: every SIGINT
      ends it, as at the start.
  """
  _spares[:] = _FIRST if is_spared else _NO


def end() -> NoReturn:
  """Prints one sentence, then ends this process and all its descendants."""
  _is_ending.acquire()  # Two threads may call this at the same time.
  with contextlib.suppress(OSError, ValueError):  # The pipe may be closed.
    if sys.stdout.isatty():
      sys.stdout.write('\033[?25h')  # A live display hides the cursor.
    sys.stdout.flush()
    sys.stderr.write(_SENTENCE)
    sys.stderr.flush()
  _kill_below(os.getpid())
  os._exit(STATUS)


def _end_when_told(told: int) -> None:
  if os.read(told, 1):  # Empty if the watchdog itself was killed.
    end()


def _watch(program: int, heard: int, tell: int) -> None:
  """Waits for Ctrl-C, then ends the program; this is the watchdog process."""
  os.setsid()  # Ctrl-C on a terminal must not reach the watchdog.
  while number := os.read(heard, 1):
    if _spares[:] == _NO and number == bytes([signal.SIGINT]):
      break
    if _spares[:] == _NEXT_ENDS and number in _STOPS:
      break
    if _spares[:] == _FIRST and number in _STOPS:
      _spares[:] = _NEXT_ENDS
  else:
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
  """Kills the descendants of a process, except for the calling process."""
  for _ in range(2):  # A child may have started another one meanwhile.
    for child in set(reaper.descendants([program])) - {os.getpid()}:
      with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
