"""Contact with Reverb's servers: past any proxy, and never without a limit."""

import os
import queue
import socket
import threading
import time
from typing import Any, Callable, Optional
import weakref

ANSWER_S = 10.0  # That a server has to answer.
_ASK_S = 1  # That it has each time; Ctrl-C is not heard meanwhile.
_SILENT_S = 3.0  # Of waiting, after which the server is asked if it is there.
_POLL_S = 0.1

# gRPC's, in its order; the others are of no effect on it.
_PROXIES = ('grpc_proxy', 'https_proxy', 'http_proxy')
_NO_PROXY = 'no_grpc_proxy'
_LOOPBACK = ('localhost', '127.0.0.1', '::1')


def connect(address: str) -> Any:
  """Returns a `reverb.Client` of a server that answers.

  Args:
    address: the server's host and port.

  Raises:
    ConnectionError: if the server does not answer within `ANSWER_S`.
  """
  bypass_proxies(address.rpartition(':')[0].strip('[]'))
  # Not before: a server in this process has imported it by now, and threads
  # had better not import at once.
  import reverb

  client = reverb.Client(address)
  check_answers(client)
  return client


def bypass_proxies(*hosts: str) -> None:
  """Keeps gRPC's calls to `hosts`, and to this machine, off every proxy.

  What others read, such as `no_proxy`, stays as it is, and a proxy stays in
  force for every other host.
  """
  if not _proxies():
    return
  # gRPC reads the second only where the first is not set. It knows no spaces,
  # and an empty entry stands for every host.
  listed = os.environ.get(_NO_PROXY, os.environ.get('no_proxy', ''))
  entries = [entry.strip() for entry in listed.split(',') if entry.strip()]
  missing = [host for host in (*_LOOPBACK, *hosts) if host not in entries]
  if missing:
    os.environ[_NO_PROXY] = ','.join(entries + missing)


def check_answers(client: Any) -> None:
  """Checks that a server answers.

  Args:
    client: the server's `reverb.Client`.

  Raises:
    ConnectionError: if the server does not answer within `ANSWER_S`; says what
      to look at.
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
  """Checks that this machine can be reached by itself.

  Raises:
    ConnectionError: if it cannot be; says what to look at.
  """
  with socket.create_server(('127.0.0.1', 0)) as server:
    problem = _problem(*server.getsockname())
  if problem:
    raise ConnectionError(
        f'this machine does not reach itself at 127.0.0.1 ({problem}); look at '
        'the loopback device (`ip link set lo up`) and at firewalls.'
    )


class PatientCaller:
  """Makes calls that may wait for Reverb in a thread of its own.

  So who waits for one hears Ctrl-C, and of a server that is silent. It is of no
  more use after a wait that was interrupted.
  """

  def __init__(self, client: Any):
    """Starts the thread; it ends when the caller is forgotten.

    Args:
      client: a `reverb.Client` of the server that calls wait for.
    """
    self._client = client
    self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(
        target=_serve, args=(self._calls, self._answers), daemon=True
    ).start()
    weakref.finalize(self, self._calls.put, None)

  def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function and waits for it as long as the server answers.

    Args:
      function: what to call.
      *args: the function's arguments.

    Returns:
      What the function returns.

    Raises:
      ConnectionError: if the server is silent; besides what `function` raises.
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
    del call, function, args  # What they hold is not kept until the next call.


def _proxies() -> str:
  """Names of the variables that are set; values may hold a password."""
  return ', '.join(name for name in _PROXIES if os.environ.get(name))


def _problem(host: str, port: int) -> Optional[str]:
  """What is wrong with connections to a port."""
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
