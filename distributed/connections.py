"""Connections to Reverb's servers that bypass proxies and have a time limit."""

import os
import queue
import socket
import threading
import time
from typing import Any, Callable, Optional
import weakref

ANSWER_S = 10.0  # The time limit for a server to answer.
_ASK_S = 1  # The limit of one attempt, which Ctrl-C cannot interrupt.
_SILENT_S = 3.0  # After this wait, check that the server still answers.
_POLL_S = 0.1

# The proxy variables that gRPC reads, in its order.
_PROXIES = ('grpc_proxy', 'https_proxy', 'http_proxy')
_NO_PROXY = 'no_grpc_proxy'
_LOOPBACK = ('localhost', '127.0.0.1', '::1')


def connect(address: str) -> Any:
  """Returns a `reverb.Client` of a server, after checking that it answers.

  Args:
    address: the server, as 'HOST:PORT'.

  Raises:
    ConnectionError: if the server does not answer within `ANSWER_S`.
  """
  bypass_proxies(address.rpartition(':')[0].strip('[]'))
  # Imported late: a server in this process has imported Reverb by now, and two
  # threads should not import it at the same time.
  import reverb

  client = reverb.Client(address)
  check_answers(client)
  return client


def bypass_proxies(*hosts: str) -> None:
  """Makes gRPC bypass every proxy for `hosts` and for this machine.

  Only gRPC's own variable is changed; `no_proxy`, which other libraries read,
  is not. Calls to all other hosts still use the proxy.
  """
  if not _proxies():
    return
  # gRPC reads `no_proxy` only if its own variable is not set. It does not strip
  # spaces, and reads an empty entry as every host.
  listed = os.environ.get(_NO_PROXY, os.environ.get('no_proxy', ''))
  entries = [entry.strip() for entry in listed.split(',') if entry.strip()]
  missing = [host for host in (*_LOOPBACK, *hosts) if host not in entries]
  if missing:
    os.environ[_NO_PROXY] = ','.join(entries + missing)


def check_answers(client: Any) -> None:
  """Checks that a server answers.

  Args:
    client: the `reverb.Client` of the server.

  Raises:
    ConnectionError: if the server does not answer within `ANSWER_S`; the
      message says what to check.
  """
  from reverb import errors

  deadline = time.monotonic() + ANSWER_S
  while True:
    try:
      client.server_info(timeout=_ASK_S)
      return
    except (RuntimeError, errors.ReverbError) as error:
      if time.monotonic() > deadline:
        raise _no_answer(client.server_address) from error
    time.sleep(_POLL_S)


def check_loopback() -> None:
  """Checks that this machine can connect to itself at 127.0.0.1.

  Raises:
    ConnectionError: if it cannot; the message says what to check.
  """
  with socket.create_server(('127.0.0.1', 0)) as server:
    problem = _problem(*server.getsockname())
  if problem:
    raise ConnectionError(
        f'this machine does not reach itself at 127.0.0.1 ({problem}); look at '
        'the loopback device (`ip link set lo up`) and at firewalls.'
    )


class PatientCaller:
  """A caller that makes calls to Reverb in a thread of its own.

  A call may wait long inside Reverb. With the call in another thread, the
  waiting thread reacts to Ctrl-C and notices when the server is silent. After
  an interrupted wait the caller must not be used again.
  """

  def __init__(self, client: Any):
    """Starts the thread, which ends when this object is garbage collected.

    Args:
      client: the `reverb.Client` of the server that calls wait for.
    """
    self._client = client
    self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(
        target=_serve, args=(self._calls, self._answers), daemon=True
    ).start()
    weakref.finalize(self, self._calls.put, None)

  def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function and waits for it while the server answers.

    Args:
      function: the function to call in the thread.
      *args: the arguments of the function.

    Returns:
      The return value of the function.

    Raises:
      ConnectionError: if the server does not answer any more.
      Exception: any exception that `function` raises.
    """
    self._calls.put((function, args))
    while True:
      try:
        answer, error = self._answers.get(timeout=_SILENT_S)
        break
      except queue.Empty:
        check_answers(self._client)
    if error is not None:
      raise error
    return answer


def _serve(calls: Any, answers: Any) -> None:
  while (call := calls.get()) is not None:
    function, args = call
    try:
      answers.put((function(*args), None))
    except BaseException as error:
      answers.put((None, error))
    del call, function, args  # Frees their memory before the next call.


def _proxies() -> str:
  """Names the proxy variables that are set; values may hold a password."""
  return ', '.join(name for name in _PROXIES if os.environ.get(name))


def _problem(host: str, port: int) -> Optional[str]:
  """Returns why a port takes no connection; None if it takes one."""
  try:
    socket.create_connection((host, port), _ASK_S).close()
  except OSError as error:
    return str(error)
  return None


def _no_answer(address: str) -> ConnectionError:
  host, _, port = address.rpartition(':')
  problem = _problem(host.strip('[]'), int(port)) or 'it takes connections'
  return ConnectionError(
      f"Reverb's server at {address} does not answer within {ANSWER_S:g} s "
      f'({problem}); look at the loopback device (`ip link set lo up`), at '
      f'firewalls and at the proxy variables ({_proxies() or "none is"} set).'
  )
