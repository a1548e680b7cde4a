"""What nodes say, without what Ray and its daemons have to say.

Ray prints it all with colours, also into files, and leaves out what two nodes
say alike. Its logs are in its own folder, /tmp/ray/session_latest/logs.
"""

import contextlib
import re
import sys
from typing import Any, Dict, Iterator
import warnings

# How Ray begins a line of its log, from C++ and from Python.
_RAYS_OWN = re.compile(
    r'\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\s'
    r'(DEBUG|INFO|WARNING|ERROR|[A-Z] \d+ \d+\])'
)


@contextlib.contextmanager
def of_nodes_alone() -> Iterator[None]:
  """Has Ray print nothing but what nodes say; begin it before Ray starts."""
  from ray._private import worker

  # There is no public way to choose.
  original = worker.print_to_stdstream
  worker.print_to_stdstream = _print
  try:
    yield
  finally:
    worker.print_to_stdstream = original


@contextlib.contextmanager
def without_tips() -> Iterator[None]:
  """Holds back Ray's warnings of what its later versions will do."""
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', FutureWarning)
    yield


def _print(data: Dict[str, Any], ignore_prefix: bool = False) -> None:
  """Prints lines of one process if it is a node's, each with its name."""
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
