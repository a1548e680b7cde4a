"""Launchers that run their agent as a program."""

from helpers import launches
import pytest

pytestmark = pytest.mark.timeout(600)
LAUNCHER = launches.FOLDER / 'run_trpo.py'
TINY = (
    '--suite=MT1/reach-v3',
    '--num_env_steps=2000',
    '--evaluate_every=1000',
    '--evaluation_episodes=1',
    '--checkpoint_every=1000',
    '--num_workers=1',
    '--envs_per_task=1',
    '--unroll_length=500',
    '--hidden_sizes=8',
    '--noobserves_task',
    '--run_dir=run',
)


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


@pytest.mark.slow
def test_a_program_is_launched_repeated_and_resumed(tmp_path):
  result = launch(*TINY, '--lp_launch_type=local_mt', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  lines = result.stdout.splitlines()
  assert ['success', 'shared'] in [line.split() for line in lines]
  assert lines[-1] == 'Results are in run'
  rows = launches.rows_of(tmp_path / 'run' / 'train.csv')
  assert int(rows[-1]['env_steps']) >= 2000
  flags = (tmp_path / 'run' / 'flags.cfg').read_text().splitlines()
  assert flags[-1] == '--lp_launch_type=local_mt'
  resumed = launch(
      '--flagfile=run/flags.cfg',
      '--run_dir=run',
      '--resume',
      '--num_env_steps=3000',
      cwd=tmp_path,
  )
  assert (resumed.returncode, resumed.stderr) == (0, '')
  rows = launches.rows_of(tmp_path / 'run' / 'train.csv')
  assert int(rows[-1]['env_steps']) >= 3000


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['--lp_launch_type=local'], 'lp_launch_type=local: .*local_mt'),
        (
            ['--lp_launch_type=local_mt', '--num_actors=0'],
            'num_actors must be positive, got 0',
        ),
        (
            ['--lp_launch_type=local_mp', '--ray_address=nowhere'],
            "ray_address must be HOST:PORT, got 'nowhere'",
        ),
    ],
)
def test_wrong_flags_raise_one_sentence(
    tmp_path, without_tensorflow, arguments, words
):
  result = launch(
      '--run_dir=run', *arguments, cwd=tmp_path, **without_tensorflow
  )
  launches.assert_refused(result, words)
