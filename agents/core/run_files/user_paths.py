"""Expands the paths that users write."""

import os
from typing import Union


def expand(path: Union[str, 'os.PathLike[str]']) -> str:
  """Returns a path whose leading `~` or `~user` is replaced by that home.

  A shell does not expand the `~` in `--run_dir=~/runs`; the program has to.

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
