"""The launcher of SAC, used as a user uses it."""

from distillery.agents.core.run_files import checkpoints
from distillery.agents.sac import builder
from distillery.agents.sac import config as sac_config
from helpers import launches
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launches.FOLDER / 'run_sac.py'
FLAGFILES = sorted(LAUNCHER.parent.glob('flags/sac_*.cfg'))
REFERENCES = (
    'sac_mt10',
    'sac_mt50',
    'sac_multi_head_mt10',
    'sac_multi_head_mt50',
)
TINY = (
    '--suite=MT1/reach-v3',
    '--num_env_steps=600',
    '--random_steps=200',
    '--evaluate_every=600',
    '--evaluation_episodes=1',
    '--checkpoint_every=300',
    '--num_workers=1',
    '--hidden_sizes=8',
    '--critic_hidden_sizes=8',
    '--batch_size=16',
    '--samples_per_insert=16',
    '--run_dir=run',
)


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


@pytest.mark.slow
def test_a_run_and_its_resumption(tmp_path):
  result = launch(*TINY, cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  lines = result.stdout.splitlines()
  assert ['success', 'shared'] in [line.split() for line in lines]
  assert lines[-1] == 'Results are in run'
  rows = launches.rows_of(tmp_path / 'run' / 'train.csv')
  # A row a block from the first that was learned from; 5 steps of 10 updates.
  assert [(row['env_steps'], row['learner_steps']) for row in rows] == [
      (str(50 * (i + 4)), str(5 * (i + 1))) for i in range(9)
  ]
  policy = checkpoints.load_policy(tmp_path / 'run', 'shared')
  action = policy.act(np.zeros((1, 39), np.float32), np.array([0]))
  assert action.shape == (1, 4) and (np.abs(action) <= 1.0).all()
  resumed = launch(*TINY, '--resume', '--num_env_steps=700', cwd=tmp_path)
  assert (resumed.returncode, resumed.stderr) == (0, '')
  last = launches.rows_of(tmp_path / 'run' / 'train.csv')[-1]
  assert (last['env_steps'], last['learner_steps']) == ('700', '55')


@pytest.mark.parametrize(
    'arguments, words',
    [
        (
            ['--batch_size=1281'],
            'batch_size=1281 cannot be shared out equally am',
        ),
        (
            ['--replay_size=100'],
            'replay_size=100 is less than the 128 transitions',
        ),
        (
            ['--architecture=separate'],
            'observes_task: .*want --noobserves_task',
        ),
        (['--architecture=two_column'], 'architecture.*multi_head'),
        (['--suite=ML10'], 'want --noobserves_task --architecture=shared'),
        (['--sample_per_insert=1'], "'sample_per_insert'. Did you mean"),
    ],
)
def test_wrong_flags_raise_one_sentence(
    tmp_path, without_tensorflow, arguments, words
):
  result = launch(
      '--run_dir=run', *arguments, cwd=tmp_path, **without_tensorflow
  )
  launches.assert_refused(result, words)


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_flagfiles_suit_their_tasks(path):
  config, run, spec = launches.read_flagfile(path, sac_config.SACConfig)
  made = builder.SACBuilder(config, spec)
  assert made.num_learner_steps(run.num_env_steps) > 0


@pytest.mark.parametrize('name', REFERENCES)
def test_the_references_update_once_for_every_step_of_an_environment(name):
  config, run, spec = launches.read_flagfile(
      LAUNCHER.parent / 'flags' / f'{name}.cfg', sac_config.SACConfig
  )
  made = builder.SACBuilder(config, spec)
  assert (
      made.num_learner_steps(run.num_env_steps) * config.updates_per_step
      == config.envs_per_task * config.unroll_length
  )
  assert config.batch_size == 128 * spec.num_tasks


def test_there_are_flagfiles_of_every_benchmark():
  assert {path.stem for path in FLAGFILES} == {
      *REFERENCES,
      'sac_mt10_fast',
      'sac_mt1_reach',
      'sac_mt1_drawer_close',
      'sac_mt1_door_open',
      'sac_damsel_per_family',
      'sac_damsel_per_task',
  }
