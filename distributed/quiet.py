"""Silences messages of other libraries that do not help a user.

TensorFlow 2.15 prints ten lines about CUDA and oneDNN when it is imported, gym
prints that it is unmaintained, and Reverb's server logs each of its steps. A
user can do nothing about these messages. Errors still come as exceptions.
"""

import contextlib
import os
import sys
import tempfile
import threading
from typing import Iterator

_lock = threading.Lock()


def quiet_tensorflow() -> None:
  """Silences TensorFlow's and gym's imports; call it before importing them.

  A value that the user has set in the environment is kept:
  `TF_CPP_MIN_LOG_LEVEL=0` shows all of TensorFlow's messages.
  """
  # Level 2 would still show "Unable to register cuDNN factory", which is logged
  # as an error although nothing is wrong.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  with contextlib.suppress(ImportError):
    # gym prints the notice for its version from this dictionary.
    from gym_notices import notices

    notices.notices.clear()


@contextlib.contextmanager
def quiet_native_code() -> Iterator[None]:
  """Holds back what compiled code writes to stderr inside the block.

  Reverb's server logs from C++, not through Python's `sys.stderr`, and has no
  option to turn this off. If the block raises an error, the text that was held
  back is written to stderr. Text that Python writes to `sys.stderr` in any
  thread is not held back. Only one thread can use this at a time; in another
  thread the block then holds nothing back.
  """
  if not _lock.acquire(blocking=False):
    yield
    return
  sys.stderr.flush()
  stderr = os.dup(2)
  python_stderr = sys.stderr
  if python_stderr is sys.__stderr__:
    # Never closed, as another thread may be writing when the block ends.
    sys.stderr = open(
        os.dup(stderr),
        'w',
        buffering=1,
        encoding='utf-8',
        errors='backslashreplace',
    )
  with tempfile.TemporaryFile() as held:
    os.dup2(held.fileno(), 2)
    try:
      yield
    except Exception:  # Not Ctrl-C, which needs no explanation.
      os.dup2(stderr, 2)
      held.seek(0)
      os.write(stderr, held.read())
      raise
    finally:
      os.dup2(stderr, 2)
      os.close(stderr)
      sys.stderr = python_stderr
      _lock.release()
