"""The evaluation of a trained policy, used as a user uses it."""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys

from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.environments import suites
from distillery.launchers.common import flag_utils
from distillery.networks.policies import columns
import pytest

# Not imported: two launchers in one process would define the same flags.
LAUNCHER = pathlib.Path(flag_utils.__file__).parents[1] / 'evaluate.py'
D, A = 39, 4


def make_run(path, suite='ML1/reach-v3', policies=('task', 'shared')):
  """Writes what a run leaves, with a policy that has learned nothing."""
  path.mkdir()
  (path / 'config.json').write_text(
      json.dumps(
          {
              'suite': suite,
              'seed': 3,
              'tasks': [
                  f'{task.name} ({task.split})'
                  for task in suites.make_suite(suite, seed=3).tasks
              ],
          }
      )
  )
  (path / 'versions.json').write_text(
      json.dumps({'reward_function_version': 'v2'})
  )
  policy = columns.ColumnPolicy(
      1,
      D,
      A,
      is_discrete=False,
      architecture='two_column',
      alpha=0.5,
      hidden_sizes=(8,),
      shared_observes_task=False,
      std=columns.StdRange(1.0, 0.1, 2.0),
      min_observation_std=0.01,
      seed=0,
  )
  checkpoint_writing.finish(
      checkpoint_writing.begin(
          path,
          100,
          {'policy': policy},
          {which: policy.acting_policy(which) for which in policies},
          {
              name: variable.numpy()
              for name, variable in policy.acting_variables().items()
          },
          {'env_steps': 1234, 'wall_s': 5.678},
      )
  )
  return path


@pytest.fixture(scope='module', name='template')
def fixture_template(tmp_path_factory):
  return make_run(tmp_path_factory.mktemp('runs') / 'run')


@pytest.fixture(name='run_dir')
def fixture_run_dir(template, tmp_path):
  return shutil.copytree(template, tmp_path / 'run')


def run_evaluate(*arguments, cwd):
  return subprocess.run(
      [sys.executable, LAUNCHER, *arguments],
      capture_output=True,
      text=True,
      timeout=600,
      cwd=cwd,
  )


def rows_of(path):
  with open(path, newline='') as f:
    return list(csv.DictReader(f))


@pytest.mark.timeout(900)
def test_prints_and_writes_a_table(run_dir, tmp_path):
  (run_dir / 'evaluation_shared.csv').write_text('of an earlier evaluation')
  result = run_evaluate(
      '--run_dir=run', '--policy=shared', '--episodes_per_task=2', cwd=tmp_path
  )
  assert (result.returncode, result.stderr) == (0, '')
  first, *lines = result.stdout.splitlines()
  assert first == 'after 1,234 steps of training'
  words = [line.split() for line in lines]
  assert [row[:2] for row in words] == [
      ['success', 'shared'],
      ['reach-v3', words[1][1]],
      ['reach-v3', '(test)'],
      ['mean', words[3][1]],
      ['mean', '(test)'],
  ]
  rows = rows_of(run_dir / 'evaluation_shared.csv')
  assert tuple(rows[0]) == run_directory.EVALUATION_COLUMNS
  assert {(row['env_steps'], row['wall_s']) for row in rows} == {
      ('1234', '5.68')
  }
  # ML1's test task is its training task with other goals.
  assert [
      (row['policy'], row['task'], row['split'], row['episodes'])
      for row in rows
  ] == [
      ('shared', 'reach-v3', 'train', '2'),
      ('shared', 'reach-v3', 'test', '2'),
  ]
  assert rows[0]['return'] != rows[1]['return']
  again = run_evaluate(
      '--run_dir=run',
      '--policy=shared',
      '--num_workers=1',
      '--episodes_per_task=2',
      cwd=tmp_path,
  )
  assert again.stdout == result.stdout
  assert rows_of(run_dir / 'evaluation_shared.csv') == rows


