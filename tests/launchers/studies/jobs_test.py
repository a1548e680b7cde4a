"""The runner of a study: what fails, and what is stopped."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from distillery.agents.core.run_files import run_directory
from distillery.launchers.studies import jobs as study_jobs
import pytest

pytestmark = pytest.mark.timeout(60)


def job(name):
  return study_jobs.Job(
      pathlib.Path(name), 'run_distral.py', 'distral_smoke.cfg', (), 0, 10
  )


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
  with pytest.raises(
      study_jobs.RunsFailed,
      match=(
          '1 of the runs failed, first a failed, see .*a.log; the same command'
      ),
  ):
    runner.check()


def test_an_unfinished_run_is_made_again_and_nothing_else_is_deleted(tmp_path):
  folder = tmp_path / 'a'
  (folder / 'tensorboard').mkdir(parents=True)
  for name in ('config.json', 'train.csv', 'train.csv.tmp', 'thesis.txt'):
    (folder / name).write_text('{}')
  runner = Commands(
      tmp_path, 1, line='import os; print(*sorted(os.listdir("{0}")))'
  )
  runner.make([job('a')])
  assert (tmp_path / 'a.log').read_text() == '.lock thesis.txt\n'


def begun(tmp_path, name, evaluation):
  """A job that was saved, with this table of evaluations."""
  runner = study_jobs.Runner(tmp_path, 1)
  checkpoint = tmp_path / name / 'checkpoints' / '000000000010'
  checkpoint.mkdir(parents=True)
  (checkpoint / 'manifest.json').write_text('{}')
  (tmp_path / name / 'evaluation.csv').write_text(evaluation)
  runner._record(job(name)).write_text(
      '\n'.join(runner._settings(job(name))) + '\n'
  )
  return runner


HEADER = ','.join(run_directory.EVALUATION_COLUMNS) + '\n'


@pytest.mark.parametrize(
    'evaluation, is_whole',
    [
        ('', False),
        ('env_st', False),
        (HEADER, False),
        (HEADER + '10,1,task,a', False),
        (HEADER + '10,1,task,a,train,1,1,1\n', True),
        (HEADER + '\n10,1,task,a,train,1,1,1\n\n', True),
    ],
)
def test_a_table_that_grows_is_no_damage(tmp_path, evaluation, is_whole):
  runner = begun(tmp_path, 'a', evaluation)
  assert runner.is_whole(job('a')) == is_whole


@pytest.mark.parametrize('damaged', ['10,1,task,a', 'x,1,task,a,train,1,1,1'])
def test_a_damaged_table_is_named_before_any_run_begins(tmp_path, damaged):
  runner = begun(
      tmp_path, 'b', (HEADER + damaged + '\n' + '10,1,task,a,train,1,1,1\n')
  )
  with pytest.raises(
      ValueError, match=(f'{tmp_path}/b/evaluation.csv: line 2 cannot be read')
  ):
    runner.make([job('a'), job('b')])
  assert not (tmp_path / 'a').exists()


def test_a_damaged_note_of_a_run_is_named(tmp_path):
  (tmp_path / 'a').mkdir()
  (tmp_path / 'a' / 'versions.json').write_text('[]')
  with pytest.raises(ValueError, match='cannot read .*a/versions.json'):
    study_jobs.Runner(tmp_path, 1).write_versions()


def test_processes_that_cannot_start_keep_no_core(tmp_path, monkeypatch):
  def refuse(*args, **kwargs):
    raise OSError(12, 'Cannot allocate memory')

  monkeypatch.setattr(subprocess, 'Popen', refuse)
  runner = study_jobs.Runner(tmp_path, 1)
  runner.make([job(name) for name in 'abc'])
  with pytest.raises(
      study_jobs.RunsFailed,
      match=('3 of the runs failed, first a failed, .*Cannot allocate memory'),
  ):
    runner.check()


def test_a_process_that_gets_no_core_is_ended(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(22, 'Invalid argument')

  monkeypatch.setattr(os, 'sched_setaffinity', refuse)
  runner = Commands(tmp_path, 1, line='import time; time.sleep(50)')
  begin = time.monotonic()
  runner.make([job('a'), job('b')])
  assert time.monotonic() - begin < 20.0
  assert [process.poll() for process in runner._processes] == [
      -signal.SIGTERM
  ] * 2
  with pytest.raises(study_jobs.RunsFailed, match='2 .* Invalid argument'):
    runner.check()


@pytest.mark.parametrize('interrupt', [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_what_runs_and_begins_nothing(tmp_path, interrupt):
  """Both signals reach the main thread, which waits for the runs."""
  runner = Commands(
      tmp_path, 1, line='print("{0}", flush=True); import time; time.sleep(50)'
  )

  def stop():
    while (
        not (tmp_path / 'a.log').exists()
        or not (tmp_path / 'a.log').read_text()
    ):
      time.sleep(0.01)
    os.kill(os.getpid(), interrupt)

  # A program in the background of a shell ignores Ctrl-C.
  handlers = {
      signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
      signal.SIGTERM: signal.getsignal(signal.SIGTERM),
  }
  threading.Thread(target=stop).start()
  begin = time.monotonic()
  try:
    with pytest.raises((KeyboardInterrupt, SystemExit)):
      runner.make([job(name) for name in 'abc'])
  finally:
    for number, handler in handlers.items():
      signal.signal(number, handler)
  assert time.monotonic() - begin < 40.0
  assert not (tmp_path / 'b.log').exists()
  runner.check()  # Stopped is not failed.
