"""What runs a program's nodes, and what the supervisor wants of it."""

import abc
from typing import NamedTuple, Optional

from distillery.distributed import live_node
from distillery.distributed import nodes


class Outcome(NamedTuple):
  """How a node came to its end."""

  failure: Optional[live_node.Failure] = None
  asks_for_stop: bool = False


class Host(abc.ABC):
  """One life of one node."""

  @abc.abstractmethod
  def poll(self) -> Optional[Outcome]:
    """Returns how the node ended; None while it lives."""

  @abc.abstractmethod
  def kill(self) -> None:
    """Ends the node at once, as far as that is possible; harmless after."""


class Engine(abc.ABC):
  """Threads of this process, or processes of Ray's."""

  @abc.abstractmethod
  def bind(self, name: str, node: nodes.Node) -> None:
    """Binds a node's address; before any is started."""

  @abc.abstractmethod
  def start(self, name: str, node: nodes.Node) -> Host:
    """Starts a life of a node, without waiting for it."""

  @abc.abstractmethod
  def announce_stop(self) -> None:
    """Tells every process that the program ends."""

  @abc.abstractmethod
  def close(self) -> None:
    """Frees what the engine itself holds."""
