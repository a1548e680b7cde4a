"""The launcher of PEARL, used as a user uses it."""

from distillery.agents.pearl import config as pearl_config
from helpers import launches
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launches.FOLDER / 'run_pearl.py'
ADAPT = launches.FOLDER / 'adapt.py'
FLAGFILES = sorted(LAUNCHER.parent.glob('flags/pearl_*.cfg'))
TINY = (
    '--suite=ML1/reach-v3',
    '--goals_per_task=2',
    '--num_env_steps=4000',
    '--evaluate_every=4000',
    '--evaluation_episodes=1',
    '--num_workers=1',
    '--hidden_sizes=8',
    '--critic_hidden_sizes=8',
    '--encoder_hidden_sizes=8',
    '--tasks_per_update=2',
    '--batch_size=16',
    '--random_steps=1000',
    '--steps_per_block=1',
    '--updates_per_step=2',
    '--run_dir=run',
)


def launch(*arguments, program=LAUNCHER, **kwargs):
  return launches.launch(*arguments, program=(program,), **kwargs)


@pytest.mark.slow
def test_a_run_and_adaptation(tmp_path):
  result = launch(*TINY, cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  row, _ = launches.rows_of(tmp_path / 'run' / 'train.csv')
  assert (row['env_steps'], row['learner_steps']) == ('2000', '1')
  result = launch(
      '--run_dir=run',
      '--num_trajectories=2',
      '--num_workers=1',
      program=ADAPT,
      cwd=tmp_path,
  )
  assert (result.returncode, result.stderr) == (0, '')
  rows = launches.rows_of(tmp_path / 'run' / 'adaptation_test.csv')
  assert [(row['trajectory'], row['task'], row['split']) for row in rows] == [
      (str(j), f'reach-v3-goal0{i}', 'test') for j in (1, 2) for i in (0, 1)
  ]
  for row in rows:
    assert (row['taken_for'], row['distance']) == ('', '')
    assert row['success'] in ('0', '1') and float(row['return']) > 0.0
    assert len(row['latent'].split()) == 5


@pytest.mark.parametrize(
    'arguments, words',
    [
        (
            ['--tasks_per_update=3'],
            'tasks_per_update=3: .*no more than the 2 tas',
        ),
        (
            ['--goals_per_task=51'],
            'goals_per_task: got 51, want at most 50, of',
        ),
        (
            ['--goals_per_task=-1'],
            'goals_per_task must not be negative, got -1',
        ),
        (
            ['--goals_per_task=0'],
            'episodes of reach-v3 have 50 different goals',
        ),
        (
            ['--unroll_length=50'],
            'unroll_length=50 is not the length of an episode; want 500',
        ),
        (['--context_sise=5'], "'context_sise'. Did you mean"),
    ],
)
def test_wrong_flags_raise_one_sentence(
    tmp_path, without_tensorflow, arguments, words
):
  result = launch(*TINY, *arguments, cwd=tmp_path, **without_tensorflow)
  launches.assert_refused(result, words)


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_flagfiles_suit_their_tasks(path):
  lines = path.read_text().splitlines()
  goals = [
      line.partition('=')[2]
      for line in lines
      if line.startswith('--goals_per_task=')
  ]
  config, run, spec = launches.read_flagfile(
      path, pearl_config.PearlConfig, others=('goals_per_task',)
  )
  num_tasks = spec.num_tasks * int(goals[0] if goals else 1)
  assert spec.horizon == config.unroll_length
  assert config.tasks_per_update <= num_tasks
  assert run.num_env_steps > num_tasks * config.random_steps
