"""Tests of what programs survive, and of how they end if they do not.

Each test does to a running program what machines do: see `docs/programs.md`.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

from distillery.agents.core.run_files import checkpoints
from helpers import harm
import numpy as np
import psutil
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.mark.parametrize('agent, kills', [('distral', 4), ('sac', 20)])
def test_f1_actors_are_killed(tmp_path, agent, kills):
  path = tmp_path / 'run'
  rng = np.random.default_rng(0)
  took = []
  with harm.started(agent, path, harm.FOREVER) as launcher:
    harm.wait_for_steps(path, launcher, 200)
    for i in range(kills):
      # In turn, and no more than the four times a minute that are forgiven.
      time.sleep(rng.uniform(4.0, 8.0))
      took.append(harm.kill(launcher, f'actor/{i % 2}'))
      before = harm.steps(path)
      harm.wait_for_steps(path, launcher, 200)
      assert harm.steps(path) > before
  print(
      f'\n{agent}: {kills} actors killed; another in its place after '
      f'{np.median(took):.1f} s in the median, {max(took):.1f} at most'
  )
  assert max(took) < 30.0
  assert harm.log_of(path).count('will be restarted') == kills


def test_f2_the_learner_is_killed(tmp_path):
  path = tmp_path / 'run'
  with harm.started('sac', path, harm.FOREVER) as launcher:
    harm.wait_for_checkpoint(path, launcher)
    harm.kill(launcher, 'learner/0')

    def returns():
      steps_ = [int(row['learner_steps']) for row in harm.rows_of(path)]
      return [now for before, now in zip(steps_, steps_[1:]) if now <= before]

    # It goes back, once, and not behind the first checkpoint.
    harm.wait_for(returns, 'learning', launcher)
    oldest = min(x for x in path.glob('checkpoints/0*') if x.name.isdigit())
    state = json.loads((oldest / 'state.json').read_text())
    (first,) = returns()
    assert first > state['learner_steps'] > 100
  # Replay kept running, so no other node was restarted.
  assert re.findall(r'; (.*) will be restarted', harm.log_of(path)) == [
      'learner/0'
  ]


def test_f3_replay_is_killed(tmp_path):
  path = tmp_path / 'run'
  with harm.started('sac', path, harm.FOREVER) as launcher:
    harm.wait_for_checkpoint(path, launcher)
    harm.kill(launcher, 'replay/0')
    harm.wait_for_steps(path, launcher, 1_000)
  assert re.findall(r'; (.*) will be restarted', harm.log_of(path)) == [
      'replay/0, actor/0, actor/1, learner/0'
  ]


def test_f4_replay_does_not_come_back(tmp_path):
  path = tmp_path / 'run'
  with harm.started('sac', path, harm.FOREVER) as launcher:
    harm.wait_for_checkpoint(path, launcher)
    for checkpoint in path.glob('checkpoints/0*'):
      (checkpoint / 'policy.npz').write_bytes(b'')
    kill_at = time.monotonic()
    harm.process_of(launcher, 'replay/0').kill()
    assert launcher.wait(timeout=120.0) == 1
    assert time.monotonic() - kill_at < 60.0
  last = harm.log_of(path).strip().splitlines()[-1]
  # Whichever of them looked for a checkpoint first.
  assert re.match('error: (replay|learner)/0 could not be constructed: ', last)
  assert 'are damaged' in last


def test_f5_the_launcher_is_killed(tmp_path):
  path = tmp_path / 'run'
  with harm.started('sac', path, harm.FOREVER) as launcher:
    harm.wait_for_steps(path, launcher, 100)
    family = harm.descendants(launcher)
    assert len(family) > 5
    launcher.kill()
    _, left = psutil.wait_procs(family, timeout=15.0)
    assert not left
    # And the directory is free.
  with harm.started(
      'sac', path, harm.FOREVER, 'local_mp', '--resume'
  ) as launcher:
    harm.wait_for_steps(path, launcher, 200)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('launch_type', ['local_mt', 'local_mp'])
def test_f6_a_program_is_preempted_and_goes_on(tmp_path, launch_type, number):
  path = tmp_path / 'run'
  with harm.started('distral', path, harm.FOREVER, launch_type) as launcher:
    harm.wait_for_checkpoint(path, launcher)
    begin = time.monotonic()
    launcher.send_signal(number)
    assert launcher.wait(timeout=60.0) in (130, 143)
    assert time.monotonic() - begin < 20.0
  saved = checkpoints.env_steps(checkpoints.newest(path))
  target = saved + 2_000
  with harm.started(
      'distral', path, target, launch_type, '--resume'
  ) as launcher:
    harm.wait_for_end(launcher, path)
  found = [int(row['env_steps']) for row in harm.rows_of(path)]
  assert found == sorted(found) and found[-1] >= target
  # Counted once: no row between the checkpoint and the new beginning is left.
  assert len([row for row in found if row <= saved]) > 0
  evaluated = [
      int(row['env_steps']) for row in harm.rows_of(path, 'evaluation.csv')
  ]
  assert evaluated == sorted(evaluated) and evaluated[-1] >= target


@pytest.mark.skipif(os.geteuid() != 0, reason='mounting a disk needs root')
@pytest.mark.parametrize('agent', ['distral', 'sac'])
def test_f10_the_disk_fills_up_and_is_freed(tmp_path, agent):
  """Learning continues, checkpoints stay, and saving works again with room."""
  path = tmp_path / 'run'
  path.mkdir()
  subprocess.run(
      ['mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', str(path)], check=True
  )
  try:
    with harm.started(agent, path, harm.FOREVER) as launcher:
      harm.wait_for_checkpoint(path, launcher)
      filler = path / 'filler'
      with contextlib.suppress(OSError), open(filler, 'wb', buffering=0) as f:
        while True:
          f.write(bytes(1 << 12))
      harm.wait_for(
          lambda: harm.log_of(path).count('cannot write') >= 2,
          'two attempts to save',
          launcher,
      )
      kept = checkpoints.newest(path)
      assert kept is not None
      assert not list(path.glob('checkpoints/*.tmp'))
      filler.unlink()
      harm.wait_for(
          lambda: checkpoints.newest(path).name > kept.name,
          'a checkpoint once there is room',
          launcher,
      )
      before = harm.steps(path)
      harm.wait_for(lambda: harm.steps(path) > before, 'rows again', launcher)
      # Nothing had to be started again, and no row is torn.
      assert ' failed (' not in harm.log_of(path)
      for row in harm.rows_of(path):
        assert None not in row.values() and None not in row
  finally:
    subprocess.run(['umount', '-l', str(path)], check=True)


def test_f20_only_reverb_listens_on_other_devices(tmp_path):
  path = tmp_path / 'run'
  with harm.started('sac', path, harm.FOREVER) as launcher:
    harm.wait_for_steps(path, launcher, 100)
    replay = harm.process_of(launcher, 'replay/0').pid
    found = []
    for process in harm.descendants(launcher):
      with contextlib.suppress(psutil.Error):
        found += [
            (process.pid, c.laddr.ip.removeprefix('::ffff:'))
            for c in process.net_connections()
            if c.status == psutil.CONN_LISTEN
        ]
    assert found
    assert {pid for pid, host in found if host not in ('127.0.0.1', '::1')} <= {
        replay
    }
