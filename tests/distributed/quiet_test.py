"""Tests of what is held back from the terminal, and what is not."""

import os
import subprocess
import sys

from distillery.distributed import quiet
import pytest

BLOCK = """
import os, sys, threading
from distillery.distributed import quiet

def speak():
  print('from Python', file=sys.stderr)

try:
  with quiet.quiet_native_code():
    os.write(2, b'from native code\\n')
    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()
    {}
except OSError:
  pass
print('afterwards', file=sys.stderr)
os.write(2, b'native again\\n')
"""


def run_python(code, directory):
  environment = dict(os.environ)
  environment.pop('TF_CPP_MIN_LOG_LEVEL', None)
  return subprocess.run(
      [sys.executable, '-c', code],
      capture_output=True,
      text=True,
      timeout=110,
      env=environment,
      cwd=directory,
  )


def test_importing_tensorflow_prints_nothing(tmp_path):
  result = run_python(
      'from distillery.distributed import quiet\n'
      'quiet.quiet_tensorflow()\n'
      'import gym, tensorflow as tf\n'
      'assert tf.constant(1) + 1 == 2\n',
      tmp_path,
  )
  assert (result.returncode, result.stdout, result.stderr) == (0, '', '')


def test_the_users_own_setting_stands(monkeypatch):
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '1')
  quiet.quiet_tensorflow()
  assert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '1'


def test_native_output_is_held_back(capfd):
  with quiet.quiet_native_code():
    os.write(2, b'chatter\n')
  os.write(2, b'afterwards\n')
  assert capfd.readouterr().err == 'afterwards\n'


def test_ctrl_c_brings_no_native_output(capfd):
  with pytest.raises(KeyboardInterrupt):
    with quiet.quiet_native_code():
      os.write(2, b'chatter\n')
      raise KeyboardInterrupt
  assert capfd.readouterr().err == ''


def test_native_output_comes_after_all_with_an_error(capfd):
  with pytest.raises(ValueError, match='broken'):
    with quiet.quiet_native_code():
      os.write(2, b'the reason\n')
      raise ValueError('broken')
  assert capfd.readouterr().err == 'the reason\n'


@pytest.mark.parametrize(
    'end, said',
    [
        ('', ['from Python', 'afterwards', 'native again']),
        # A program ends while a thread of it holds back.
        ('os._exit(0)', ['from Python']),
        (
            'raise OSError',
            ['from Python', 'from native code', 'afterwards', 'native again'],
        ),
    ],
)
def test_native_code_is_quiet_and_python_is_not(end, said):
  result = subprocess.run(
      [sys.executable, '-c', BLOCK.format(end)],
      capture_output=True,
      text=True,
      check=True,
  )
  assert result.stderr.splitlines() == said
