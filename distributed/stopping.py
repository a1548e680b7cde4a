"""Requests and announces the end of a program, in each of its processes."""

import threading
from typing import Callable, List, Optional

_requested = threading.Event()
_stopping = threading.Event()
_handlers: List[Callable[[], None]] = []
_lock = threading.Lock()


class Stopped(Exception):
  """The program ends, so a call that waits for a node gets no answer."""


def stop() -> None:
  """Requests the end of the program, from a node or from outside."""
  _requested.set()


def is_requested() -> bool:
  """Returns whether the end has been requested in this process."""
  return _requested.is_set()


def stop_event() -> threading.Event:
  """Returns the event that is set when nodes have to end their `run`."""
  return _stopping


def wait_for_stop(timeout: Optional[float] = None) -> bool:
  """Waits until the program ends.

  Args:
    timeout: the longest wait in seconds; None for no limit.

  Returns:
    Whether the program ends; False after the timeout.
  """
  return _stopping.wait(timeout)


def register_stop_handler(handler: Callable[[], None]) -> None:
  """Registers a function that is called when the program ends."""
  with _lock:
    _handlers.append(handler)


def unregister_stop_handler(handler: Callable[[], None]) -> None:
  """Removes a function that was registered by `register_stop_handler`."""
  with _lock:
    _handlers.remove(handler)


def begin() -> None:
  """Resets the state that an earlier program in this process left."""
  _requested.clear()
  _stopping.clear()


def announce() -> None:
  """Tells the nodes in this process that the program ends."""
  _stopping.set()
  with _lock:
    handlers = list(_handlers)
  for handler in handlers:
    handler()
