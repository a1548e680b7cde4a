"""The launcher of TRPO, used as a user uses it."""

from distillery.agents.core.run_files import run_directory
from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from helpers import launches
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launches.FOLDER / 'run_trpo.py'
FLAGFILES = sorted(LAUNCHER.parent.glob('flags/trpo_*.cfg'))
# Two blocks of an episode, an evaluation and a checkpoint after each.
TINY = (
    '--suite=MT1/reach-v3',
    '--num_env_steps=1000',
    '--unroll_length=500',
    '--envs_per_task=1',
    '--evaluate_every=500',
    '--evaluation_episodes=1',
    '--checkpoint_every=500',
    '--num_workers=2',
    '--hidden_sizes=8',
)


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


@pytest.mark.slow
def test_a_run_says_what_it_reached_and_its_flags_repeat_it(tmp_path):
  result = launch(*TINY, '--run_dir=run', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  lines = result.stdout.splitlines()
  for steps in ('0', '500', '1,000'):
    assert any(
        line.lstrip().startswith(f'{steps} steps: shared policy ')
        for line in lines
    )
  assert ['success', 'shared'] in [line.split() for line in lines]
  assert lines[-1] == 'Results are in run'
  rows = launches.rows_of(tmp_path / 'run' / 'evaluation.csv')
  assert [(row['env_steps'], row['policy']) for row in rows] == [
      (steps, 'shared') for steps in ('0', '500', '1000')
  ]
  for row in launches.rows_of(tmp_path / 'run' / 'train.csv'):
    assert 0.0 <= float(row['kl']) <= 0.01 and 'failure' not in row
  again = launch('--flagfile=run/flags.cfg', '--run_dir=again', cwd=tmp_path)
  assert (again.returncode, again.stderr) == (0, '')
  launches.assert_same_policy(tmp_path / 'run', tmp_path / 'again')


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['--max_kl=0'], 'max_kl must be positive, got 0'),
        (['--max_kl=nan'], 'max_kl=nan: got nan, want a finite number'),
        (
            ['--backtrack_ratio=1'],
            r'backtrack_ratio must be in \(0, 1\), got 1',
        ),
        (['--damping=-1'], 'damping must not be negative, got -1'),
        (['--baseline=none'], 'baseline.*linear'),
        (
            ['--baseline=neural', '--value_minibatches=7'],
            'value_minibatches=7 does',
        ),
        (
            ['--unroll_length=250'],
            'unroll_length=250 would cut episodes of 500'
            ' steps.*--baseline=neural',
        ),
        (['--suite=ML10'], 'observes_task: .*--noobserves_task.* 5 test tasks'),
        (['--max_lk=1'], "Unknown command line flag 'max_lk'. Did you mean"),
        # A flag of Distral.
        (['--kl_cost=1'], "Unknown command line flag 'kl_cost'"),
    ],
)
def test_wrong_flags_raise_one_sentence(
    tmp_path, without_tensorflow, arguments, words
):
  """The directory is free afterwards for a run with the right flags."""
  result = launch(
      '--run_dir=run', *arguments, cwd=tmp_path, **without_tensorflow
  )
  launches.assert_refused(result, words)
  run_directory.RunDirectory(tmp_path / 'run', resume=False)


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_flagfiles_suit_their_tasks(path):
  config, run, spec = launches.read_flagfile(path, trpo_config.TRPOConfig)
  builder.TRPOBuilder(config, spec)
  # A policy that is not told the task must not learn it from another flag.
  assert config.observes_task == run.suite.startswith('MT')
  # The last block ends where the run is to end.
  block = config.batch_size * spec.num_tasks
  assert abs(run.num_env_steps - block * round(run.num_env_steps / block)) < (
      0.01 * run.num_env_steps
  )
  if path.stem == 'trpo_paper':
    assert (block, run.num_env_steps) == (20_000, 500 * 20_000)
    assert config.hidden_sizes == (150, 100, 50) and config.min_std == 0.01


def test_there_are_flagfiles_of_every_benchmark():
  assert {path.stem for path in FLAGFILES} == {
      f'trpo_{suite}' for suite in ('mt10', 'mt50', 'ml10', 'ml45', 'paper')
  }
