"""A program: nodes in groups."""

import contextlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

from distillery.distributed import nodes


class Program:
  """Nodes that run side by side, by the group they belong to."""

  def __init__(self, name: str):
    """Initialises an empty program."""
    self.name = name
    self._groups: Dict[str, List[nodes.Node]] = {}
    self._group: Optional[str] = None

  @property
  def groups(self) -> Dict[str, List[nodes.Node]]:
    """Nodes by the label of their group, in the order of adding."""
    return self._groups

  @contextlib.contextmanager
  def group(self, label: str) -> Iterator[None]:
    """Nodes added inside belong to the group `label`.

    Raises:
      ValueError: if a group is open already.
    """
    if self._group is not None:
      raise ValueError(
          f'group {label!r} cannot begin inside group {self._group!r}.'
      )
    self._group = label
    try:
      yield
    finally:
      self._group = None

  def add_node(self, node: nodes.Node, label: Optional[str] = None) -> Any:
    """Adds a node.

    Args:
      node: to add.
      label: of its group, outside of `group`.

    Returns:
      Its handle, an argument for other nodes.

    Raises:
      ValueError: if the group is not said, or said twice.
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
    """Every node with its name, such as 'actor/0'."""
    return [
        (f'{label}/{index}', node)
        for label, group in self._groups.items()
        for index, node in enumerate(group)
    ]
