"""How a program's end is asked for, and heard of, in each of its processes."""

import threading
from typing import Callable, List, Optional

_requested = threading.Event()
_stopping = threading.Event()
_handlers: List[Callable[[], None]] = []
_lock = threading.Lock()


class Stopped(Exception):
  """The program ends; whoever waits for one of its nodes waits in vain."""


def stop() -> None:
  """Asks for the end of the program, from any node or from outside."""
  _requested.set()


def is_requested() -> bool:
  """Whether somebody in this process has asked for the end."""
  return _requested.is_set()


def stop_event() -> threading.Event:
  """What is set when nodes have to end their `run`."""
  return _stopping


def wait_for_stop(timeout: Optional[float] = None) -> bool:
  """Waits until the program ends.

  Args:
    timeout: in seconds; None: as long as it takes.

  Returns:
    Whether it ends.
  """
  return _stopping.wait(timeout)


def register_stop_handler(handler: Callable[[], None]) -> None:
  """Has `handler` called when the program ends."""
  with _lock:
    _handlers.append(handler)


def unregister_stop_handler(handler: Callable[[], None]) -> None:
  """Takes back `register_stop_handler`."""
  with _lock:
    _handlers.remove(handler)


def begin() -> None:
  """Forgets an earlier program of this process."""
  _requested.clear()
  _stopping.clear()


def announce() -> None:
  """Tells this process' nodes that the program ends."""
  _stopping.set()
  with _lock:
    handlers = list(_handlers)
  for handler in handlers:
    handler()
