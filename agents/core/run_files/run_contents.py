"""What lies in a directory, and whether a run may begin or go on in it."""

import fnmatch
import json
import pathlib
import shutil
from typing import Collection, List, Sequence

LOCK = '.lock'
# They may be there before a run, empty, or as links to what is empty.
FOLDERS = ('checkpoints', 'tensorboard')
# What a run writes, and the tools that go on from it. What else lies in a
# directory, such as a log, is in nobody's way.
_WRITTEN = (
    'config.json',
    'versions.json',
    'flags.cfg',
    'train.csv',
    'evaluation*.csv',
    'adaptation_*.csv',
    'learning_curve.png',
    *FOLDERS,
)
# They are of a run that ended before its first step, if the lock says so.
_BEFORE_A_STEP = {
    'versions.json',
    'flags.cfg',
    'config.json',
    'evaluation.csv',
    'learning_curve.png',
    'tensorboard',
}


def has_stepped(path: pathlib.Path) -> bool:
  """Tells whether the run in a directory has stepped its environments."""
  return bool((path / LOCK).read_text())


def refusal(path: pathlib.Path, resume: bool, empty: Collection[str]) -> str:
  """Says why a run cannot begin, or go on, in a directory.

  Args:
    path: the directory; it need not exist.
    resume: whether a run is to go on.
    empty: names of the folders in it with nothing in them.

  Returns:
    What follows the directory's name in a sentence; empty if the run can.
  """
  is_unused = (path / LOCK).exists() and not has_stepped(path)
  in_the_way = [
      name
      for name in _written(path)
      if name not in empty and not (is_unused and name in _BEFORE_A_STEP)
  ]
  if (path / 'config.json').exists():
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
  """Deletes a run that is in a directory, and nothing else that is there."""
  for name in [*_written(path), *(file.name for file in path.glob('*.tmp'))]:
    if (path / name).is_dir():
      shutil.rmtree(path / name)
    else:
      (path / name).unlink()


def _of_a_run(path: pathlib.Path) -> str:
  """Says that a run is there; gives no advice that would not help."""
  try:
    config = json.loads((path / 'config.json').read_text())
    run = f'{config["agent"]} on {config["suite"]}'
  except (KeyError, TypeError, ValueError):
    return (
        'has a config.json, which is of no run that can go on; want '
        'another directory'
    )
  return (
      f'is not empty; give --resume to go on with the run of {run} in it, '
      'or another directory'
  )


def _written(path: pathlib.Path) -> List[str]:
  """Names of the files and folders there that a run writes."""
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
