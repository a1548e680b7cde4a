"""Restarts the nodes of a program that fail.

A node that fails is ended and constructed again, after a pause that doubles
each time, and restores what it needs from the last checkpoint. A node that
fails repeatedly within a short time ends the program. The error then has the
first traceback, which explains more than the later ones.
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
  """A node failed too often; the message ends with its first traceback."""


@dataclasses.dataclass(frozen=True)
class Budget:
  """The number of failures that end the program.

  Attributes:
    failures: the number of failures of one node that ends the program.
    raised_s: the seconds after which an exception no longer counts. It is far
      longer than the longest wait after which a call gives up.
    killed_s: the seconds after which the kill of a process no longer counts. It
      is short, because a killed process has no defect.
    constructions: the number of failed constructions in a row that ends the
      program, if the node has been started before.
  """

  failures: int = 5
  raised_s: float = 3600.0
  killed_s: float = 60.0
  constructions: int = 2


class Supervisor:
  """The supervisor of a program: starts its nodes and restarts failed ones."""

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
      program: the program to run.
      engine: the engine that runs the nodes.
      notice_s: the seconds that nodes get to end by themselves.
      budget: the number of failures that end the program.
      log: the function that is called with one line a failure; by default it
        writes to stderr.
    """
    self._engine = engine
    self._notice_s = notice_s
    self._budget = budget
    self._log = log or (lambda line: sys.stderr.write(f'{line}\n'))
    self._nodes: Dict[str, nodes.Node] = dict(program.named_nodes())
    self._hosts: Dict[str, distributed_engine.Host] = {}
    self._due: Dict[str, float] = {}  # When to restart a node.
    self._failures: Dict[str, List[Tuple[float, live_node.Failure]]] = {
        name: [] for name in self._nodes
    }
    # The number of failed constructions in a row, and the number of starts.
    self._unmade: Dict[str, int] = dict.fromkeys(self._nodes, 0)
    self._lives: Dict[str, int] = dict.fromkeys(self._nodes, 0)
    for name, node in self._nodes.items():
      engine.bind(name, node)

  def start(self) -> None:
    """Starts every node."""
    for name in self._nodes:
      self._start(name)

  def watch(self) -> None:
    """Watches the nodes until the program and all its nodes have ended.

    Raises:
      ProgramError: if a node failed too often to be restarted.
    """
    try:
      while (self._hosts or self._due) and not self._step():
        time.sleep(_POLL_S)
    finally:
      self._end()

  def _step(self) -> bool:
    """Checks every node once; returns whether the program has to end."""
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
    # A node that could not be constructed at its first start never will be.
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
        f'restarted in {pause:g} s.'
    )

  def _dependents(self, name: str) -> List[str]:
    """Returns the nodes that are connected to a Reverb server that failed."""
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
    """Asks every node to end, and kills those that do not end in time."""
    self._engine.announce_stop()
    deadline = time.monotonic() + self._notice_s
    while time.monotonic() < deadline and any(
        host.poll() is None for host in self._hosts.values()
    ):
      time.sleep(_POLL_S)
    for host in self._hosts.values():
      host.kill()
    self._engine.close()
