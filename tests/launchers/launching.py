"""Starts launchers as a user does."""

import contextlib
import functools
import os
import pathlib
import re
import signal
import subprocess
import sys

from distillery.launchers import flag_utils

# Not imported: two launchers in one process would define the same flags.
FOLDER = pathlib.Path(flag_utils.__file__).parent


@contextlib.contextmanager
def started(*arguments, cwd, program, **environment):
  """A launcher's process, which ends with the context."""
  process = subprocess.Popen(
      [sys.executable, *program, *arguments], stdout=subprocess.PIPE,
      stderr=subprocess.PIPE, text=True, cwd=cwd,
      # jax, if a test has loaded it here, has set TensorFlow's verbosity.
      env={**{name: value for name, value in os.environ.items()
              if name != 'TF_CPP_MIN_LOG_LEVEL'}, **environment},
      # What runs in the background of a shell is deaf to Ctrl-C.
      preexec_fn=functools.partial(
          signal.signal, signal.SIGINT, signal.SIG_DFL))
  with process:
    try:
      yield process
    finally:
      process.kill()


def launch(*arguments, **kwargs):
  """What a launcher said, and its exit status."""
  with started(*arguments, **kwargs) as process:
    stdout, stderr = process.communicate()
  return subprocess.CompletedProcess(
      process.args, process.returncode, stdout, stderr)


def assert_one_sentence(text, words):
  assert re.fullmatch(rf'error: [^\n]*{words}[^\n]*\n', text), text
