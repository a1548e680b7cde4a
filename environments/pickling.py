"""Pickles objects for other processes and checks them first.

A pickle holds the names of functions and classes, not their code: the process
that unpickles it imports them. This module finds a name that another process
cannot import before that process is started.
"""

import ast
from multiprocessing import process
from multiprocessing import reduction
import os
import pickletools
import sys
from typing import Any, Callable, Iterable, Iterator, Optional, Set

# The version of the pickle format. Later ones do not spell out the names that
# they import.
_PROTOCOL = 3
# The module name of the script in a process that has run its file again.
_COPY_OF_MAIN = '__mp_main__'
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_GUARDS = ("__name__ == '__main__'", "'__main__' == __name__")


def dump(value: Any, what: str) -> bytes:
  """Pickles an object for a worker process.

  Args:
    value: the object.
    what: the subject of the error message, e.g. 'the policy'.

  Returns:
    The pickle.

  Raises:
    ValueError: if the object cannot be pickled, or needs a function or class
      that a worker could not import. The message says what to do.
  """
  return _dump(value, what, 'a worker process', _main_fault)


def check_for_program(value: Any, what: str) -> None:
  """Checks that an object can be sent to the processes of a program.

  These processes do not run the script again, as worker processes do.

  Args:
    value: the object.
    what: the subject of the error message, e.g. 'the policy'.

  Raises:
    ValueError: if the object cannot be pickled, or needs a function or class
      that such a process could not import, e.g. one of the script itself.
  """
  _dump(
      value,
      what,
      "a program's processes",
      lambda name: 'is the script that was started',
  )


def main_file() -> Optional[str]:
  """Returns the path of the script that was started, or None without a file."""
  path = getattr(sys.modules['__main__'], '__file__', None)
  if path is None:
    return None
  # The standard library's stubs lack the name.
  start = process.ORIGINAL_DIR  # type: ignore[attr-defined]
  path = os.path.join(start or '', path)
  return path if os.path.isfile(path) else None


def _dump(
    value: Any, what: str, where: str, main_fault: Callable[[str], str]
) -> bytes:
  try:
    data = bytes(reduction.ForkingPickler.dumps(value, _PROTOCOL))
    why = _fault(data, main_fault)
  except Exception as error:
    why = str(error) or repr(error)
  if why:
    raise ValueError(
        f'{what} cannot be sent to {where} ({why}): want functions and classes '
        'that are put in a module, a file of its own, and imported from there, '
        'not a lambda'
    )
  return data


def _fault(data: bytes, main_fault: Callable[[str], str]) -> str:
  """Returns why another process could not unpickle data; empty if it can."""
  found = {
      tuple(str(argument).split(' ', 1))
      for code, argument, _ in pickletools.genops(data)
      if code.name == 'GLOBAL'
  }
  for module, name in sorted(found):
    if module == '__main__':
      fault = main_fault(name)
    elif module == _COPY_OF_MAIN or _is_found(module.partition('.')[0]):
      continue
    else:
      fault = 'is not found on sys.path'
    if fault:
      return f'{name!r} cannot be imported there: {module} {fault}'
  return ''


def _is_found(package: str) -> bool:
  """Returns whether another process with the same sys.path finds a package."""
  return any(
      finder.find_spec(package, None) is not None
      for finder in sys.meta_path
      if hasattr(finder, 'find_spec')
  )


def _main_fault(name: str) -> str:
  """Returns why a worker would not find a name of the script; empty if it does.

  A worker runs the script's file again.
  """
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  if spec is not None and spec.name.rpartition('.')[2] == '__main__':
    return 'is a __main__.py, which a worker does not run'
  path = main_file()
  if path is None:
    return (
        'has no file, as in a notebook, at a prompt, in python -c or from '
        'standard input'
    )
  try:
    with open(path, 'rb') as f:
      tree = ast.parse(f.read())
  except (OSError, SyntaxError, ValueError):
    return ''  # The file is not Python source; it may still have the name.
  if name in _names(_executed(tree)) or name not in _names(ast.walk(tree)):
    return ''
  return (
      "has it under `if __name__ == '__main__'` or in a function, where a "
      'worker does not see it'
  )


def _names(nodes: Iterable[ast.AST]) -> Set[str]:
  """Returns the names that the nodes of a syntax tree define."""
  found = set()
  for node in nodes:
    if isinstance(node, _DEFINITIONS):
      found.add(node.name)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
      found.add(node.id)
    elif isinstance(node, ast.alias):
      found.add(node.asname or node.name)
  return found


def _executed(node: ast.AST) -> Iterator[ast.AST]:
  """Yields the nodes that run on import, without the bodies of functions."""
  children: Iterable[ast.AST] = ast.iter_child_nodes(node)
  if isinstance(node, ast.If) and any(
      guard in ast.unparse(node.test) for guard in _GUARDS
  ):
    children = node.orelse
  for child in children:
    yield child
    if not isinstance(child, _DEFINITIONS):
      yield from _executed(child)
