"""Paths as users write them."""

import os
from typing import Union


def expand(path: Union[str, 'os.PathLike[str]']) -> str:
  """Returns a path whose leading `~` or `~user` is replaced by that home.

  A shell leaves the `~` of `--run_dir=~/runs` to the program.

  Raises:
    ValueError: if there is no such user.
  """
  path = os.fspath(path)
  expanded = os.path.expanduser(path)
  if expanded.startswith('~'):
    user = expanded[1:].partition('/')[0]
    raise ValueError(
        f'the path {path!r} begins with the home of {user!r}, and there is no '
        f"such user; want './{path}' for a folder of that name"
    )
  return expanded
