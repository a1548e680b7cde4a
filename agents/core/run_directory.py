"""The directory of one run, and what is written into it."""

import contextlib
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from typing import IO, Any, Dict, Iterator, Mapping, Optional, Sequence

from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.run_files import folders
from distillery.agents.core.run_files import machine
from distillery.agents.core.run_files import run_contents
from distillery.agents.core.run_files import user_paths

_PACKAGES = (
    'acme-distillery',
    'tensorflow',
    'tensorflow-probability',
    'dm-sonnet',
    'dm-reverb',
    'dm-acme',
    'metaworld',
    'mujoco',
    'gymnasium',
    'numpy',
    'scipy',
)
EVALUATION_COLUMNS = tuple(csv_tables.EVALUATION)
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
      OSError: if it cannot be made.
    """
    self.path = pathlib.Path(user_paths.expand(path))
    self.resume = resume
    if self.path.exists() and not self.path.is_dir():
      raise ValueError(f'run_dir {self.path} is not a directory.')
    self._take()

  def _take(self) -> None:
    # First of all: in a directory in use, no other advice would help.
    if (self.path / run_contents.LOCK).exists():
      self._hold().close()
    self._before = folders.Snapshot(self.path, run_contents.FOLDERS)
    refusal = run_contents.refusal(self.path, self.resume, self._before.empty)
    if refusal:
      raise ValueError(f'run_dir {self.path} {refusal}.')
    if not self.resume:
      self._before.make()
    # Held until this process ends, however it ends.
    self._lock = self._hold()
    if not self.resume:
      self._lock.truncate(0)

  def _hold(self) -> IO[str]:
    """Keeps other processes out of the directory until the file is closed."""
    lock = open(self.path / run_contents.LOCK, 'a')
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      lock.close()
      raise ValueError(
          f'run_dir {self.path} is in use by another process.'
      ) from None
    return lock

  def note_step(self) -> None:
    """Says that environments were stepped, so that there is a run to keep."""
    with contextlib.suppress(OSError):  # On a full disk it keeps nothing yet.
      if not run_contents.has_stepped(self.path):
        (self.path / run_contents.LOCK).write_text('stepped')

  @contextlib.contextmanager
  def kept_once_stepped(self) -> Iterator[None]:
    """Removes what a run added if it fails before its first step."""
    if self._lock.closed:  # It has failed before, and is tried again.
      self._take()
    try:
      yield
    except BaseException:  # Ctrl-C as well.
      # It is closed if an inner context has removed the run already.
      if not (
          self.resume
          or self._lock.closed
          or run_contents.has_stepped(self.path)
      ):
        self._lock.close()
        self._before.restore()
      raise

  def __getstate__(self) -> Dict[str, Any]:
    """For other processes of the same run; the lock stays with the first."""
    return {'path': self.path, 'resume': self.resume}

  def write_json(self, name: str, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    write_text(self.path / name, json.dumps(content, indent=2) + '\n')

  def read_json(self, name: str, **types: type) -> Dict[str, Any]:
    """Reads a JSON file, see the function of this name."""
    return read_json(self.path / name, **types)

  def check_tables(self) -> None:
    """Checks that the tables of the run in it can be gone on with.

    Raises:
      ValueError: if one has a row that is not whole; see `csv_tables.read`.
    """
    for name, converters in (
        ('train.csv', csv_tables.TRAIN),
        ('evaluation.csv', csv_tables.EVALUATION),
    ):
      if (self.path / name).exists():
        csv_tables.read(self.path / name, converters)

  def open_csv(
      self, name: str, columns: Optional[Sequence[str]] = None
  ) -> 'CsvFile':
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
    if self._header is None or not size:
      self._header = columns
      if size:
        self._header = csv_tables.read(self._path, {}).columns or columns
    differ = sorted(set(self._header) ^ set(columns))
    if differ:
      raise ValueError(
          f'{self._path} has other columns ({", ".join(differ)} are on one '
          'side alone); want the version that began the run, or a new run.'
      )
    try:
      with open(self._path, 'ab') as f:
        f.write(csv_tables.encoded(self._header, rows, has_header=not size))
    except OSError:
      if self._path.exists():
        os.truncate(self._path, size)
      raise

  def last_env_steps(self) -> int:
    """Of the last row; -1 if there is none."""
    return max(
        (row['env_steps'] for row in self._read('env_steps').rows), default=-1
    )

  def truncate(
      self, env_steps: int, learner_steps: Optional[int] = None
  ) -> int:
    """Drops rows that a resumed run writes again.

    Args:
      env_steps: rows after it go.
      learner_steps: and of those at it, the rows after this many; None: none.

    Returns:
      How many whole rows were dropped.

    Raises:
      OSError: if the file cannot be written; it is as it was.
      ValueError: see `csv_tables.read`.
    """
    limits = {'env_steps': env_steps}
    if learner_steps is not None:
      limits['learner_steps'] = learner_steps
    columns, rows = self._read(*limits)
    kept = [
        row
        for row in rows
        if [row[name] for name in limits] <= list(limits.values())
    ]
    if columns:
      content = csv_tables.encoded(columns, kept)
      if content != self._path.read_bytes():
        write_bytes(self._path, content)
    else:
      self._path.unlink(missing_ok=True)
    return len(rows) - len(kept)

  def _read(self, *numbers: str) -> csv_tables.Table:
    """Reads the file, and whole numbers in these columns."""
    if not self._path.exists():
      return csv_tables.Table((), [])
    return csv_tables.read(
        self._path, {name: csv_tables.whole_number for name in numbers}
    )


def read_json(path: pathlib.Path, **types: type) -> Dict[str, Any]:
  """Reads a JSON file that a run wrote.

  Args:
    path: the file.
    **types: what some of its entries have to be.

  Raises:
    OSError: if there is no such file.
    ValueError: if it is not what a run writes; names the file.
  """
  try:
    content = json.loads(path.read_text(encoding='utf-8-sig'))
  except ValueError as error:
    raise ValueError(
        f'cannot read {path}: {error}; want the JSON that the run ' 'wrote.'
    ) from error
  if not isinstance(content, dict):
    raise ValueError(
        f'cannot read {path}: got {str(content)[:40]!r}; want the '
        'JSON that the run wrote, names and values in braces.'
    )
  for name, kind in types.items():
    if not isinstance(content.get(name), kind):
      raise ValueError(
          f'cannot read {path}: {name} is {content.get(name)!r}; '
          f'want the {kind.__name__} that the run wrote.'
      )
  return content


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
  """Writes a table, whole or not at all; the keys of a row are its header."""
  write_bytes(path, csv_tables.encoded(list(rows[0]), rows))


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a file aside and renames it, so that it is whole or absent."""
  write_bytes(path, text.encode('utf-8', 'backslashreplace'))


def write_bytes(path: pathlib.Path, content: bytes) -> None:
  """Writes a file aside and renames it, so that it is whole or absent."""
  aside = path.with_name(path.name + '.tmp')
  try:
    with open(aside, 'wb') as f:
      f.write(content)
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
  return {
      **found,
      'git_revision': _git_revision(),
      'processor': machine.processor(),
      'environment_variables': machine.variables(),
  }


def _git_revision() -> str:
  """Of the source that runs; '+changes' if files differ from it."""

  def git(*arguments):
    return subprocess.run(
        ['git', *arguments],
        cwd=pathlib.Path(__file__).parent,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()

  try:
    revision = git('rev-parse', 'HEAD')
    changes = git('status', '--porcelain', '--untracked-files=no')
  except (OSError, subprocess.CalledProcessError):
    return 'unknown'
  return revision + ('+changes' if changes else '')
