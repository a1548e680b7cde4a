"""A node come to life, in whatever process or thread."""

import threading
import time
import traceback
from typing import Any, NamedTuple, Optional

from distillery.distributed import nodes
from distillery.distributed import stopping

# How long a call waits for a node that is being constructed, or started anew.
PATIENCE_S = 120.0
_POLL_S = 0.1


class Failure(NamedTuple):
  """How a node failed."""

  error: str  # One line.
  traceback: str
  constructed: bool  # Whether it got as far as to `run`.
  raised: bool = True  # An exception; False: its process was killed.


class NotReady(Exception):
  """The node that was called could not be constructed in this life."""


class Servant:
  """Constructs a node's instance, runs it, and answers calls."""

  def __init__(self, name: str, node: nodes.Node):
    """Initialises what `main` brings to life."""
    self._name = name
    self._node = node
    self._instance: Any = None
    self._constructed = threading.Event()
    self._ended = threading.Event()
    self.failure: Optional[Failure] = None

  @property
  def ended(self) -> bool:
    """Whether `main` is at its end."""
    return self._ended.is_set()

  def main(self) -> None:
    """Lives; returns at the end, or with `failure` set."""
    try:
      self._instance = self._node.construct()
      self._constructed.set()
      if self._node.runs and callable(getattr(self._instance, 'run', None)):
        self._instance.run()
      else:
        stopping.wait_for_stop()
    except stopping.Stopped:
      pass  # It waited for another node when the program ended.
    except BaseException as error:
      # What breaks because others end already is no failure.
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

    Raises:
      TimeoutError: if it is not constructed in time.
      NotReady: if it could not be; there may be another life.
      stopping.Stopped: if the program ends meanwhile.
      AttributeError: if there is no such public method.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not self._constructed.wait(_POLL_S):
      if stopping.stop_event().is_set():
        raise stopping.Stopped
      if self.failure:
        raise NotReady
      if time.monotonic() > deadline:
        raise TimeoutError(f'{self._name} did not get ready for {method}().')
    if method.startswith('_'):
      raise AttributeError(f'{self._name} has no public method {method}.')
    return getattr(self._instance, method)(*args, **kwargs)
