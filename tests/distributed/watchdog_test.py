"""Ctrl-C ends a launcher, whatever it is doing."""

import contextlib
import functools
import signal
import subprocess
import sys
import time

import psutil
import pytest

LAUNCHER = """
import hashlib
import subprocess
import sys
import time

from distillery.launchers.common import flag_utils


class Finalized:

  def __del__(self):
    time.sleep(1000)


def main(arguments):
  child = subprocess.Popen(
      ['sleep', '1000'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  print(child.pid, flush=True)
  {busy}


if __name__ == '__main__':
  flag_utils.run(main)
"""
# Code that does not let a KeyboardInterrupt out.
BUSY = {
    'python': ('time.sleep(1000)', 130),
    'native': ("hashlib.pbkdf2_hmac('sha256', b'', b'', 2 * 10**9)", 130),
    'swallows': (
        """
  while True:
    try:
      time.sleep(1000)
    except KeyboardInterrupt:
      pass""",
        130,
    ),
    'cannot raise': ('Finalized(); time.sleep(1000)', 130),
    'cleans up for long': (
        """
  try:
    time.sleep(1000)
  finally:
    time.sleep(1000)""",
        130,
    ),
    # Nothing else of Python's runs meanwhile, so it has to be killed.
    'holds the interpreter': ('sum(range(10**13))', -signal.SIGKILL),
}


@pytest.fixture(name='start')
def fixture_start(tmp_path):
  processes = []

  def start(busy):
    program = tmp_path / 'launcher.py'
    program.write_text(LAUNCHER.format(busy=busy))
    processes.append(
        subprocess.Popen(
            [sys.executable, program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=functools.partial(
                signal.signal, signal.SIGINT, signal.SIG_DFL
            ),
        )
    )
    child = psutil.Process(int(processes[-1].stdout.readline()))
    processes.append(child)
    time.sleep(0.5)  # It is as busy as can be.
    return processes[0], child

  yield start
  for process in processes:
    with contextlib.suppress(psutil.NoSuchProcess):
      process.kill()
  processes[0].communicate()


@pytest.mark.parametrize(
    'busy, times',
    [*((busy, 1) for busy in BUSY), ('python', 3), ('cleans up for long', 3)],
)
def test_ctrl_c_ends_everything_with_one_sentence(start, busy, times):
  process, child = start(BUSY[busy][0])
  for _ in range(times):
    process.send_signal(signal.SIGINT)
  _, said = process.communicate(timeout=60)
  assert said == 'stopped by Ctrl-C\n'
  assert process.returncode in (BUSY[busy][1], -signal.SIGKILL)
  psutil.wait_procs([child], timeout=60)
  assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_the_watchdog_ends_with_its_launcher(start, number):
  process, child = start('time.sleep(1000)')
  watching = set(psutil.Process(process.pid).children(recursive=True))
  watching.remove(child)
  assert watching
  process.send_signal(number)
  assert process.wait() == -number
  assert not psutil.wait_procs(watching, timeout=60)[1]


def test_a_launcher_that_ends_by_itself_leaves_nothing(start):
  process, child = start('child.terminate(); time.sleep(0.5)')
  assert process.communicate(timeout=60) == ('', '')
  assert process.returncode == 0
