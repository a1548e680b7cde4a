"""Kills the daemons that a killed launcher leaves behind.

  python reaper.py DAEMON_PID ... < pipe

Ray's daemons end together with the process that started them, except for two
agents, which first try for a minute to report that their parent is gone. The
reaper is a process that remembers the daemons and their descendants. The pipe
closes when the launcher ends, in whatever way it ends. If `ALL_IS_WELL` was not
written to it before, the reaper waits a few seconds and then kills the
processes that still run.
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
  """Returns the start time of a process; '' if there is no such process.

  The system uses a pid again after its process has ended. Both numbers together
  identify a process.
  """
  return _status(pid)[1]


def descendants(roots: Iterable[int]) -> Dict[int, str]:
  """Returns the descendants of some processes, with their start times."""
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
  """Returns the parent's pid and the start time of a process."""
  try:
    text = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
  except OSError:
    return 0, ''
  # The name stands in parentheses and may contain any character.
  fields = text.rpartition(')')[2].split()
  return int(fields[1]), fields[19]


def main() -> None:
  """Waits for the end of the launcher, then kills the daemons it left."""
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
        pass  # The process has just ended by itself.


if __name__ == '__main__':
  main()
