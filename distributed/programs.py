"""A program, which is a collection of nodes in groups."""

import contextlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

from distillery.distributed import nodes


class Program:
  """A collection of nodes that run side by side, in labelled groups."""

  def __init__(self, name: str):
    """Initialises an empty program with a name."""
    self.name = name
    self._groups: Dict[str, List[nodes.Node]] = {}
    self._group: Optional[str] = None

  @property
  def groups(self) -> Dict[str, List[nodes.Node]]:
    """The nodes of each group by its label, in the order of adding."""
    return self._groups

  @contextlib.contextmanager
  def group(self, label: str) -> Iterator[None]:
    """Puts the nodes that are added inside the block into the group `label`.

    Raises:
      ValueError: if another group is open.
    """
    if self._group is not None:
      raise ValueError(
          f'group {label!r} cannot begin inside group {self._group!r}; want '
          'one after the other.'
      )
    self._group = label
    try:
      yield
    finally:
      self._group = None

  def add_node(self, node: nodes.Node, label: Optional[str] = None) -> Any:
    """Adds a node to a group.

    Args:
      node: the node to add.
      label: the label of the group; None inside `with program.group(...)`.

    Returns:
      The handle of the node, to be passed to other nodes as an argument.

    Raises:
      ValueError: if no group is given, or two groups are.
    """
    labels = [x for x in (label, self._group) if x is not None]
    if len(labels) != 1:
      raise ValueError(
          'a node needs one group: add it inside `with program.group(...)`, or '
          'give a label.'
      )
    self._groups.setdefault(labels[0], []).append(node)
    return node.create_handle()

  def named_nodes(self) -> List[Tuple[str, nodes.Node]]:
    """Returns every node with its name, such as 'actor/0'."""
    return [
        (f'{label}/{index}', node)
        for label, group in self._groups.items()
        for index, node in enumerate(group)
    ]
