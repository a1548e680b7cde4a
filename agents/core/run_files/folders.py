"""Folders that may be links to other disks: made, removed, copied, moved.

Files cannot be linked or renamed from one file system to another, and some file
systems have no hard links at all; there they are copied.
"""

import contextlib
import os
import pathlib
import shutil
from typing import Collection, List


class Snapshot:
  """What was in a folder, so that what comes later can be removed again.

  Attributes:
    names: of the files and folders in it.
    empty: of its known folders, those with nothing in them, and links to such
      folders or to nowhere.
  """

  def __init__(self, path: pathlib.Path, known: Collection[str]):
    """Looks into a folder, which need not exist; some are known to be in it."""
    self._path = path
    self._made: List[pathlib.Path] = []
    self.names = (
        {inner.name for inner in path.iterdir()} if path.exists() else set()
    )
    self.empty = {
        name for name in self.names if name in known and _is_empty(path / name)
    }

  def make(self) -> None:
    """Makes the folder, and what links in it lead to; raises as `make` does."""
    above = [path for path in self._path.parents if not path.exists()]
    for path in (
        *reversed(above),
        self._path,
        *(self._path / name for name in self.empty),
    ):
      self._made = make(path) + self._made

  def restore(self) -> None:
    """Removes what was not there before."""
    for path in list(self._path.iterdir()):
      for new in (
          path.iterdir()
          if path.name in self.empty
          else ([] if path.name in self.names else [path])
      ):
        remove(new)
    for path in self._made:
      with contextlib.suppress(OSError):  # Somebody has put something there.
        path.rmdir()


def make(path: pathlib.Path) -> List[pathlib.Path]:
  """Makes a folder, or what a link in its place leads to.

  Returns:
    The folder that was made; none if it was there.

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
  """Removes a file or a folder with what is in it; of a link, the link."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink()


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
  """Gives a folder's files a second name, or copies them where there is none.

  Raises:
    OSError: if they cannot be copied (a full disk); half of them may be there.
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

  Raises:
    OSError: if it cannot be copied (a full disk); the source is still there.
  """
  try:
    os.rename(source, target)
  except OSError:
    copy(source, target)
    with contextlib.suppress(OSError):  # All is there; this is litter.
      shutil.rmtree(source)


def _is_empty(path: pathlib.Path) -> bool:
  """Whether it is a folder with nothing in it, or a link to such or nowhere."""
  if path.is_dir():
    return not any(path.iterdir())
  return path.is_symlink() and not path.exists()
