"""Runs one node in its process or thread."""

import threading
import time
import traceback
from typing import Any, NamedTuple, Optional

from distillery.distributed import nodes
from distillery.distributed import stopping

# How long a call waits for a node that is being constructed or restarted.
PATIENCE_S = 120.0
_POLL_S = 0.1


class Failure(NamedTuple):
  """The failure of a node."""

  error: str  # The exception in one line.
  traceback: str  # The whole traceback.
  constructed: bool  # True: the instance was made before the failure.
  raised: bool = True  # False: no exception, the process was killed.


class NotReady(Exception):
  """The called node could not be constructed; it may be restarted."""


class NodeRunner:
  """The owner of a node's instance: makes it, runs it and answers calls."""

  def __init__(self, name: str, node: nodes.Node):
    """Initialises the runner; `main` constructs the instance.

    Args:
      name: the name of the node, such as 'actor/0'.
      node: the node to construct.
    """
    self._name = name
    self._node = node
    self._instance: Any = None
    self._constructed = threading.Event()
    self._ended = threading.Event()
    self.failure: Optional[Failure] = None

  @property
  def ended(self) -> bool:
    """The state of `main`: True once it has ended."""
    return self._ended.is_set()

  def main(self) -> None:
    """Constructs and runs the node; a failure is left in `failure`."""
    try:
      self._instance = self._node.construct()
      self._constructed.set()
      if self._node.runs and callable(getattr(self._instance, 'run', None)):
        self._instance.run()
      else:
        stopping.wait_for_stop()
    except stopping.Stopped:
      pass  # The program ended while this node waited for another.
    except BaseException as error:
      # Errors that other nodes cause by ending first are no failures.
      if not stopping.stop_event().is_set():
        sentence = ' '.join(str(error).partition('\n\n')[0].split())
        self.failure = Failure(
            f'{type(error).__name__}: {sentence}',
            traceback.format_exc(),
            self._constructed.is_set(),
        )
    finally:
      self._ended.set()

  def call(self, method: str, args: tuple, kwargs: dict) -> Any:
    """Calls a public method of the instance.

    Args:
      method: the name of the method.
      args: the positional arguments.
      kwargs: the keyword arguments.

    Returns:
      The return value of the method.

    Raises:
      TimeoutError: if the instance is not constructed in time.
      NotReady: if the instance could not be constructed; the node may be
        restarted.
      stopping.Stopped: if the program ends during the wait.
      AttributeError: if there is no such public method.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not self._constructed.wait(_POLL_S):
      if stopping.stop_event().is_set():
        raise stopping.Stopped
      if self.failure:
        raise NotReady
      if time.monotonic() > deadline:
        raise TimeoutError(
            f'{self._name} was not ready in time to answer {method}().'
        )
    if method.startswith('_'):
      raise AttributeError(f'{self._name} has no public method {method}.')
    return getattr(self._instance, method)(*args, **kwargs)
