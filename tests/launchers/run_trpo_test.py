"""The launcher of TRPO, used as a user uses it."""

import csv
import os

from absl import flags
from distillery.agents.core import builders
from distillery.agents.core import checkpoints
from distillery.agents.core import run_directory
from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from distillery.environments import suites
from distillery.launchers import flag_utils
import launching
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launching.FOLDER / 'run_trpo.py'
FLAGFILES = sorted(LAUNCHER.parent.glob('flags/trpo_*.cfg'))
# Two blocks of an episode, an evaluation and a checkpoint after each.
TINY = (
    '--suite=MT1/reach-v3', '--num_env_steps=1000', '--unroll_length=500',
    '--envs_per_task=1', '--evaluate_every=500', '--evaluation_episodes=1',
    '--checkpoint_every=500', '--num_workers=2', '--hidden_sizes=8',
)


def launch(*arguments, **kwargs):
  return launching.launch(*arguments, program=(LAUNCHER,), **kwargs)


def test_a_run_says_what_it_reached_and_its_flags_repeat_it(tmp_path):
  result = launch(*TINY, '--run_dir=run', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  lines = result.stdout.splitlines()
  for steps in ('0', '500', '1,000'):
    assert any(line.lstrip().startswith(f'{steps} steps: shared policy ')
               for line in lines)
  assert ['success', 'shared'] in [line.split() for line in lines]
  assert lines[-1] == 'Results are in run'
  with open(tmp_path / 'run' / 'evaluation.csv', newline='') as f:
    assert [(row['env_steps'], row['policy']) for row in csv.DictReader(f)] == [
        (steps, 'shared') for steps in ('0', '500', '1000')]
  with open(tmp_path / 'run' / 'train.csv', newline='') as f:
    for row in csv.DictReader(f):
      assert 0. <= float(row['kl']) <= .01 and 'failure' not in row
  again = launch('--flagfile=run/flags.cfg', '--run_dir=again', cwd=tmp_path)
  assert (again.returncode, again.stderr) == (0, '')
  with np.load(checkpoints.newest(tmp_path / 'run') / 'policy.npz') as wanted:
    with np.load(checkpoints.newest(tmp_path / 'again') / 'policy.npz') as got:
      assert set(got) == set(wanted)
      for name, value in wanted.items():
        assert np.array_equal(value, got[name]), name


@pytest.fixture(name='without_tensorflow')
def fixture_without_tensorflow(tmp_path):
  """A folder whose `tensorflow` cannot be imported: it would take seconds."""
  folder = tmp_path / 'shadow'
  folder.mkdir()
  (folder / 'tensorflow.py').write_text('raise SystemExit("was imported")')
  return dict(PYTHONPATH=os.pathsep.join(
      [str(folder), *filter(None, [os.environ.get('PYTHONPATH')])]))


@pytest.mark.parametrize('arguments, words', [
    (['--max_kl=0'], 'max_kl must be positive, got 0'),
    (['--max_kl=nan'], 'max_kl=nan: got nan, want a finite number'),
    (['--backtrack_ratio=1'], r'backtrack_ratio must be in \(0, 1\), got 1'),
    (['--damping=-1'], 'damping must not be negative, got -1'),
    (['--baseline=none'], 'baseline.*linear'),
    (['--baseline=neural', '--value_minibatches=7'],
     'value_minibatches=7 does'),
    (['--unroll_length=250'], 'unroll_length=250 cuts episodes, which have 500'
     ' steps here.*--baseline=neural'),
    (['--suite=ML10'], 'observes_task: .*--noobserves_task.* 5 test tasks'),
    (['--max_lk=1'], "Unknown command line flag 'max_lk'. Did you mean"),
    # Of Distral.
    (['--kl_cost=1'], "Unknown command line flag 'kl_cost'"),
])
def test_wrong_flags_are_one_sentence(
    tmp_path, without_tensorflow, arguments, words):
  """And the directory is free for the right ones."""
  result = launch('--run_dir=run', *arguments, cwd=tmp_path,
                  **without_tensorflow)
  assert (result.returncode, result.stdout) == (1, '')
  launching.assert_one_sentence(result.stderr, words)
  run_directory.RunDirectory(tmp_path / 'run', resume=False)


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_flagfiles_suit_their_tasks(path):
  flag_values = flags.FlagValues()
  configs = [flag_utils.define(config, flag_values)
             for config in (trpo_config.TRPOConfig, flag_utils.RunOptions)]
  assert not flag_values(['launcher', f'--flagfile={path}'])[1:]
  config, run = (holder.value() for holder in configs)
  suite = suites.make_suite(run.suite, seed=run.seed)
  builder.TRPOBuilder(config, builders.AgentSpec(
      num_tasks=len(suite.train_tasks), num_test_tasks=len(suite.test_tasks),
      observation_spec=suite.observation_spec, action_spec=suite.action_spec,
      horizon=suite.horizon))
  # Whoever is not told the task is told no more by any other flag.
  assert config.observes_task == run.suite.startswith('MT')
  # The last block ends where the run is to end.
  block = config.batch_size * len(suite.train_tasks)
  assert abs(run.num_env_steps - block * round(run.num_env_steps / block)) < (
      .01 * run.num_env_steps)
  if path.stem == 'trpo_paper':
    assert (block, run.num_env_steps) == (20_000, 500 * 20_000)
    assert config.hidden_sizes == (150, 100, 50) and config.min_std == .01


def test_there_are_flagfiles_of_every_benchmark():
  assert {path.stem for path in FLAGFILES} == {
      f'trpo_{suite}' for suite in ('mt10', 'mt50', 'ml10', 'ml45', 'paper')}
