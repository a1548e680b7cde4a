"""What Ray needs, looked at before it is started."""

import os
import socket
from typing import Any

from distillery.distributed import contact

_CONNECT_S = 10.0
# Of Unix: the longest name of a socket, in bytes.
_MAX_SOCKET_BYTES = 107


def check(address: str) -> Any:
  """Returns the package `ray`, if it can run programs here.

  Args:
    address: of a cluster's head; empty: Ray is to be started here.

  Raises:
    ImportError: if Ray is not installed.
    ValueError: if `address` is none, or Ray's sockets would have too long names
      here.
    ConnectionError: if there is no such cluster, or this machine does not
      reach itself.
  """
  try:
    import ray
  except ImportError as error:
    raise ImportError(
        'processes are run by Ray, which is not installed: pip install '
        "'acme-distillery[distributed]'."
    ) from error
  if address:
    _check_answers(address)
  else:
    _check_sockets()
    contact.check_loopback()  # Ray would try for minutes.
  return ray


def _check_answers(address: str) -> None:
  """Looks for a cluster; Ray itself would look for minutes."""
  host, _, port = address.rpartition(':')
  if not host or not port.isdigit():
    raise ValueError(f'ray_address: got {address!r}, want HOST:PORT.')
  try:
    socket.create_connection((host, int(port)), _CONNECT_S).close()
  except OSError as error:
    raise ConnectionError(
        f'no Ray cluster answers at {address} ({error}); `ray start --head` '
        'begins one.'
    ) from error


def _check_sockets() -> None:
  """Refuses a folder of temporary files that is too deep; Ray takes a while."""
  variable = 'RAY_TMPDIR' if 'RAY_TMPDIR' in os.environ else 'TMPDIR'
  folder = os.environ.get(variable, '/tmp')
  # As Ray does it: with the time and the number of this process.
  below = f'/ray/session_0000-00-00_00-00-00_000000_{os.getpid()}/sockets/'
  below += 'plasma_store'
  size = len(os.fsencode(os.path.abspath(folder) + below))
  if size > _MAX_SOCKET_BYTES:
    raise ValueError(
        f"{variable}: got {folder!r}, below which the names of Ray's sockets "
        f'have {size} bytes, and Unix allows {_MAX_SOCKET_BYTES}; want a '
        f'directory whose name has {_MAX_SOCKET_BYTES - len(below)} bytes at '
        'most. For Ray alone, set RAY_TMPDIR, such as RAY_TMPDIR=/tmp.'
    )
