"""Stops a run between two blocks when its process gets a signal.

People stop runs by Ctrl-C, schedulers by SIGTERM, and Slurm sends SIGUSR1 some
time before it stops a job (`sbatch --signal=USR1@120`). The run then finishes
its block, writes a checkpoint and exits with the signal's status.
"""

import contextlib
import signal
import threading
import types
from typing import Any, Dict, Optional

from distillery.agents.core.run_files import display
from distillery.distributed import watchdog

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Stopped(SystemExit):
  """The end of a run that a signal stopped, with the signal's exit status."""

  def __init__(self, number: int):
    """Initialises the exit.

    Args:
      number: the number of the signal; the status is 128 more.
    """
    super().__init__(128 + number)


class StopSignals:
  """A context in which the first signal is noted, and the second ends at once.

  It changes nothing in threads other than the main one, which gets all signals,
  and for signals that the process ignores.
  """

  def __init__(self) -> None:
    """Initialises the context, in which no signal has come yet."""
    # The number of the first signal.
    self.noted: Optional[int] = None
    self._handlers: Dict[int, Any] = {}

  def __enter__(self) -> 'StopSignals':
    if threading.current_thread() is threading.main_thread():
      for number in _NUMBERS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
          self._handlers[number] = signal.signal(number, self._note)
      watchdog.spare_first(True)
    return self

  def __exit__(self, *unused_exc: Any) -> None:
    if self._handlers:
      watchdog.spare_first(False)
    self._restore()

  def _note(self, number: int, unused_frame: Optional[types.FrameType]) -> None:
    if self.noted is None:
      self.noted = number
      # A signal that comes while the process prints must not print as well.
      with contextlib.suppress(RuntimeError):
        display.say(
            f'got {signal.Signals(number).name}: the run finishes its block '
            'and saves a checkpoint; a second signal ends it at once.'
        )
      return
    self._restore()
    signal.raise_signal(number)

  def _restore(self) -> None:
    for number, handler in self._handlers.items():
      signal.signal(number, handler)
    self._handlers = {}
