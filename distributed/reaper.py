"""Ends what a launcher left behind, if it is killed.

  python reaper.py DAEMON_PID ... < pipe

Ray's daemons fate-share with the process that started them, but for two agents,
which first try for a minute to report that their parent is gone. This process
remembers the daemons and their descendants. When the pipe closes, as it does
however the launcher ends, and nobody has said that all is well, it kills those
that are still there after a moment.
"""

import os
import pathlib
import select
import signal
import sys
import time
from typing import Dict, Iterable

ALL_IS_WELL = b'\n'
_LOOK_EVERY_S = 1.0
_GRACE_S = 3.0


def started(pid: int) -> str:
  """When a process began, '' if there is none: a pid may be given again."""
  return _status(pid)[1]


def descendants(roots: Iterable[int]) -> Dict[int, str]:
  """Processes below `roots`, and when they began."""
  parents, begun = {}, {}
  for entry in pathlib.Path('/proc').iterdir():
    if entry.name.isdigit():
      parents[int(entry.name)], begun[int(entry.name)] = _status(
          int(entry.name)
      )
  found: Dict[int, str] = {}
  level = set(roots)
  while level:
    level = {pid for pid, parent in parents.items() if parent in level}
    found.update({pid: begun[pid] for pid in level})
  return found


def _status(pid: int):
  """Parent and beginning of a process."""
  try:
    text = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
  except OSError:
    return 0, ''
  # The name, in parentheses, may hold anything.
  fields = text.rpartition(')')[2].split()
  return int(fields[1]), fields[19]


def main() -> None:
  """Waits for the launcher's end, and cleans up."""
  for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
  daemons = [int(word) for word in sys.argv[1:]]
  family = {pid: started(pid) for pid in daemons}
  while not select.select([sys.stdin], [], [], _LOOK_EVERY_S)[0]:
    family.update(descendants(daemons))
  if sys.stdin.buffer.read():
    return
  time.sleep(_GRACE_S)
  for pid, begun in family.items():
    if begun and pid != os.getpid() and started(pid) == begun:
      try:
        os.kill(pid, signal.SIGKILL)
      except ProcessLookupError:
        pass  # It has just ended by itself.


if __name__ == '__main__':
  main()
