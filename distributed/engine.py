"""The interface of engines, which run the nodes of a program."""

import abc
from typing import NamedTuple, Optional

from distillery.distributed import live_node
from distillery.distributed import nodes


class Outcome(NamedTuple):
  """The way in which a node ended."""

  failure: Optional[live_node.Failure] = None  # None: the node did not fail.
  asks_for_stop: bool = False  # True: the node asks the program to end.


class Host(abc.ABC):
  """A single start of a node; a restarted node has another host."""

  @abc.abstractmethod
  def poll(self) -> Optional[Outcome]:
    """Returns how the node ended; None while it runs."""

  @abc.abstractmethod
  def kill(self) -> None:
    """Ends the node at once if possible; does nothing after its end."""


class Engine(abc.ABC):
  """The base class of engines: threads of this process, or Ray's processes."""

  @abc.abstractmethod
  def bind(self, name: str, node: nodes.Node) -> None:
    """Binds the address of a node, before any node is started.

    Args:
      name: the name of the node, such as 'actor/0'.
      node: the node to bind.
    """

  @abc.abstractmethod
  def start(self, name: str, node: nodes.Node) -> Host:
    """Starts a node and does not wait for it.

    Args:
      name: the name of the node, such as 'actor/0'.
      node: the node to start.

    Returns:
      The host of the started node.
    """

  @abc.abstractmethod
  def announce_stop(self) -> None:
    """Tells every node that the program ends."""

  @abc.abstractmethod
  def close(self) -> None:
    """Frees the resources of the engine."""
