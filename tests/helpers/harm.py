"""Programs that run, and what is done to them.

Processes are found by the name of their node in their environment.
"""

import contextlib
import csv
import os
import signal
import subprocess
import sys
import time

from distillery.agents.core.run_files import checkpoints
from distillery.distributed import nodes
from helpers import program_runs
import psutil

FOREVER = 10**9
SCRIPT = program_runs.__file__


@contextlib.contextmanager
def started(setup, path, num_env_steps, launch_type='local_mp', *more):
  """A program's launcher; nothing of it is left behind."""
  log = open(path.with_suffix('.log'), 'a', encoding='utf-8')
  process = subprocess.Popen(
      [
          sys.executable,
          SCRIPT,
          setup,
          str(path),
          str(num_env_steps),
          launch_type,
          *more,
      ],
      stdout=log,
      stderr=subprocess.STDOUT,
      env={**os.environ, 'PYTHONFAULTHANDLER': '1'},
      # A shell that starts the tests in the background has it ignored.
      preexec_fn=lambda: signal.signal(
          signal.SIGINT, signal.default_int_handler
      ),
  )
  try:
    yield process
  finally:
    family = descendants(process)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
      process.wait(timeout=60.0)
    process.kill()
    process.wait()
    log.close()
    _, left = psutil.wait_procs(family, timeout=20.0)
    for child in left:
      child.kill()
    assert not left


def wait_for_end(launcher, path):
  """Waits for the end; of a program that hangs, the log tells where."""
  try:
    assert launcher.wait(timeout=300.0) == 0, log_of(path)
  except subprocess.TimeoutExpired:
    launcher.send_signal(signal.SIGABRT)
    launcher.wait()
    raise AssertionError(f'it hangs:\n{log_of(path)}') from None


def log_of(path):
  return path.with_suffix('.log').read_text(encoding='utf-8')


def descendants(process):
  try:
    return psutil.Process(process.pid).children(recursive=True)
  except psutil.NoSuchProcess:
    return []


def process_of(launcher, node):
  """The process that a node lives in; None while there is none."""
  for process in descendants(launcher):
    with contextlib.suppress(psutil.Error):
      if process.environ().get(nodes.NODE_VARIABLE) == node and (
          process.parent().name() == 'raylet'
      ):
        return process
  return None


def wait_for(condition, what, launcher, seconds=300.0):
  begin = time.monotonic()
  while not (result := condition()):
    assert launcher.poll() is None, f'ended while waiting for {what}'
    assert time.monotonic() < begin + seconds, f'waited in vain for {what}'
    time.sleep(0.1)
  return result, time.monotonic() - begin


def rows_of(path, name='train.csv'):
  try:
    with open(path / name, newline='', encoding='utf-8') as f:
      return list(csv.DictReader(f))
  except OSError:
    return []


def steps(path):
  rows = rows_of(path)
  return int(rows[-1]['env_steps']) if rows else 0


def wait_for_steps(path, launcher, more):
  target = steps(path) + more
  wait_for(lambda: steps(path) >= target, f'{target} steps', launcher)


def wait_for_checkpoint(path, launcher):
  wait_for(lambda: checkpoints.newest(path), 'a checkpoint', launcher)


def kill(launcher, node):
  """Kills a node; returns how long it took to live in another process."""
  old, _ = wait_for(lambda: process_of(launcher, node), node, launcher)
  old.kill()
  old.wait()

  def another():
    new = process_of(launcher, node)
    return new and new.pid != old.pid

  return wait_for(another, f'{node} again', launcher)[1]
