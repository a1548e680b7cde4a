"""Manages the directory of a run, and writes files into it."""

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
from distillery.agents.core.run_files import json_files
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
# The folder where Reverb writes during a run; checkpoints have their own copy.
REPLAY_FOLDER = 'replay.tmp'


class RunDirectory:
  """The directory of a run, which one process at a time may use."""

  def __init__(self, path: pathlib.Path, *, resume: bool):
    """Makes the directory, or opens that of a run to resume.

    Args:
      path: the path of the directory; may begin with `~`.
      resume: whether to resume the run in the directory.

    Raises:
      ValueError: if `resume` is false and the directory holds a run or files
        that a run would overwrite, if `resume` is true and it holds no run, or
        if another process uses it.
      OSError: if the directory cannot be made.
    """
    self.path = pathlib.Path(user_paths.expand(path))
    self.resume = resume
    if self.path.exists() and not self.path.is_dir():
      raise ValueError(f'run_dir {self.path} is not a directory.')
    self._take()

  def _take(self) -> None:
    # This is checked first, because no other advice helps while the directory
    # is in use.
    if (self.path / run_contents.LOCK).exists():
      self._hold().close()
    self._before = folders.Snapshot(self.path, run_contents.FOLDERS)
    refusal = run_contents.refusal(self.path, self.resume, self._before.empty)
    if refusal:
      raise ValueError(f'run_dir {self.path} {refusal}.')
    if not self.resume:
      self._before.make()
    # The lock is held until this process ends, even if it is killed.
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
    """Notes that the run has made environment steps, and so has to be kept."""
    with contextlib.suppress(OSError):  # The disk may be full.
      if not run_contents.has_stepped(self.path):
        (self.path / run_contents.LOCK).write_text('stepped')

  @contextlib.contextmanager
  def kept_once_stepped(self) -> Iterator[None]:
    """Removes all that a run has written if it fails before its first step."""
    if self._lock.closed:  # The run failed before, and is tried again.
      self._take()
    try:
      yield
    except BaseException:  # Includes Ctrl-C.
      # The lock is closed if an inner context has removed the run already.
      if not (
          self.resume
          or self._lock.closed
          or run_contents.has_stepped(self.path)
      ):
        self._lock.close()
        self._before.restore()
      raise

  def __getstate__(self) -> Dict[str, Any]:
    """Returns the state for the run's other processes, without the lock."""
    return {'path': self.path, 'resume': self.resume}

  def write_json(self, name: str, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
      name: the name of the file.
      content: the names and values to write.

    Raises:
      OSError: if the file cannot be written.
    """
    write_text(self.path / name, json.dumps(content, indent=2) + '\n')

  def read_json(self, name: str, **types: type) -> Dict[str, Any]:
    """Reads a JSON file of the run.

    Args:
      name: the name of the file.
      **types: the types that some of its values must have, by name.

    Returns:
      The names and values in the file.

    Raises:
      OSError: if there is no such file.
      ValueError: if a run would not have written it in this form.
    """
    return json_files.read(self.path / name, **types)

  def check_tables(self) -> None:
    """Checks that the tables of a run to resume can be read.

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
    """Returns a table of the run, to which rows can be appended.

    Args:
      name: the name of the file.
      columns: the table's header; None: the keys of the first row.

    Returns:
      The table; its file need not exist yet.
    """
    return CsvFile(self.path / name, columns)


class CsvFile:
  """A CSV file that grows by rows; its first column is `env_steps`."""

  def __init__(self, path: pathlib.Path, columns: Optional[Sequence[str]]):
    """Initialises the file.

    Args:
      path: the path of the file, which need not exist yet.
      columns: the table's header; None: the keys of the first row.
    """
    self._path = path
    self._columns = columns
    self._header: Optional[Sequence[str]] = None  # The file's, if known.

  def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
    """Appends rows and flushes them; a header comes before the first row.

    Raises:
      OSError: if they cannot be written (a full disk); nothing is left of them.
      ValueError: if the file has other columns, because another version of the
        program wrote it.
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
          f'{self._path} has other columns than the new rows '
          f'({", ".join(differ)} differ); want the version of the program that '
          'began the run, or a new run.'
      )
    try:
      with open(self._path, 'ab') as f:
        f.write(csv_tables.encoded(self._header, rows, has_header=not size))
    except OSError:
      if self._path.exists():
        os.truncate(self._path, size)
      raise

  def last_env_steps(self) -> int:
    """Returns the environment steps of the last row; -1 if there is none."""
    return max(
        (row['env_steps'] for row in self._read('env_steps').rows), default=-1
    )

  def truncate(
      self, env_steps: int, learner_steps: Optional[int] = None
  ) -> int:
    """Drops the rows that a resumed run will write again.

    Args:
      env_steps: the environment steps after which rows are dropped.
      learner_steps: the learner steps after which rows with exactly `env_steps`
        are dropped; None: these rows are kept.

    Returns:
      The number of whole rows that were dropped.

    Raises:
      OSError: if the file cannot be written; it is unchanged then.
      ValueError: if the file cannot be read; see `csv_tables.read`.
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
    """Reads the table, with whole numbers in the columns of these names."""
    if not self._path.exists():
      return csv_tables.Table((), [])
    return csv_tables.read(
        self._path, {name: csv_tables.whole_number for name in numbers}
    )


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
  """Writes a CSV table, whole or not at all.

  Args:
    path: the path of the file.
    rows: the rows, at least one; the keys of the first are the header.

  Raises:
    OSError: if the file cannot be written.
  """
  write_bytes(path, csv_tables.encoded(list(rows[0]), rows))


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes text to a file in UTF-8, whole or not at all.

  Args:
    path: the path of the file.
    text: the text to write.

  Raises:
    OSError: if the file cannot be written.
  """
  write_bytes(path, text.encode('utf-8', 'backslashreplace'))


def write_bytes(path: pathlib.Path, content: bytes) -> None:
  """Writes bytes to a file, whole or not at all.

  They are written to a temporary file, which then gets the file's name.

  Args:
    path: the path of the file.
    content: the bytes to write.

  Raises:
    OSError: if the file cannot be written.
  """
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
  """Returns what results depend on besides the config: versions and machine."""
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
  """Returns the source's revision, with '+changes' if files differ from it."""

  def git(*arguments: str) -> str:
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
