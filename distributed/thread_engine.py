"""Runs every node in a thread of this process."""

import contextlib
import functools
import itertools
import threading
import time
from typing import Any, Dict, Optional, Tuple

from distillery.distributed import engine
from distillery.distributed import live_node
from distillery.distributed import nodes
from distillery.distributed import stopping

_POLL_S = 0.05
_programs = itertools.count()
# The runner of each node, by the number of its program and its name.
_runners: Dict[Tuple[int, str], live_node.NodeRunner] = {}


class ThreadEngine(engine.Engine):
  """The engine whose nodes are threads and call each other directly."""

  def __init__(self):
    """Initialises the engine of a new program."""
    self._program = next(_programs)

  def bind(self, name: str, node: nodes.Node) -> None:
    node.address.bind(functools.partial(_Transport, self._program, name))

  def start(self, name: str, node: nodes.Node) -> '_ThreadHost':
    runner = live_node.NodeRunner(name, node)
    _runners[self._program, name] = runner
    return _ThreadHost(name, runner)

  def announce_stop(self) -> None:
    stopping.announce()

  def close(self) -> None:
    for key in [key for key in _runners if key[0] == self._program]:
      del _runners[key]


class _ThreadHost(engine.Host):

  def __init__(self, name: str, runner: live_node.NodeRunner):
    self._runner = runner
    # A thread cannot be killed; one that does not end keeps running.
    self._thread = threading.Thread(target=runner.main, name=name, daemon=True)
    self._thread.start()

  def poll(self) -> Optional[engine.Outcome]:
    if not self._runner.ended:
      return None
    return engine.Outcome(self._runner.failure)

  def kill(self) -> None:
    self._thread.join(timeout=0.0)


class _Transport:

  def __init__(self, program: int, name: str):
    self._key = program, name

  def call(self, method: str, args: tuple, kwargs: dict) -> Any:
    deadline = time.monotonic() + live_node.PATIENCE_S
    while True:
      runner = _runners.get(self._key)
      if runner is not None and not runner.ended:
        with contextlib.suppress(live_node.NotReady):
          return runner.call(method, args, kwargs)
      if stopping.stop_event().is_set():
        raise stopping.Stopped
      if time.monotonic() > deadline:
        raise TimeoutError(
            f'{self._key[1]} did not answer {method}() in '
            f'{live_node.PATIENCE_S:.0f} s.'
        )
      time.sleep(_POLL_S)
