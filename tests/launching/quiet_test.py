"""What is kept off the terminal, and what is not."""

import subprocess
import sys

import pytest

BLOCK = '''
import os, sys, threading
from distillery.launching import quiet

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
'''


@pytest.mark.parametrize('end, said', [
    ('', ['from Python', 'afterwards', 'native again']),
    # A program ends while a thread of it holds back.
    ('os._exit(0)', ['from Python']),
    ('raise OSError', ['from Python', 'from native code', 'afterwards',
                       'native again']),
])
def test_native_code_is_quiet_and_python_is_not(end, said):
  result = subprocess.run(
      [sys.executable, '-c', BLOCK.format(end)], capture_output=True, text=True,
      check=True)
  assert result.stderr.splitlines() == said
