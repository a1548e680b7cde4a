"""Makes, removes, copies and moves folders, which may be links to other disks.

Files cannot be linked or renamed from one file system to another, and some file
systems have no hard links at all. There the files are copied.
"""

import contextlib
import os
import pathlib
import shutil
from typing import Collection, List


class Snapshot:
  """The earlier content of a folder, to which it can be restored.

  Attributes:
    names: the names of the files and folders in it.
    empty: the names of those known folders that are empty, or are links to
      empty folders or to nowhere.
  """

  def __init__(self, path: pathlib.Path, known: Collection[str]):
    """Notes the content of a folder.

    Args:
      path: the folder; it need not exist.
      known: the names of the inner folders that are checked for being empty.
    """
    self._path = path
    self._made: List[pathlib.Path] = []
    self.names = (
        {inner.name for inner in path.iterdir()} if path.exists() else set()
    )
    self.empty = {
        name for name in self.names if name in known and _is_empty(path / name)
    }

  def make(self) -> None:
    """Makes the folder, and the folders that links in it lead to.

    Raises:
      OSError: if one cannot be made, such as on a disk that is not mounted.
    """
    above = [path for path in self._path.parents if not path.exists()]
    for path in (
        *reversed(above),
        self._path,
        *(self._path / name for name in self.empty),
    ):
      self._made = make(path) + self._made

  def restore(self) -> None:
    """Removes the files and folders that were not there before."""
    for path in list(self._path.iterdir()):
      for new in (
          path.iterdir()
          if path.name in self.empty
          else ([] if path.name in self.names else [path])
      ):
        remove(new)
    for path in self._made:
      with contextlib.suppress(OSError):  # It holds somebody else's files.
        path.rmdir()


def make(path: pathlib.Path) -> List[pathlib.Path]:
  """Makes a folder, or the folder that a link in its place leads to.

  Returns:
    A list of the folder that was made; empty if it existed already.

  Raises:
    OSError: if it cannot be made, such as on a disk that is not mounted.
  """
  if path.is_symlink():
    target = pathlib.Path(os.path.realpath(path))
    if not target.parent.exists():
      raise OSError(
          f'{path} is a link to {target}, and there is no '
          f'{target.parent}; is its disk mounted?'
      )
    path = target
  made = [] if path.exists() else [path]
  path.mkdir(exist_ok=True)
  return made


def remove(path: pathlib.Path) -> None:
  """Removes a file, a link, or a folder with its content."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink()


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
  """Copies a folder, by hard links where the file system allows them.

  Args:
    source: the folder.
    target: the path of the copy; nothing may be there.

  Raises:
    OSError: if the files cannot be copied (a full disk); some of them may have
      been copied.
  """
  target.mkdir()
  for path in sorted(source.rglob('*')):
    there = target / path.relative_to(source)
    if path.is_dir():
      there.mkdir()
      continue
    try:
      os.link(path, there)
    except OSError:
      shutil.copyfile(path, there)


def move(source: pathlib.Path, target: pathlib.Path) -> None:
  """Renames a folder, or copies it to another file system and removes it.

  Args:
    source: the folder.
    target: the folder's new path; nothing may be there.

  Raises:
    OSError: if it cannot be copied (a full disk); the source is still there.
  """
  try:
    os.rename(source, target)
  except OSError:
    copy(source, target)
    with contextlib.suppress(OSError):  # The copy is whole in any case.
      shutil.rmtree(source)


def _is_empty(path: pathlib.Path) -> bool:
  """Tells whether a path is an empty folder, or a link to one or to nowhere."""
  if path.is_dir():
    return not any(path.iterdir())
  return path.is_symlink() and not path.exists()
