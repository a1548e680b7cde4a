"""The pool's processes: what they load, and that none is ever left behind."""

import ast
import functools
import gc
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time
import weakref

from distillery.environments import fakes
from distillery.environments.pool import process_pool
from helpers import pool_helpers as helpers
import pytest

# A program in the background of a shell ignores Ctrl-C.
_HEAR_CTRL_C = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)

# Makes a pool with slow environments, says so, and collects for an hour.
_PROGRAM = """
    import sys
    sys.path.insert(0, {helpers!r})
    from helpers import pool_helpers as helpers

    def main():
      pool = helpers.make_pool(
          [helpers.sleepy_task({seconds})], envs_per_task=4,
          num_workers={num_workers}, unroll_length=10000)
      pool.wait_until_ready()
      pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
      print('collecting', flush=True)
      pool.collect()

    if __name__ == '__main__':
      {run}
"""


def write_program(folder, run='main()', seconds=0.1, num_workers=2):
  path = folder / 'program.py'
  path.write_text(
      textwrap.dedent(_PROGRAM).format(
          helpers=str(pathlib.Path(__file__).parents[2]),
          run=run,
          seconds=seconds,
          num_workers=num_workers,
      )
  )
  return path


@pytest.fixture
def program(tmp_path):
  """Starts the program in a session of its own; its workers' process ids."""
  started = []

  def start(**options):
    path = write_program(tmp_path, **options)
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_HEAR_CTRL_C,
    )
    started.append((process, []))
    assert process.stdout.readline() == 'collecting\n', process.stderr.read()
    time.sleep(0.3)  # Into the block.
    workers = helpers.workers_of(process.pid)
    started[-1][1].extend(workers)
    assert len(workers) == options.get('num_workers', 2)
    return process, workers

  yield start
  for process, workers in started:
    process.kill()
    for worker in filter(helpers.is_alive, workers):
      os.kill(worker, signal.SIGKILL)  # A test has failed.
    process.communicate()


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(
            run='import threading; t = threading.Thread(target=main); t.start(); '
            't.join()'
        ),
        dict(
            seconds=1000.0, num_workers=1
        ),  # Nothing is measured with one worker.
    ],
    ids=['main_thread', 'another_thread', 'within_a_step'],
)
@pytest.mark.parametrize('sign', [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent(program, options, sign):
  named = helpers.segments()
  process, workers = program(**options)
  children = helpers.descendants(process.pid)
  os.kill(process.pid, sign)
  assert process.wait(60.0) == -sign
  assert helpers.wait_until_dead(workers)
  assert helpers.wait_until_dead(children)
  assert helpers.segments() <= named


def test_ctrl_c_ends_everything(program):
  process, workers = program()
  os.killpg(process.pid, signal.SIGINT)  # As a terminal sends it.
  _, errors = process.communicate(timeout=60.0)
  assert process.returncode == -signal.SIGINT
  assert errors.count('Traceback') == 1, errors  # The parent's alone.
  assert errors.rstrip().endswith('KeyboardInterrupt')
  assert helpers.wait_until_dead(workers)


def test_ctrl_c_while_workers_start_ends_everything(tmp_path):
  path = write_program(tmp_path)
  process = subprocess.Popen(
      [sys.executable, str(path)],
      stderr=subprocess.PIPE,
      text=True,
      start_new_session=True,
      preexec_fn=_HEAR_CTRL_C,
  )
  try:
    deadline = time.monotonic() + 60.0
    while not helpers.workers_of(process.pid) and time.monotonic() < deadline:
      time.sleep(0.005)
    workers = helpers.workers_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60.0)
    assert errors.count('Traceback') == 1, errors
    assert helpers.wait_until_dead(workers)
  finally:
    process.kill()


def test_an_exception_of_the_caller_ends_the_workers():
  with helpers.leaves_nothing(), pytest.raises(KeyError):
    with helpers.make_pool(fakes.point_mass_suite(2), num_workers=2):
      raise KeyError


def test_close_does_not_wait_for_a_busy_start_or_step():
  task = helpers.sleepy_task(1000.0)
  with helpers.leaves_nothing():
    pool = helpers.make_pool([task], num_workers=2, envs_per_task=4)
    pool.close()
    with pytest.raises(RuntimeError, match='the pool is closed'):
      pool.collect()


def test_a_forgotten_pool_ends_its_workers():
  with helpers.leaves_nothing():
    pool = helpers.make_pool(fakes.point_mass_suite(1))
    pool.wait_until_ready()
    forgotten = weakref.ref(pool)
    del pool
    gc.collect()
    assert forgotten() is None


def test_a_program_that_ends_without_close_ends(tmp_path):
  path = write_program(tmp_path)
  path.write_text(
      path.read_text().replace('pool.collect()', 'globals().update(kept=pool)')
  )
  result = subprocess.run(
      [sys.executable, str(path)], capture_output=True, text=True, timeout=60.0
  )
  assert (result.returncode, result.stderr) == (0, '')


def test_a_script_without_the_main_guard_is_refused(tmp_path):
  path = write_program(tmp_path)
  path.write_text(
      path.read_text().replace("if __name__ == '__main__':", 'if True:')
  )
  result = subprocess.run(
      [sys.executable, str(path)], capture_output=True, text=True, timeout=60.0
  )
  assert result.returncode == 1
  assert (
      'ended with exit code 1; it was at its start. If the program that '
      in result.stderr
  )


def test_a_forked_copy_of_the_program_leaves_the_workers_alone():
  with helpers.make_pool(fakes.point_mass_suite(1)) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
    pool.collect()
    child = os.fork()
    if child == 0:
      pool.close()
      os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    pool.collect()


def test_workers_stay_light_and_single_threaded(monkeypatch):
  monkeypatch.setenv('OMP_NUM_THREADS', '5')
  monkeypatch.delenv('MKL_NUM_THREADS', raising=False)
  pool = helpers.make_pool(fakes.point_mass_suite(1))
  assert os.environ['OMP_NUM_THREADS'] == '5'
  assert 'MKL_NUM_THREADS' not in os.environ
  pool.set_policy(helpers.SpyingPolicy(), helpers.parameters_for(1))
  with pytest.raises(process_pool.PoolError) as caught:
    pool.collect()
  told = str(caught.value).partition('LookupError: ')[2].splitlines()[0]
  spied = ast.literal_eval(told)
  heavy = {
      'tensorflow',
      'tensorflow_probability',
      'acme',
      'reverb',
      'sonnet',
      'jax',
      'gymnasium',
      'metaworld',
      'distillery.agents',
      'distillery.networks',
      'distillery.launchers',
  }
  assert not heavy & set(spied['modules'])
  assert spied['threads'] == '1'
  status = dict(
      line.split(':\t', 1)
      for line in spied['status'].splitlines()
      if ':\t' in line
  )
  assert status['Threads'].strip() == '1'
  assert int(status['VmRSS'].split()[0]) < 150 * 1024
