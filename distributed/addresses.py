"""Where a node is to be found, and how it is called.

A handle is made with its node, before anything runs, and goes to other nodes as
an argument. When the program is launched its address is bound; dereferenced in
a node's process it becomes a client.
"""

from concurrent import futures
import threading
from typing import Any, Callable, Optional, Protocol

_host = 'localhost'


def set_host(name: str) -> None:
  """Says what other machines call this one."""
  global _host
  _host = name


def host() -> str:
  """The name or number by which other nodes reach this process' machine."""
  return _host


class Transport(Protocol):
  """Carries calls to one node."""

  def call(self, method: str, args: tuple, kwargs: dict) -> Any:
    """Calls a method of the node's instance; raises what it raises.

    Raises:
      TimeoutError: if there is no answer in time; names the node.
      stopping.Stopped: if the program ends meanwhile.
    """


class Address:
  """Of one node; shared by the node and its handles."""

  def __init__(self) -> None:
    """Initialises an address that is bound to nothing yet."""
    self._connect: Optional[Callable[[], Transport]] = None

  def bind(self, connect: Callable[[], Transport]) -> None:
    """Says how to reach the node; `connect` is picklable."""
    self._connect = connect

  def connect(self) -> Transport:
    """Returns what calls the node; a RuntimeError if it is not launched."""
    if self._connect is None:
      raise RuntimeError(
          'a handle was dereferenced before its program was ' 'launched.'
      )
    return self._connect()


class Client:
  """Calls a node's public methods: `client.method(...)`.

  `client.futures.method(...)` returns a `concurrent.futures.Future`.
  """

  def __init__(self, transport: Transport):
    """Initialises the client."""
    self._transport = transport
    self.futures = _Futures(transport)

  def __getattr__(self, method: str) -> Callable[..., Any]:
    if method.startswith('_'):
      raise AttributeError(method)
    return lambda *args, **kwargs: self._transport.call(method, args, kwargs)


class _Futures:
  """The same calls, in the background."""

  def __init__(self, transport: Transport):
    self._transport = transport

  def __getattr__(self, method: str) -> Callable[..., futures.Future]:
    if method.startswith('_'):
      raise AttributeError(method)
    return lambda *args, **kwargs: self._begin(method, args, kwargs)

  def _begin(self, method: str, args: tuple, kwargs: dict) -> futures.Future:
    future: futures.Future = futures.Future()

    def answer():
      try:
        future.set_result(self._transport.call(method, args, kwargs))
      except BaseException as error:
        future.set_exception(error)

    # No pool: calls that wait for each other would fill it for ever.
    threading.Thread(target=answer, daemon=True).start()
    return future
