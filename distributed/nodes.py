"""What a program is made of.

A node says how to construct an instance, in the process where it is to live.
The instance's `run`, if it has one, is the node's life; its public methods
answer the calls of other nodes.
"""

import abc
import functools
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from distillery.distributed import addresses
from distillery.distributed import contact
from distillery.distributed import quiet
from distillery.distributed import stopping
import tree


class Handle(abc.ABC):
  """Stands for a node in the arguments of another."""

  @abc.abstractmethod
  def dereference(self) -> Any:
    """Returns what calls the node, once the program is launched."""


class CourierHandle(Handle):
  """Of a node that answers calls."""

  def __init__(self, address: addresses.Address):
    """Initialises the handle."""
    self.address = address

  def dereference(self) -> addresses.Client:
    return addresses.Client(self.address.connect())


class ReverbHandle(CourierHandle):
  """Of Reverb's server."""

  def dereference(self) -> Any:
    return contact.connect(super().dereference().server_address())


class Node(abc.ABC):
  """One node of a program."""

  def __init__(self):
    """Initialises a node that runs."""
    self.address = addresses.Address()
    self.runs = True

  @abc.abstractmethod
  def construct(self) -> Any:
    """Makes the instance; handles among its arguments are dereferenced."""

  def create_handle(self) -> Handle:
    """Returns what stands for this node in the arguments of others."""
    return CourierHandle(self.address)

  def handles(self) -> List[Handle]:
    """Of the nodes that this one calls."""
    return []


class CourierNode(Node):
  """An instance of a class, whose public methods can be called."""

  def __init__(
      self,
      constructor: Callable[..., Any],
      *args: Any,
      courier_kwargs: Optional[Dict[str, Any]] = None,
      **kwargs: Any,
  ):
    """Initialises the node.

    Args:
      constructor: makes the instance.
      *args: of the constructor; nested structures may hold handles.
      courier_kwargs: of Launchpad's server, here without effect.
      **kwargs: of the constructor, likewise.
    """
    super().__init__()
    del courier_kwargs
    self._constructor = constructor
    self._args = args
    self._kwargs = kwargs

  def configure(self, **kwargs: Any) -> None:
    """Settings of Launchpad's server, here without effect."""
    del kwargs

  def disable_run(self) -> None:
    """Has the instance answer calls alone, without its `run`."""
    self.runs = False

  def enable_run(self) -> None:
    """Takes back `disable_run`."""
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
  """Answers calls of many with what another node answered a while ago."""

  def __init__(
      self,
      handle: CourierHandle,
      *,
      refresh_interval_ms: int,
      stale_after_ms: int = 0,
  ):
    """Initialises the node.

    Args:
      handle: of the node whose answers are kept.
      refresh_interval_ms: for how long an answer is given again.
      stale_after_ms: of Launchpad's, here without effect.
    """
    del stale_after_ms
    super().__init__(_Cacher, handle, refresh_interval_ms / 1e3)


class _Cacher:
  """Keeps the answer to each call for a time."""

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
  """Reverb's server."""

  def __init__(
      self,
      priority_tables_fn: Callable[[], Sequence[Any]],
      checkpoint_ctor: Optional[Callable[[], Any]] = None,
      checkpoint_time_delta_minutes: Optional[int] = None,
  ):
    """Initialises the node.

    Args:
      priority_tables_fn: makes the tables.
      checkpoint_ctor: makes the checkpointer; what it finds is loaded.
      checkpoint_time_delta_minutes: between checkpoints that the node itself
        asks for; None: it asks for none.
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
  """Serves tables until the program ends."""

  def __init__(
      self, tables: Sequence[Any], checkpointer: Any, minutes: Optional[int]
  ):
    import reverb

    # A port of its own after each restart: two of Reverb's servers would share
    # one, and tell nobody.
    with quiet.quiet_native_code():
      self._server = reverb.Server(tables, port=None, checkpointer=checkpointer)
    self._seconds = minutes and 60.0 * minutes

  def server_address(self) -> str:
    """Host and port."""
    return f'{addresses.host()}:{self._server.port}'

  def run(self) -> None:
    """Waits for the end, checkpointing in between."""
    while not stopping.wait_for_stop(self._seconds):
      client = contact.connect(f'localhost:{self._server.port}')
      contact.PatientCaller(client)(client.checkpoint)
    with quiet.quiet_native_code():
      self._server.stop()
