"""The directory of one run, and what is written into it."""

import csv
import fcntl
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import subprocess
from typing import IO, Any, Dict, Mapping, Optional, Sequence

from distillery.agents.core import run_contents
from distillery.agents.core import surroundings
from distillery.agents.core import user_paths

_PACKAGES = ('acme-distillery', 'tensorflow', 'tensorflow-probability',
             'dm-sonnet', 'dm-reverb', 'dm-acme', 'metaworld', 'mujoco',
             'gymnasium', 'numpy', 'scipy')
EVALUATION_COLUMNS = ('env_steps', 'wall_s', 'policy', 'task', 'split',
                      'episodes', 'success', 'return')
# Where Reverb writes while a run goes on; checkpoints have their own copy.
REPLAY_FOLDER = 'replay.tmp'


class RunDirectory:
  """Owns a run's directory: refuses one in use, writes files whole."""

  def __init__(self, path: pathlib.Path, *, resume: bool):
    """Makes the directory, or takes up that of an earlier run.

    Args:
      path: of the directory; may begin with `~`.
      resume: whether to go on with the run that is in it.

    Raises:
      ValueError: if the directory holds a run, or what one would overwrite, and
        `resume` is false, if it holds none and `resume` is true, or if another
        process works in it.
    """
    self.path = pathlib.Path(user_paths.expand(path))
    self.resume = resume
    if self.path.exists() and not self.path.is_dir():
      raise ValueError(f'run_dir {self.path} is not a directory.')
    # First of all: in a directory in use, no other advice would help.
    if (self.path / run_contents.LOCK).exists():
      self._hold().close()
    refusal = run_contents.refusal(self.path, resume)
    if refusal:
      raise ValueError(f'run_dir {self.path} {refusal}.')
    self.path.mkdir(parents=True, exist_ok=True)
    # Held until this process ends, however it ends.
    self._lock = self._hold()

  def _hold(self) -> IO[str]:
    """Keeps other processes out of the directory until the file is closed."""
    lock = open(self.path / run_contents.LOCK, 'w')
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      lock.close()
      raise ValueError(
          f'run_dir {self.path} is in use by another process.') from None
    return lock

  def __getstate__(self) -> Dict[str, Any]:
    """For other processes of the same run; the lock stays with the first."""
    return {name: value for name, value in vars(self).items()
            if name != '_lock'}

  def write_json(self, name: str, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    write_text(self.path / name, json.dumps(content, indent=2) + '\n')

  def read_json(self, name: str) -> Dict[str, Any]:
    """Reads a JSON file; a ValueError names one that is none."""
    try:
      return json.loads((self.path / name).read_text())
    except ValueError as error:
      raise ValueError(
          f'cannot read {self.path / name}: {error}.') from error

  def open_csv(self, name: str,
               columns: Optional[Sequence[str]] = None) -> 'CsvFile':
    """Opens a table to append to."""
    return CsvFile(self.path / name, columns)


class CsvFile:
  """A CSV file that grows by rows; its first column is `env_steps`."""

  def __init__(self, path: pathlib.Path, columns: Optional[Sequence[str]]):
    """Initialises the file.

    Args:
      path: of the file.
      columns: its header; by default the keys of the first row.
    """
    self._path = path
    self._columns = columns
    self._header: Optional[Sequence[str]] = None  # Of the file, once known.

  def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
    """Appends rows, and the header before the first; flushed on return.

    Raises:
      OSError: if they cannot be written (a full disk); nothing is left of them.
      ValueError: if the file has other columns, of another version.
    """
    columns = self._columns or list(rows[0])
    size = self._path.stat().st_size if self._path.exists() else 0
    if self._header is None:
      self._header = columns
      if size:
        with open(self._path, newline='', encoding='utf-8') as f:
          self._header = next(csv.reader(f))
    differ = sorted(set(self._header) ^ set(columns))
    if differ:
      raise ValueError(
          f'{self._path} has other columns ({", ".join(differ)} are on one '
          'side alone); want the version that began the run, or a new run.')
    try:
      with open(self._path, 'a', newline='') as f:
        writer = csv.DictWriter(f, self._header)
        if not size:
          writer.writeheader()
        writer.writerows(rows)
    except OSError:
      os.truncate(self._path, size)
      raise

  def last_env_steps(self) -> int:
    """Of the last row; -1 if there is none."""
    if not self._path.exists():
      return -1
    with open(self._path, newline='', encoding='utf-8') as f:
      return max((int(row['env_steps']) for row in csv.DictReader(f)),
                 default=-1)

  def truncate(self, env_steps: int,
               learner_steps: Optional[int] = None) -> None:
    """Drops rows that a resumed run writes again.

    Args:
      env_steps: rows after it go.
      learner_steps: and of those at it, the rows after this many; None: none.
    """
    if not self._path.exists():
      return
    with open(self._path, newline='') as f:
      # The last line is half written if the run was killed at the wrong moment.
      whole = [line for line in f if line.endswith('\n')]
    header, rows = whole[:1], list(csv.reader(whole[1:]))
    last = [env_steps]
    columns = [0]
    if header and learner_steps is not None:
      last.append(learner_steps)
      columns.append(next(csv.reader(header)).index('learner_steps'))
    text = io.StringIO()
    text.writelines(header)
    csv.writer(text).writerows(
        row for row in rows if [int(row[i]) for i in columns] <= last)
    if header:
      write_text(self._path, text.getvalue())
    else:
      self._path.unlink()


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
  """Writes a table, whole or not at all; the keys of a row are its header."""
  text = io.StringIO()
  writer = csv.DictWriter(text, list(rows[0]))
  writer.writeheader()
  writer.writerows(rows)
  write_text(path, text.getvalue())


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a file aside and renames it, so that it is whole or absent."""
  aside = path.with_name(path.name + '.tmp')
  try:
    with open(aside, 'w', newline='') as f:
      f.write(text)
      f.flush()
      os.fsync(f.fileno())
    os.replace(aside, path)
  except OSError:
    aside.unlink(missing_ok=True)
    raise


def versions() -> Dict[str, Any]:
  """What a result depends on besides its config."""
  found = {'python': platform.python_version()}
  for name in _PACKAGES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = 'not installed'
  return {**found, 'git_revision': _git_revision(),
          'processor': surroundings.processor(),
          'environment_variables': surroundings.variables()}


def _git_revision() -> str:
  """Of the source that runs; '+changes' if files differ from it."""
  def git(*arguments):
    return subprocess.run(
        ['git', *arguments], cwd=pathlib.Path(__file__).parent, check=True,
        capture_output=True, text=True).stdout.strip()
  try:
    revision = git('rev-parse', 'HEAD')
    changes = git('status', '--porcelain', '--untracked-files=no')
  except (OSError, subprocess.CalledProcessError):
    return 'unknown'
  return revision + ('+changes' if changes else '')
