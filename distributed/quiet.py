"""Keeps the chatter of the libraries below us off a user's terminal.

TensorFlow 2.15 prints ten lines about CUDA and oneDNN when it is imported, gym
prints that it is unmaintained, and Reverb's server tells of each of its steps.
None of it is something a user can act upon. Errors still come as exceptions.
"""

import contextlib
import os
import sys
import tempfile
import threading
from typing import Iterator

_lock = threading.Lock()


def quiet_tensorflow() -> None:
  """Silences what TensorFlow's and gym's imports print; call it before them.

  A value that the user has set in the environment stands:
  `TF_CPP_MIN_LOG_LEVEL=0` brings all of TensorFlow's messages back.
  """
  # 2 would leave "Unable to register cuDNN factory", which is logged as an
  # error although nothing is wrong.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  with contextlib.suppress(ImportError):
    # gym prints the notice of its version if there is one.
    from gym_notices import notices

    notices.notices.clear()


@contextlib.contextmanager
def quiet_native_code() -> Iterator[None]:
  """Holds back what compiled code writes to stderr inside the block.

  Reverb's server logs from C++ past Python's `sys.stderr` and has no switch for
  it. What was held back is written out after all if the block raises an error.
  What Python writes to `sys.stderr`, as it finds it inside the block and in
  whatever thread, is not held back. One thread at a time: another's block holds
  nothing back.
  """
  if not _lock.acquire(blocking=False):
    yield
    return
  sys.stderr.flush()
  stderr = os.dup(2)
  python_stderr = sys.stderr
  if python_stderr is sys.__stderr__:
    # Left open: another thread may be writing when the block ends.
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
    except Exception:  # Not Ctrl-C: of it there is nothing to tell.
      os.dup2(stderr, 2)
      held.seek(0)
      os.write(stderr, held.read())
      raise
    finally:
      os.dup2(stderr, 2)
      os.close(stderr)
      sys.stderr = python_stderr
      _lock.release()
