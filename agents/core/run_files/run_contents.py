"""Tells whether a run may begin in a directory, or be resumed there."""

import fnmatch
import pathlib
import shutil
from typing import Collection, List, Sequence

from distillery.agents.core.run_files import json_files

LOCK = '.lock'
# These may exist before a run begins: as empty folders, or as links to such.
FOLDERS = ('checkpoints', 'tensorboard')
# The files that a run writes, and the tools that use it. Other files in a
# directory, such as a log, do not matter.
_WRITTEN = (
    'config.json',
    'versions.json',
    'flags.cfg',
    'train.csv',
    'evaluation*.csv',
    'adaptation_*.csv',
    'learning_curve.png',
    'best',
    'films',
    *FOLDERS,
)
# These may be overwritten if the lock says that their run ended before its
# first step.
_BEFORE_A_STEP = {
    'versions.json',
    'flags.cfg',
    'config.json',
    'evaluation.csv',
    'learning_curve.png',
    'tensorboard',
}


def has_stepped(path: pathlib.Path) -> bool:
  """Tells whether the run in a directory has made an environment step."""
  return bool((path / LOCK).read_text())


def refusal(path: pathlib.Path, resume: bool, empty: Collection[str]) -> str:
  """Returns the reason why a run cannot begin, or resume, in a directory.

  Args:
    path: the directory; it need not exist.
    resume: whether the run in the directory is to be resumed.
    empty: the names of the empty folders in it.

  Returns:
    The part of a sentence that follows the directory's name; empty if there is
    no reason.
  """
  is_unused = (path / LOCK).exists() and not has_stepped(path)
  in_the_way = [
      name
      for name in _written(path)
      if name not in empty and not (is_unused and name in _BEFORE_A_STEP)
  ]
  if json_files.has_config(path):
    return '' if resume or not in_the_way else _of_a_run(path)
  if resume:
    return f'holds no run to resume (no config.json): {_found(path)}; ' + (
        'want another directory'
        if in_the_way
        else 'without --resume, a run begins there'
    )
  if in_the_way:
    return (
        f'has {_list(in_the_way)}, which a run would overwrite, and holds '
        'no run to resume (no config.json); want another directory'
    )
  return ''


def clear(path: pathlib.Path) -> None:
  """Deletes the files of the run in a directory, and no others."""
  for name in [*_written(path), *(file.name for file in path.glob('*.tmp'))]:
    if (path / name).is_dir():
      shutil.rmtree(path / name)
    else:
      (path / name).unlink()


def _of_a_run(path: pathlib.Path) -> str:
  """Returns the reason that the directory holds a run, and what to do."""
  try:
    config = json_files.read_config(path, agent=str, suite=str)
  except ValueError:
    return (
        'has a config.json, but no run that can be resumed; want '
        'another directory'
    )
  return (
      'is not empty; give --resume to continue the run of '
      f'{config["agent"]} on {config["suite"]} in it, or another directory'
  )


def _written(path: pathlib.Path) -> List[str]:
  """Returns the names of the files and folders there that a run writes."""
  return (
      []
      if not path.exists()
      else sorted(
          file.name
          for file in path.iterdir()
          if any(fnmatch.fnmatch(file.name, name) for name in _WRITTEN)
      )
  )


def _found(path: pathlib.Path) -> str:
  if not path.exists():
    return 'it does not exist'
  names = sorted(file.name for file in path.iterdir() if file.name != LOCK)
  return f'it has {_list(names)}' if names else 'it is empty'


def _list(names: Sequence[str]) -> str:
  return ', '.join([*names[:3], *(['...'] if names[3:] else [])])
