"""Prints what nodes print, without the messages of Ray and its daemons.

Ray itself would print everything in colour, also into files, and would leave
out lines that two nodes have in common. Its logs are in a folder of its own,
/tmp/ray/session_latest/logs.
"""

import contextlib
import re
import sys
from typing import Any, Dict, Iterator
import warnings

# The beginning of a line in the log of Ray, from C++ and from Python.
_RAYS_OWN = re.compile(
    r'\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\s'
    r'(DEBUG|INFO|WARNING|ERROR|[A-Z] \d+ \d+\])'
)


@contextlib.contextmanager
def of_nodes_alone() -> Iterator[None]:
  """Makes Ray print only the lines of nodes; enter it before Ray starts."""
  from ray._private import worker

  # Ray has no public option for this.
  original = worker.print_to_stdstream
  worker.print_to_stdstream = _print
  try:
    yield
  finally:
    worker.print_to_stdstream = original


@contextlib.contextmanager
def without_tips() -> Iterator[None]:
  """Silences Ray's warnings about its future versions inside the block."""
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', FutureWarning)
    yield


def _print(data: Dict[str, Any], ignore_prefix: bool = False) -> None:
  """Prints the lines of a node, each with the node's name; ignores others."""
  del ignore_prefix
  node = data.get('actor_name')
  if not node:
    return
  if data.get('ip') != data.get('localhost'):
    node += f' at {data["ip"]}'
  for line in data['lines']:
    if not _RAYS_OWN.match(line):
      print(
          f'({node}) {line}',
          flush=True,
          file=sys.stderr if data['is_err'] else sys.stdout,
      )
