"""What programs survive, and how they end when they do not.

Each test does to a running program what machines do: see the table in the
README. Processes are found by the name of their node in their environment.
"""

import contextlib
import csv
import json
import re
import signal
import subprocess
import sys
import time

from distillery.agents.core import checkpoints
from distillery.launching import ray_engine
import program_runs
import psutil
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
FOREVER = 10**9
SCRIPT = program_runs.__file__


@contextlib.contextmanager
def started(agent, path, num_env_steps, launch_type='local_mp', *more):
  """A program's launcher; nothing of it is left behind."""
  log = open(path.with_suffix('.log'), 'w', encoding='utf-8')
  process = subprocess.Popen(
      [sys.executable, SCRIPT, agent, str(path), str(num_env_steps),
       launch_type, *more], stdout=log, stderr=subprocess.STDOUT)
  try:
    yield process
  finally:
    family = descendants(process)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
      process.wait(timeout=60.)
    process.kill()
    process.wait()
    log.close()
    _, left = psutil.wait_procs(family, timeout=20.)
    for child in left:
      child.kill()
    assert not left


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
      if process.environ().get(ray_engine.NODE_VARIABLE) == node and (
          process.parent().name() == 'raylet'):
        return process
  return None


def wait_for(condition, what, launcher, seconds=300.):
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


@pytest.mark.parametrize('agent', ['distral', 'sac'])
def test_f1_actors_are_killed(tmp_path, agent):
  path = tmp_path / 'run'
  with started(agent, path, FOREVER) as launcher:
    wait_for_steps(path, launcher, 200)
    for i in range(4):
      # Three times within the budget of a minute, one actor after the other.
      seconds = kill(launcher, f'actor/{i % 2}')
      assert seconds < 30.
      before = steps(path)
      wait_for_steps(path, launcher, 200)
      assert steps(path) > before
  assert log_of(path).count('will be started anew') == 4


def test_f2_the_learner_is_killed(tmp_path):
  path = tmp_path / 'run'
  with started('sac', path, FOREVER) as launcher:
    wait_for_checkpoint(path, launcher)
    kill(launcher, 'learner/0')

    def returns():
      steps_ = [int(row['learner_steps']) for row in rows_of(path)]
      return [now for before, now in zip(steps_, steps_[1:]) if now <= before]

    # It goes back, once, and not behind the first checkpoint.
    wait_for(returns, 'learning', launcher)
    oldest = min(x for x in path.glob('checkpoints/0*') if x.name.isdigit())
    state = json.loads((oldest / 'state.json').read_text())
    first, = returns()
    assert first > state['learner_steps'] > 100
  # Replay went on, so nobody else was started anew.
  assert re.findall(r'; (.*) will be started anew', log_of(path)) == [
      'learner/0']


def test_f3_replay_is_killed(tmp_path):
  path = tmp_path / 'run'
  with started('sac', path, FOREVER) as launcher:
    wait_for_checkpoint(path, launcher)
    kill(launcher, 'replay/0')
    wait_for_steps(path, launcher, 1_000)
  assert re.findall(r'; (.*) will be started anew', log_of(path)) == [
      'replay/0, actor/0, actor/1, learner/0']


def test_f4_replay_does_not_come_back(tmp_path):
  path = tmp_path / 'run'
  with started('sac', path, FOREVER) as launcher:
    wait_for_checkpoint(path, launcher)
    for checkpoint in path.glob('checkpoints/0*'):
      (checkpoint / 'policy.npz').write_bytes(b'')
    kill_at = time.monotonic()
    process_of(launcher, 'replay/0').kill()
    assert launcher.wait(timeout=120.) == 1
    assert time.monotonic() - kill_at < 60.
  last = log_of(path).strip().splitlines()[-1]
  # Whichever of them looked for a checkpoint first.
  assert re.match('error: (replay|learner)/0 could not be constructed: ', last)
  assert 'is whole' in last


def test_f5_the_launcher_is_killed(tmp_path):
  path = tmp_path / 'run'
  with started('sac', path, FOREVER) as launcher:
    wait_for_steps(path, launcher, 100)
    family = descendants(launcher)
    assert len(family) > 5
    launcher.kill()
    _, left = psutil.wait_procs(family, timeout=15.)
    assert not left
    # And the directory is free.
  with started('sac', path, FOREVER, 'local_mp', '--resume') as launcher:
    wait_for_steps(path, launcher, 200)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('launch_type', ['local_mt', 'local_mp'])
def test_f6_a_program_is_preempted_and_goes_on(tmp_path, launch_type, number):
  path = tmp_path / 'run'
  with started('distral', path, FOREVER, launch_type) as launcher:
    wait_for_checkpoint(path, launcher)
    begin = time.monotonic()
    launcher.send_signal(number)
    assert launcher.wait(timeout=60.) in (130, 143)
    assert time.monotonic() - begin < 20.
  saved = checkpoints.env_steps(checkpoints.newest(path))
  target = saved + 2_000
  with started('distral', path, target, launch_type, '--resume') as launcher:
    assert launcher.wait(timeout=600.) == 0
  found = [int(row['env_steps']) for row in rows_of(path)]
  assert found == sorted(found) and found[-1] >= target
  # Counted once: no row between the checkpoint and the new beginning is left.
  assert len([row for row in found if row <= saved]) > 0
  evaluated = [int(row['env_steps']) for row in rows_of(path, 'evaluation.csv')]
  assert evaluated == sorted(evaluated) and evaluated[-1] >= target


@pytest.mark.parametrize('agent', ['distral', 'sac'])
def test_f10_the_disk_fills_up_and_is_freed(tmp_path, agent):
  """Learning goes on; what was saved stays; saving works once there is room."""
  path = tmp_path / 'run'
  path.mkdir()
  subprocess.run(
      ['mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', str(path)], check=True)
  try:
    with started(agent, path, FOREVER) as launcher:
      wait_for_checkpoint(path, launcher)
      filler = path / 'filler'
      with contextlib.suppress(OSError), open(filler, 'wb', buffering=0) as f:
        while True:
          f.write(bytes(1 << 12))
      wait_for(lambda: log_of(path).count('cannot write') >= 2,
               'two attempts to save', launcher)
      kept = checkpoints.newest(path)
      assert kept is not None
      assert not list(path.glob('checkpoints/*.tmp'))
      filler.unlink()
      wait_for(lambda: checkpoints.newest(path).name > kept.name,
               'a checkpoint once there is room', launcher)
      before = steps(path)
      wait_for(lambda: steps(path) > before, 'rows again', launcher)
      # Nothing had to be started again, and no row is torn.
      assert ' failed (' not in log_of(path)
      for row in rows_of(path):
        assert None not in row.values() and None not in row
  finally:
    subprocess.run(['umount', '-l', str(path)], check=True)


def test_f20_only_reverb_listens_on_other_devices(tmp_path):
  path = tmp_path / 'run'
  with started('sac', path, FOREVER) as launcher:
    wait_for_steps(path, launcher, 100)
    replay = process_of(launcher, 'replay/0').pid
    found = []
    for process in descendants(launcher):
      with contextlib.suppress(psutil.Error):
        found += [
            (process.pid, c.laddr.ip.removeprefix('::ffff:'))
            for c in process.net_connections()
            if c.status == psutil.CONN_LISTEN]
    assert found
    assert {pid for pid, host in found
            if host not in ('127.0.0.1', '::1')} <= {replay}
