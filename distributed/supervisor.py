"""Keeps a program's nodes alive, as far as that helps.

Nodes are crash-only: one that fails is ended and constructed anew, after a
pause that doubles each time, and takes up from the last checkpoint what it
needs. One that fails again and again within a short time ends the program, with
the first traceback of its series, which says more than the last.
"""

import dataclasses
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from distillery.distributed import engine as distributed_engine
from distillery.distributed import live_node
from distillery.distributed import nodes
from distillery.distributed import programs
from distillery.distributed import stopping

_POLL_S = 0.1
_FIRST_PAUSE_S = 0.5


class ProgramError(Exception):
  """A node failed for good; the message ends with its first traceback."""


@dataclasses.dataclass(frozen=True)
class Budget:
  """How often a node may fail.

  Attributes:
    failures: of one node, at which the program ends.
    raised_s: after which a failure is forgotten that was an exception. Far more
      than what waits longest takes to give up.
    killed_s: after which it is forgotten that a process was killed: nothing is
      wrong with it.
    constructions: that fail one after the other, of a node that had been
      started before, at which the program ends.
  """

  failures: int = 5
  raised_s: float = 3600.0
  killed_s: float = 60.0
  constructions: int = 2


class Supervisor:
  """Starts a program's nodes and watches over them."""

  def __init__(
      self,
      program: programs.Program,
      engine: distributed_engine.Engine,
      *,
      notice_s: float,
      budget: Budget = Budget(),
      log: Optional[Callable[[str], Any]] = None,
  ):
    """Initialises the supervisor.

    Args:
      program: what to run.
      engine: where to run it.
      notice_s: how long nodes have to end by themselves.
      budget: of failures.
      log: is told of starts and failures, a line each; by default to stderr.
    """
    self._engine = engine
    self._notice_s = notice_s
    self._budget = budget
    self._log = log or (lambda line: sys.stderr.write(f'{line}\n'))
    self._nodes: Dict[str, nodes.Node] = dict(program.named_nodes())
    self._hosts: Dict[str, distributed_engine.Host] = {}
    self._due: Dict[str, float] = {}  # When to start a node anew.
    self._failures: Dict[str, List[Tuple[float, live_node.Failure]]] = {
        name: [] for name in self._nodes
    }
    # Constructions that failed, one after the other, and lives begun.
    self._unmade: Dict[str, int] = dict.fromkeys(self._nodes, 0)
    self._lives: Dict[str, int] = dict.fromkeys(self._nodes, 0)
    for name, node in self._nodes.items():
      engine.bind(name, node)

  def start(self) -> None:
    """Starts every node."""
    for name in self._nodes:
      self._start(name)

  def watch(self) -> None:
    """Returns when the program has ended and nothing of it is left.

    Raises:
      ProgramError: if a node failed for good.
    """
    try:
      while (self._hosts or self._due) and not self._step():
        time.sleep(_POLL_S)
    finally:
      self._end()

  def _step(self) -> bool:
    """Looks after every node once; returns whether the end is asked for."""
    for name in [n for n, due in self._due.items() if due <= time.monotonic()]:
      del self._due[name]
      self._start(name)
    for name, host in list(self._hosts.items()):
      outcome = host.poll()
      if outcome is None or self._hosts.get(name) is not host:
        continue
      if outcome.asks_for_stop:
        return True
      host.kill()
      del self._hosts[name]
      if outcome.failure:
        self._on_failure(name, outcome.failure)
    return stopping.is_requested()

  def _start(self, name: str) -> None:
    self._lives[name] += 1
    self._hosts[name] = self._engine.start(name, self._nodes[name])

  def _on_failure(self, name: str, failure: live_node.Failure) -> None:
    now, budget = time.monotonic(), self._budget
    series = self._failures[name]
    series.append((now, failure))
    series[:] = [
        (when, what)
        for when, what in series
        if when >= now - (budget.raised_s if what.raised else budget.killed_s)
    ]
    first = series[0][1]
    self._unmade[name] = 0 if failure.constructed else self._unmade[name] + 1
    # What could not be made at first will never be.
    if self._unmade[name] >= (
        budget.constructions if self._lives[name] > 1 else 1
    ):
      raise ProgramError(
          f'{name} could not be constructed: {failure.error}\n\n'
          f'{failure.traceback}'
      )
    if len(series) >= budget.failures:
      raise ProgramError(
          f'{name} failed {len(series)} times; the first time: {first.error}'
          f'\n\n{first.traceback}'
      )
    pause = _FIRST_PAUSE_S * 2 ** (len(series) - 1)
    again = [name, *self._dependents(name)]
    for other in again[1:]:
      if other in self._hosts:
        self._hosts.pop(other).kill()
    for other in again:
      self._due[other] = now + pause
    self._log(
        f'{name} failed ({failure.error}); {", ".join(again)} will be '
        f'started anew in {pause:g} s.'
    )

  def _dependents(self, name: str) -> List[str]:
    """Nodes that hold connections to a server that is no more."""
    address = self._nodes[name].address
    found: Set[str] = {
        other
        for other, node in self._nodes.items()
        if any(
            isinstance(handle, nodes.ReverbHandle) and handle.address is address
            for handle in node.handles()
        )
    }
    return sorted(found)

  def _end(self) -> None:
    """Has every node end, and ends those that do not."""
    self._engine.announce_stop()
    deadline = time.monotonic() + self._notice_s
    while time.monotonic() < deadline and any(
        host.poll() is None for host in self._hosts.values()
    ):
      time.sleep(_POLL_S)
    for host in self._hosts.values():
      host.kill()
    self._engine.close()