def test_the_best_checkpoint_is_evaluated(run_dir, tmp_path):
  loaded = checkpoints.load_policy(run_dir, 'shared')
  checkpoint_writing.write_best(
      run_dir,
      70,
      {'shared': loaded.policy},
      loaded.parameters,
      {'env_steps': 70, 'wall_s': 2.0},
  )
  result = run_evaluate(
      '--run_dir=run',
      '--policy=shared',
      '--checkpoint=best',
      '--episodes_per_task=1',
      cwd=tmp_path,
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout.startswith('after 70 steps of training\n')
  rows = rows_of(run_dir / 'evaluation_shared_best.csv')
  assert [row['env_steps'] for row in rows] == ['70', '70']


def test_random_actions_are_measured_by_the_same_protocol(run_dir, tmp_path):
  result = run_evaluate(
      '--run_dir=run', '--policy=random', '--episodes_per_task=1', cwd=tmp_path
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout.startswith('after 0 steps of training\n')
  rows = rows_of(run_dir / 'evaluation_random.csv')
  assert [(row['env_steps'], row['policy'], row['split']) for row in rows] == [
      ('0', 'random', 'train'),
      ('0', 'random', 'test'),
  ]


def remove(name):
  return (
      lambda run_dir: shutil.rmtree(run_dir / name)
      if (run_dir / name).is_dir()
      else (run_dir / name).unlink()
  )


def damage_all(run_dir):
  for path in (run_dir / 'checkpoints').rglob('policy.npz'):
    path.write_bytes(b'')


# The change of the run, the arguments, and the error message.
FAULTS = {
    'no directory': (
        None,
        ['--run_dir='],
        "run_dir '.' holds no run .no config.json.",
    ),
    'no such directory': (None, ['--run_dir=rnu'], "run_dir 'rnu' holds no"),
    'no config': (
        remove('config.json'),
        [],
        "run_dir 'run' holds no run .no config.json.",
    ),
    'a config of something else': (
        lambda run_dir: (run_dir / 'config.json').write_text('{}'),
        [],
        'cannot read run/config.json: suite is None; want the str',
    ),
    'half a config': (
        lambda run_dir: (run_dir / 'config.json').write_text('{'),
        [],
        'cannot read run/config.json: Expecting',
    ),
    'no checkpoint': (remove('checkpoints'), [], 'no checkpoint in run yet.'),
    'damaged': (
        damage_all,
        [],
        'all checkpoints in run/checkpoints are damaged: '
        'policy.npz is not what was written',
    ),
    'no such checkpoint': (
        None,
        ['--checkpoint=5'],
        "checkpoint: got '5', want last, best or, in run, 100.",
    ),
    'a checkpoint misspelt': (
        None,
        ['--checkpoint=bset'],
        "checkpoint must be 'last', 'best' or a number .* got 'bset'",
    ),
    'no such policy': (None, ['--policy=tsak'], 'tsak.*task\\|shared'),
    'no episodes': (None, ['--episodes_per_task=0'], 'episodes_per_task'),
    'misspelt': (None, ['--episode=5'], "Unknown command line flag 'episode'"),
    'positional': (None, ['run'], "unexpected argument 'run'"),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_bad_arguments_raise_one_sentence(run_dir, tmp_path, fault):
  harm, arguments, words = FAULTS[fault]
  if harm:
    harm(run_dir)
  before = sorted(tmp_path.rglob('*'))
  result = run_evaluate('--run_dir=run', *arguments, cwd=tmp_path)
  assert (result.returncode, result.stdout) == (1, '')
  *warnings, last = result.stderr.splitlines()
  assert re.match(rf'error: .*{words}', last)
  assert len(warnings) == (fault == 'damaged')
  assert all(
      re.match('warning: checkpoint .* is damaged', warning)
      for warning in warnings
  )
  assert sorted(tmp_path.rglob('*')) == before


def test_a_policy_that_was_not_trained_is_refused(tmp_path):
  make_run(tmp_path / 'run', policies=('task',))
  result = run_evaluate('--run_dir=run', '--policy=shared', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (
      1,
      "error: policy must be one of ['task'] in run, got 'shared'.\n",
  )
