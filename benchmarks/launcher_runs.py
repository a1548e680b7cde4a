"""Runs the shipped launchers in processes of their own, and measures time."""

import pathlib
import subprocess
import sys
import time
from typing import Dict, List, Mapping, Sequence, Tuple

from distillery.agents.core.run_files import csv_tables

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_POLL_S = 0.02


class RunError(Exception):
  """A run of a launcher failed, or took too long."""


def run(
    launcher: str,
    flagfile: str,
    flags: Sequence[str],
    run_dir: pathlib.Path,
    time_limit_s: float,
) -> Tuple[List[Dict[str, str]], float]:
  """Runs a launcher to its end, as a user starts it.

  Args:
    launcher: the file name of the launcher in launchers/.
    flagfile: the flagfile, relative to the root of the repository.
    flags: more flags, after the flagfile.
    run_dir: the directory for the run; its parent must exist.
    time_limit_s: seconds after which the run is stopped.

  Returns:
    The rows of train.csv, and the seconds from the command to the first row.

  Raises:
    RunError: if the run fails, or does not end in time.
  """
  train_csv = run_dir / 'train.csv'
  command = [
      sys.executable,
      _ROOT / 'launchers' / launcher,
      f'--flagfile={_ROOT / flagfile}',
      f'--run_dir={run_dir}',
      '--evaluation_episodes=1',
      *flags,
  ]
  begin = time.perf_counter()
  first_row_s = 0.0
  with open(run_dir.parent / 'log', 'w+', encoding='utf-8') as log:
    with subprocess.Popen(command, stdout=log, stderr=log) as process:
      while process.poll() is None:
        elapsed = time.perf_counter() - begin
        if not first_row_s and len(_rows(train_csv)) > 0:
          first_row_s = elapsed
        if elapsed > time_limit_s:
          process.terminate()
          raise RunError(f'time_limit_s: the run took more than {time_limit_s}')
        time.sleep(_POLL_S)
    if process.returncode:
      log.seek(0)
      raise RunError(
          f'the run ended with exit status {process.returncode}\n\n{log.read()}'
      )
  return _rows(train_csv), first_row_s


def whole_rate(rows: Sequence[Mapping[str, str]]) -> float:
  """Returns the environment steps a second from the first row to the last.

  The time includes everything that the run does, such as logging.

  Raises:
    RunError: if there are no two rows at different times.
  """
  steps, seconds = (
      float(rows[-1][name]) - float(rows[0][name]) if rows else 0.0
      for name in ('env_steps', 'wall_s')
  )
  if not seconds:
    raise RunError(
        'bench_env_steps: the run has too few blocks to be timed; ' 'want more'
    )
  return steps / seconds


def _rows(path: pathlib.Path) -> List[Dict[str, str]]:
  """Reads the complete rows of a CSV file that may still grow."""
  if not path.exists():
    return []
  return csv_tables.read(path, {}).rows
