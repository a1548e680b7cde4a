"""The nodes that a program consists of.

A node knows how to construct an instance in the process where it will run. The
node runs the instance's method `run`, if there is one, and ends with it. The
other public methods answer the calls of other nodes.
"""

import abc
import functools
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from distillery.distributed import addresses
from distillery.distributed import connections
from distillery.distributed import quiet
from distillery.distributed import stopping
import tree

# The environment variable that tells which node a process runs.
NODE_VARIABLE = 'DISTILLERY_NODE'


class Handle(abc.ABC):
  """The reference to a node that is passed to other nodes as an argument."""

  @abc.abstractmethod
  def dereference(self) -> Any:
    """Returns a client of the node; the program must have been launched."""


class CourierHandle(Handle):
  """The handle of a node that answers calls."""

  def __init__(self, address: addresses.Address):
    """Initialises the handle of the node that has the address."""
    self.address = address

  def dereference(self) -> addresses.Client:
    return addresses.Client(self.address.connect())


class ReverbHandle(CourierHandle):
  """The handle of a Reverb server; it dereferences to a `reverb.Client`."""

  def dereference(self) -> Any:
    return connections.connect(super().dereference().server_address())


class Node(abc.ABC):
  """The base class of the nodes of a program."""

  def __init__(self):
    """Initialises a node whose instance runs its method `run`."""
    self.address = addresses.Address()
    self.runs = True

  @abc.abstractmethod
  def construct(self) -> Any:
    """Makes the instance, with each handle in its arguments dereferenced."""

  def create_handle(self) -> Handle:
    """Returns a handle, to be passed to other nodes as an argument."""
    return CourierHandle(self.address)

  def handles(self) -> List[Handle]:
    """Returns the handles of the nodes that this node calls."""
    return []


class CourierNode(Node):
  """A node made from a class, whose public methods other nodes can call."""

  def __init__(
      self,
      constructor: Callable[..., Any],
      *args: Any,
      courier_kwargs: Optional[Dict[str, Any]] = None,
      **kwargs: Any,
  ):
    """Initialises the node.

    Args:
      constructor: the function or class that makes the instance.
      *args: the positional arguments of the constructor. They may be nested
        structures that hold handles.
      courier_kwargs: settings of the server; only Launchpad uses them.
      **kwargs: the keyword arguments of the constructor; they may hold handles
        as well.
    """
    super().__init__()
    del courier_kwargs
    self._constructor = constructor
    self._args = args
    self._kwargs = kwargs

  def configure(self, **kwargs: Any) -> None:
    """Does nothing; the settings are for Launchpad's own server."""
    del kwargs

  def disable_run(self) -> None:
    """Makes the instance only answer calls, without running `run`."""
    self.runs = False

  def enable_run(self) -> None:
    """Undoes `disable_run`."""
    self.runs = True

  def construct(self) -> Any:
    args, kwargs = tree.map_structure(
        lambda x: x.dereference() if isinstance(x, Handle) else x,
        (self._args, self._kwargs),
    )
    return self._constructor(*args, **kwargs)

  def handles(self) -> List[Handle]:
    return [
        x
        for x in tree.flatten((self._args, self._kwargs))
        if isinstance(x, Handle)
    ]


class CacherNode(CourierNode):
  """A node that answers calls with recent answers of another node."""

  def __init__(
      self,
      handle: CourierHandle,
      *,
      refresh_interval_ms: int,
      stale_after_ms: int = 0,
  ):
    """Initialises the node.

    Args:
      handle: the handle of the node whose answers are cached.
      refresh_interval_ms: how long an answer is cached, in milliseconds.
      stale_after_ms: only Launchpad uses it.
    """
    del stale_after_ms
    super().__init__(_Cacher, handle, refresh_interval_ms / 1e3)


class _Cacher:
  """A cache of the answer to each call, for `interval_s` seconds."""

  def __init__(self, client: addresses.Client, interval_s: float):
    self._client = client
    self._interval_s = interval_s
    self._lock = threading.Lock()
    self._answers: Dict[Any, Any] = {}

  def __getattr__(self, method: str) -> Callable[..., Any]:
    if method.startswith('_') or method == 'run':
      raise AttributeError(method)
    return functools.partial(self._answer, method)

  def _answer(self, method: str, *args: Any, **kwargs: Any) -> Any:
    key = method, repr((args, kwargs))
    with self._lock:
      begin, answer = self._answers.get(key, (-float('inf'), None))
      if time.monotonic() - begin > self._interval_s:
        answer = getattr(self._client, method)(*args, **kwargs)
        self._answers[key] = time.monotonic(), answer
      return answer


class ReverbNode(Node):
  """A node that runs a Reverb server."""

  def __init__(
      self,
      priority_tables_fn: Callable[[], Sequence[Any]],
      checkpoint_ctor: Optional[Callable[[], Any]] = None,
      checkpoint_time_delta_minutes: Optional[int] = None,
  ):
    """Initialises the node.

    Args:
      priority_tables_fn: the function that makes the tables.
      checkpoint_ctor: the function that makes the checkpointer. The newest
        checkpoint that it finds is loaded.
      checkpoint_time_delta_minutes: the minutes between the checkpoints that
        the node itself asks for; None if it asks for none.
    """
    super().__init__()
    self._make_tables = priority_tables_fn
    self._make_checkpointer = checkpoint_ctor
    self._minutes = checkpoint_time_delta_minutes

  def create_handle(self) -> ReverbHandle:
    return ReverbHandle(self.address)

  def construct(self) -> Any:
    return _ReverbServer(
        self._make_tables(),
        self._make_checkpointer and self._make_checkpointer(),
        self._minutes,
    )


class _ReverbServer:
  """A server of tables that runs until the program ends."""

  def __init__(
      self, tables: Sequence[Any], checkpointer: Any, minutes: Optional[int]
  ):
    import reverb

    # A new port after each restart: two Reverb servers would share a port
    # without any error.
    with quiet.quiet_native_code():
      self._server = reverb.Server(tables, port=None, checkpointer=checkpointer)
    self._seconds = minutes and 60.0 * minutes

  def server_address(self) -> str:
    """Returns the address of the server, as 'HOST:PORT'."""
    return f'{addresses.host()}:{self._server.port}'

  def run(self) -> None:
    """Waits for the end of the program, and writes checkpoints meanwhile."""
    while not stopping.wait_for_stop(self._seconds):
      client = connections.connect(f'localhost:{self._server.port}')
      connections.PatientCaller(client)(client.checkpoint)
    with quiet.quiet_native_code():
      self._server.stop()
