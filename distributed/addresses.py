"""The addresses of nodes, and the clients that call them.

A handle is made together with its node, before anything runs, and is passed to
other nodes as an argument. Launching the program binds the node's address.
Dereferencing the handle in another node's process then returns a client.
"""

from concurrent import futures
import threading
from typing import Any, Callable, Optional, Protocol

_host = 'localhost'


def set_host(name: str) -> None:
  """Sets the host name by which other machines reach this one."""
  global _host
  _host = name


def host() -> str:
  """Returns the host name or IP address of this process' machine."""
  return _host


class Transport(Protocol):
  """A connection that carries calls to one node."""

  def call(self, method: str, args: tuple, kwargs: dict) -> Any:
    """Calls a method of the node's instance.

    Args:
      method: the name of a public method.
      args: the positional arguments.
      kwargs: the keyword arguments.

    Returns:
      The return value of the method.

    Raises:
      TimeoutError: if there is no answer in time; the message names the node.
      stopping.Stopped: if the program ends before the answer comes.
      Exception: any exception that the method itself raises.
    """


class Address:
  """The address of one node, shared by the node and its handles."""

  def __init__(self) -> None:
    """Initialises an address that is not bound yet."""
    self._connect: Optional[Callable[[], Transport]] = None

  def bind(self, connect: Callable[[], Transport]) -> None:
    """Binds the address to `connect`, a picklable function."""
    self._connect = connect

  def connect(self) -> Transport:
    """Returns the transport that carries calls to the node.

    Raises:
      RuntimeError: if the program has not been launched.
    """
    if self._connect is None:
      raise RuntimeError(
          'a handle was dereferenced before its program was ' 'launched.'
      )
    return self._connect()


class Client:
  """A client that calls a node's public methods: `client.method(...)`.

  `client.futures.method(...)` makes the same call in the background and returns
  a `concurrent.futures.Future`.
  """

  def __init__(self, transport: Transport):
    """Initialises the client of the node that `transport` reaches."""
    self._transport = transport
    self.futures = _Futures(transport)

  def __getattr__(self, method: str) -> Callable[..., Any]:
    if method.startswith('_'):
      raise AttributeError(method)
    return lambda *args, **kwargs: self._transport.call(method, args, kwargs)


class _Futures:
  """The attribute `Client.futures`: makes calls in the background."""

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

    # One thread a call: calls that wait for each other could block a pool.
    threading.Thread(target=answer, daemon=True).start()
    return future
