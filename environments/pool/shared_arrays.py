"""Keeps named arrays in memory that processes share.

The segment is anonymous (`memfd_create`): it never has a name in /dev/shm. So
the kernel frees it with the last process that holds it, however that process
ends, and a container's small /dev/shm does not limit it.
"""

import mmap
from multiprocessing import connection
from multiprocessing import reduction
import os
import tempfile
from typing import Any, Dict, Iterator, List, Mapping, Tuple, TypeAlias

import numpy as np
from numpy import typing as npt

# The shape and the dtype of each array, by name.
Fields: TypeAlias = Mapping[str, Tuple[Tuple[int, ...], npt.DTypeLike]]
# The name, the shape, the dtype string and the byte offset of each array.
Layout: TypeAlias = List[Tuple[str, Tuple[int, ...], str, int]]

# The bytes of a cache line: two arrays never share one.
_ALIGNMENT = 64


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
    """Maps a segment; use `create` or `receive` instead.

    Args:
      layout: the layout of the arrays in the segment.
      descriptor: the file descriptor of the segment.
    """
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
    """Makes a segment of arrays of zeros with these shapes and dtypes."""
    layout, size = _layout(fields)
    descriptor = _anonymous_file()
    os.ftruncate(descriptor, size)
    return cls(layout, descriptor)

  def send(self, pipe: connection.Connection) -> None:
    """Sends the segment to the process at the other end of a pipe."""
    pipe.send(self._layout)
    reduction.send_handle(pipe, self._descriptor, None)

  @classmethod
  def receive(cls, pipe: connection.Connection) -> 'SharedArrays':
    """Receives and maps the segment that the other end of a pipe sends."""
    layout = pipe.recv()
    arrays = cls(layout, reduction.recv_handle(pipe))
    arrays.close()
    return arrays

  def close(self) -> None:
    """Closes the descriptor. The arrays stay, but `send` fails from now on."""
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
