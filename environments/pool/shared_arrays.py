"""Named arrays in memory that two processes share.

The segment is anonymous (`memfd_create`): it never has a name in /dev/shm, so
the kernel frees it with the last process that holds it, however that one ends,
and a container's small /dev/shm does not limit it.
"""

import mmap
from multiprocessing import connection
from multiprocessing import reduction
import os
import tempfile
from typing import Any, Dict, Iterator, List, Mapping, Tuple, TypeAlias

import numpy as np
from numpy import typing as npt

# (name, shape, dtype string, byte offset) of each array.
# The shape and the dtype of each array, by name.
Fields: TypeAlias = Mapping[str, Tuple[Tuple[int, ...], npt.DTypeLike]]
Layout: TypeAlias = List[Tuple[str, Tuple[int, ...], str, int]]

_ALIGNMENT = 64  # A cache line: two workers never write into the same one.


def _layout(fields: Fields) -> Tuple[Layout, int]:
  layout, offset = [], 0
  for name, (shape, dtype_like) in fields.items():
    dtype = np.dtype(dtype_like)
    layout.append((name, tuple(int(n) for n in shape), dtype.str, offset))
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    offset += -(-size // _ALIGNMENT) * _ALIGNMENT
  return layout, max(offset, _ALIGNMENT)


def _anonymous_file() -> int:
  if hasattr(os, 'memfd_create'):
    return os.memfd_create('distillery')
  with tempfile.TemporaryFile() as file:  # Unlinked as soon as it is made.
    return os.dup(file.fileno())


class SharedArrays(Mapping[str, np.ndarray]):
  """A read-only mapping from names to arrays that live in shared memory.

  The arrays stay valid as long as anything refers to them, also after `close`.
  """

  def __init__(self, layout: Layout, descriptor: int):
    """Maps the segment; `create` and `receive` are the ways to call this."""
    self._descriptor = descriptor
    self._layout = layout
    memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
    self._arrays: Dict[str, np.ndarray] = {}
    for name, shape, dtype, offset in layout:
      count = int(np.prod(shape, dtype=np.int64))
      self._arrays[name] = np.frombuffer(
          memory, dtype, count=count, offset=offset
      ).reshape(shape)

  @classmethod
  def create(cls, fields: Fields) -> 'SharedArrays':
    """Makes a segment of zeros that holds `name -> (shape, dtype)`."""
    layout, size = _layout(fields)
    descriptor = _anonymous_file()
    os.ftruncate(descriptor, size)
    return cls(layout, descriptor)

  def send(self, pipe: connection.Connection) -> None:
    """Hands the segment to the process at the pipe's other end."""
    pipe.send(self._layout)
    reduction.send_handle(pipe, self._descriptor, None)

  @classmethod
  def receive(cls, pipe: connection.Connection) -> 'SharedArrays':
    """Maps the segment that the other end sends."""
    layout = pipe.recv()
    arrays = cls(layout, reduction.recv_handle(pipe))
    arrays.close()
    return arrays

  def close(self) -> None:
    """Closes the descriptor: no more `send`. The arrays stay."""
    if self._descriptor >= 0:
      os.close(self._descriptor)
      self._descriptor = -1

  def __enter__(self) -> 'SharedArrays':
    return self

  def __exit__(self, *unused_exception: Any) -> None:
    self.close()

  def __getitem__(self, name: str) -> np.ndarray:
    return self._arrays[name]

  def __iter__(self) -> Iterator[str]:
    return iter(self._arrays)

  def __len__(self) -> int:
    return len(self._arrays)
