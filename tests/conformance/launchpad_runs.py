"""Our launchers on DeepMind's Launchpad; run by `make test-launchpad`."""

import csv
import pathlib
import subprocess
import sys

import pytest

LAUNCHERS = pathlib.Path(__file__).parents[2] / 'launchers'
COMMON = (
    '--suite=MT1/reach-v3',
    '--num_env_steps=4000',
    '--evaluate_every=2000',
    '--checkpoint_every=2000',
    '--evaluation_episodes=1',
    '--num_workers=1',
    '--num_actors=2',
    '--run_dir=run',
    '--hidden_sizes=16',
)
AGENTS = {
    'trpo': ('--envs_per_task=1', '--unroll_length=500', '--noobserves_task'),
    'distral': (
        '--envs_per_task=1',
        '--unroll_length=500',
        '--value_hidden_sizes=16',
    ),
    'sac': (
        '--critic_hidden_sizes=16',
        '--random_steps=200',
        '--batch_size=16',
        '--samples_per_insert=16',
    ),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize('launch_type', ['local_mt', 'local_mp'])
@pytest.mark.parametrize('agent', AGENTS)
def test_a_launcher_runs_with_launchpad(tmp_path, agent, launch_type):
  result = subprocess.run(
      [
          sys.executable,
          LAUNCHERS / f'run_{agent}.py',
          *COMMON,
          *AGENTS[agent],
          f'--lp_launch_type={launch_type}',
      ],
      cwd=tmp_path,
      capture_output=True,
      text=True,
      timeout=500.0,
  )
  assert result.returncode == 0, result.stdout + result.stderr
  assert result.stdout.splitlines()[-1].endswith('Results are in run')
  with open(tmp_path / 'run' / 'evaluation.csv', newline='') as f:
    rows = list(csv.DictReader(f))
  assert int(rows[-1]['env_steps']) >= 4000
  assert list(tmp_path.glob('run/checkpoints/0*/manifest.json'))
