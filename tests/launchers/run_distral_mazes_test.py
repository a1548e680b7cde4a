"""Distral in mazes, with a memory, used as a user uses it."""

from helpers import launches
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LAUNCHER = launches.FOLDER / 'run_distral.py'
TINY = (
    f'--flagfile={LAUNCHER.parent}/flags/distral_mazes.cfg',
    '--envs_per_task=2',
    '--evaluation_episodes=1',
    '--checkpoint_every=960',
    '--evaluate_every=1920',
    '--unroll_length=30',
    '--hidden_sizes=8',
    '--lstm_size=8',
)


def launch(*arguments, **kwargs):
  return launches.launch(*TINY, *arguments, program=(LAUNCHER,), **kwargs)


def test_a_run_resumed_ends_with_the_same_parameters(tmp_path):
  for steps, run_dir, *more in (
      ('1920', 'whole'),
      ('960', 'parts'),
      ('1920', 'parts', '--resume'),
  ):
    result = launch(
        f'--num_env_steps={steps}', f'--run_dir={run_dir}', *more, cwd=tmp_path
    )
    assert (result.returncode, result.stderr) == (0, '')
  launches.assert_same_policy(tmp_path / 'whole', tmp_path / 'parts')


def test_it_runs_as_a_program_too(tmp_path):
  result = launch(
      '--num_env_steps=1920',
      '--run_dir=run',
      '--lp_launch_type=local_mt',
      '--num_actors=2',
      cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  rows = launches.rows_of(tmp_path / 'run' / 'evaluation.csv')
  assert {row['policy'] for row in rows} == {'task', 'shared'}
  assert int(rows[-1]['env_steps']) >= 1920
