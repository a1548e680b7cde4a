"""Shows a run's progress: a live line on a terminal, plain lines elsewhere."""

import atexit
import pathlib
import re
import sys
import time
import types
from typing import Any, Optional, Type

from rich import console as rich_console
from rich import progress as rich_progress

# Seconds between plain lines.
_INTERVAL_S = 15.0
# The characters that move the cursor or end a line.
_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029]')


def say(text: str) -> None:
  """Prints a line where there is no `Display`, such as in a program's node."""
  # A file's name may hold characters that the terminal cannot encode.
  encoding = sys.stdout.encoding or 'utf-8'
  print(text.encode(encoding, 'backslashreplace').decode(encoding), flush=True)


def on_one_line(name: str) -> str:
  """Returns a user's name with its control characters escaped."""
  return _CONTROL.sub(
      lambda match: match[0].encode('unicode_escape').decode(), name
  )


class BestEffort:
  """A context in which a file that cannot be written causes one warning."""

  def __init__(self, path: pathlib.Path):
    """Initialises the context; `path` is the file that is written in it."""
    self._path = path
    self._has_failed = False

  def __enter__(self) -> 'BestEffort':
    return self

  def __exit__(
      self,
      kind: Optional[Type[BaseException]],
      error: Optional[BaseException],
      traceback: Optional[types.TracebackType],
  ) -> bool:
    if error is not None and not isinstance(error, Exception):
      return False  # It is a Ctrl-C, for instance.
    if error is not None and not self._has_failed:
      reason = ' '.join(str(error).split()) or type(error).__name__
      say(
          f'warning: cannot write {self._path}: {reason}; what '
          'belongs there is lost until it can be written.'
      )
    self._has_failed = error is not None
    return True


class Display:
  """A context that shows steps, steps a second, time left and success."""

  def __init__(self, num_env_steps: int, env_steps: int):
    """Initialises the display.

    Args:
      num_env_steps: the environment steps at which the run ends.
      env_steps: the environment steps so far; above 0 if the run is resumed.
    """
    self._total = num_env_steps
    self._first = env_steps
    self._begin = time.monotonic()
    self._printed = -float('inf')
    self._bar: Optional[rich_progress.Progress] = None
    if sys.stdout.isatty():
      self._bar = rich_progress.Progress(
          rich_progress.BarColumn(),
          rich_progress.TextColumn('{task.description}', markup=False),
          rich_progress.TimeRemainingColumn(),
          # A console of its own, because a console has one live line, and a
          # learner that has failed may have left one behind.
          console=rich_console.Console(),
      )
      self._task = self._bar.add_task(
          '', total=num_env_steps, completed=env_steps
      )

  def __enter__(self) -> 'Display':
    if self._bar:
      self._bar.start()
      # A node's thread may be killed; the cursor must not stay hidden then.
      atexit.register(self._bar.stop)
    return self

  def __exit__(self, *unused_exc: Any) -> None:
    if self._bar:
      self._bar.stop()
      atexit.unregister(self._bar.stop)

  def update(self, env_steps: int, status: str) -> None:
    """Shows the run's progress.

    Args:
      env_steps: the environment steps so far.
      status: a few words on the latest episodes.
    """
    now = time.monotonic()
    rate = (env_steps - self._first) / max(now - self._begin, 1e-9)
    text = f'{env_steps:,} of {self._total:,} steps, {rate:,.0f}/s, {status}'
    if self._bar:
      self._bar.update(self._task, completed=env_steps, description=text)
    elif now - self._printed > _INTERVAL_S:
      self._printed = now
      left = max(self._total - env_steps, 0) / max(rate, 1e-9)
      say(f'{text}, {left / 60:.0f} min left')

  def print(self, text: str) -> None:
    """Prints a line of text above the live line."""
    if self._bar:
      self._bar.console.print(text, highlight=False, markup=False, emoji=False)
    else:
      say(text)
