"""The runner of a study: what fails, and what is stopped."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from distillery.launchers import study_jobs
import pytest

pytestmark = pytest.mark.timeout(60)


def job(name):
  return study_jobs.Job(
      pathlib.Path(name), 'run_distral.py', 'distral_smoke.cfg', (), 0, 10)


class Commands(study_jobs.Runner):
  """Runs a line of Python in the place of each job."""

  def __init__(self, *args, line, **kwargs):
    super().__init__(*args, **kwargs)
    self._line = line

  def _command(self, job, is_begun):
    return [sys.executable, '-c', self._line.format(job.folder)]


def test_a_run_that_fails_is_named_and_stops_no_other(tmp_path, capfd):
  runner = Commands(tmp_path, 1, line='print("{0}"); exit("{0}" == "a")')
  runner.make([job('a'), job('b')])
  assert (tmp_path / 'b.log').read_text() == 'b\n'
  assert 'b: done' in capfd.readouterr().out
  with pytest.raises(study_jobs.RunsFailed, match=(
      '1 of the runs failed, first a failed, see .*a.log; the same command')):
    runner.check()


def test_what_was_begun_is_made_anew_and_nothing_else_deleted(tmp_path):
  folder = tmp_path / 'a'
  (folder / 'tensorboard').mkdir(parents=True)
  for name in ('config.json', 'train.csv', 'train.csv.tmp', 'thesis.txt'):
    (folder / name).write_text('{}')
  runner = Commands(
      tmp_path, 1, line='import os; print(*sorted(os.listdir("{0}")))')
  runner.make([job('a')])
  assert (tmp_path / 'a.log').read_text() == '.lock thesis.txt\n'


def test_processes_that_cannot_start_keep_no_core(tmp_path, monkeypatch):
  def refuse(*args, **kwargs):
    raise OSError(12, 'Cannot allocate memory')

  monkeypatch.setattr(subprocess, 'Popen', refuse)
  runner = study_jobs.Runner(tmp_path, 1)
  runner.make([job(name) for name in 'abc'])
  with pytest.raises(study_jobs.RunsFailed, match=(
      '3 of the runs failed, first a failed, .*Cannot allocate memory')):
    runner.check()


def test_a_process_that_gets_no_core_is_ended(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(22, 'Invalid argument')

  monkeypatch.setattr(os, 'sched_setaffinity', refuse)
  runner = Commands(tmp_path, 1, line='import time; time.sleep(50)')
  begin = time.monotonic()
  runner.make([job('a'), job('b')])
  assert time.monotonic() - begin < 20.
  assert [process.poll() for process in runner._processes] == [
      -signal.SIGTERM] * 2
  with pytest.raises(study_jobs.RunsFailed, match='2 .* Invalid argument'):
    runner.check()


@pytest.mark.parametrize('interrupt', [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_what_runs_and_begins_nothing(tmp_path, interrupt):
  """Both signals reach the main thread, which waits for the runs."""
  runner = Commands(
      tmp_path, 1, line='print("{0}", flush=True); import time; time.sleep(50)')

  def stop():
    while not (tmp_path / 'a.log').exists() or not (
        tmp_path / 'a.log').read_text():
      time.sleep(0.01)
    os.kill(os.getpid(), interrupt)

  threading.Thread(target=stop).start()
  handler = signal.getsignal(signal.SIGTERM)
  begin = time.monotonic()
  try:
    with pytest.raises((KeyboardInterrupt, SystemExit)):
      runner.make([job(name) for name in 'abc'])
  finally:
    signal.signal(signal.SIGTERM, handler)
  assert time.monotonic() - begin < 40.
  assert not (tmp_path / 'b.log').exists()
  runner.check()  # Stopped is not failed.
