"""Checks what Ray needs before Ray is started."""

import os
import socket
from typing import Any

from distillery.distributed import connections

_CONNECT_S = 10.0
# The longest name of a socket on Unix, in bytes.
_MAX_SOCKET_BYTES = 107


def check(address: str) -> Any:
  """Returns the package `ray` after checking that it can run programs here.

  Args:
    address: the head of a Ray cluster, as 'HOST:PORT'; empty if Ray will be
      started on this machine.

  Raises:
    ImportError: if Ray is not installed.
    ValueError: if `address` is not HOST:PORT, or if the names of Ray's sockets
      would be too long on this machine.
    ConnectionError: if no cluster answers at `address`, or if this machine
      cannot connect to itself.
  """
  try:
    import ray
  except ImportError as error:
    raise ImportError(
        'a program of processes needs Ray, which is not installed: pip install '
        "'acme-distillery[distributed]'."
    ) from error
  if address:
    _check_answers(address)
  else:
    _check_sockets()
    connections.check_loopback()  # Ray itself would retry for minutes.
  return ray


def _check_answers(address: str) -> None:
  """Checks that a cluster answers; Ray itself would retry for minutes."""
  host, _, port = address.rpartition(':')
  if not host or not port.isdigit():
    raise ValueError(f'ray_address: got {address!r}, want HOST:PORT.')
  try:
    socket.create_connection((host, int(port)), _CONNECT_S).close()
  except OSError as error:
    raise ConnectionError(
        f'no Ray cluster answers at {address} ({error}); `ray start --head` '
        'starts one.'
    ) from error


def _check_sockets() -> None:
  """Checks that the folder of temporary files has a short enough path."""
  variable = 'RAY_TMPDIR' if 'RAY_TMPDIR' in os.environ else 'TMPDIR'
  folder = os.environ.get(variable, '/tmp')
  # As Ray names it: with the time and the id of this process.
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
