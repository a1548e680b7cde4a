"""The launchers of DnC, used as a user uses them."""

import json

from distillery.agents.core.run_files import checkpoints
from helpers import launches
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launches.FOLDER / 'run_dnc.py'
TWO_COLUMNS = launches.FOLDER / 'examples' / 'dnc_two_columns.py'
# Small networks, one episode a context in a block; as many blocks as steps say.
TINY = (
    '--envs_per_task=1',
    '--unroll_length=500',
    '--hidden_sizes=8',
    '--penalty_states=20',
    '--distillation_period=2',
    '--distillation_epochs=1',
    '--evaluation_episodes=1',
    '--num_workers=1',
    '--seed=1',
)
ON_CONTEXTS = (
    *TINY,
    '--suite=MT1/reach-v3',
    '--num_contexts=2',
    '--noobserves_task',
    '--num_env_steps=2000',
    '--evaluate_every=2000',
    '--checkpoint_every=2000',
)


def launch(*arguments, program=LAUNCHER, **kwargs):
  return launches.launch(*arguments, program=(program,), **kwargs)


@pytest.fixture(scope='module', name='result')
def fixture_result(tmp_path_factory):
  """Two blocks on the contexts of a single task; the second is distilled."""
  folder = tmp_path_factory.mktemp('launcher')
  result = launch(*ON_CONTEXTS, '--run_dir=run', cwd=folder)
  result.run_dir = folder / 'run'
  return result


def test_a_run_on_the_contexts_of_one_task(result):
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout.splitlines()[-1] == 'Results are in run'
  rows = launches.rows_of(result.run_dir / 'evaluation.csv')
  assert [(row['env_steps'], row['policy'], row['task']) for row in rows] == [
      (steps, policy, f'reach-v3-context{i}')
      for steps in ('0', '2000')
      for policy in ('task', 'shared')
      for i in range(2)
  ]
  # All begin as the central policy, and the last block ended with a reset.
  local, central = (
      [row['return'] for row in rows if row['policy'] == policy]
      for policy in ('task', 'shared')
  )
  assert local == central
  train = launches.rows_of(result.run_dir / 'train.csv')
  assert [row['learner_steps'] for row in train] == ['1', '2']
  assert all(0.0 < float(row['kl']) <= 0.01 for row in train)


@pytest.mark.slow
def test_the_flagfile_of_a_run_has_its_contexts(result, tmp_path):
  config = json.loads((result.run_dir / 'config.json').read_text())
  assert config['suite_info']['num_contexts'] == '2'
  assert (
      '--num_contexts=2'
      in (result.run_dir / 'flags.cfg').read_text().splitlines()
  )
  flagfile = f'--flagfile={result.run_dir / "flags.cfg"}'
  again = launch(flagfile, '--run_dir=again', cwd=tmp_path)
  assert (again.returncode, again.stderr) == (0, '')
  launches.assert_same_policy(result.run_dir, tmp_path / 'again')


@pytest.mark.slow
def test_the_example_with_two_columns(tmp_path):
  result = launch(
      *TINY,
      '--suite=MT10',
      '--num_env_steps=10000',
      '--evaluate_every=10000',
      '--checkpoint_every=10000',
      '--distillation_period=1',
      '--run_dir=run',
      cwd=tmp_path,
      program=TWO_COLUMNS,
  )
  assert (result.returncode, result.stderr) == (0, '')
  policy = checkpoints.load_policy(tmp_path / 'run', 'task')
  observation = np.random.default_rng(0).normal(size=(10, 39))
  assert policy.act(observation.astype(np.float32), np.arange(10)).shape == (
      10,
      4,
  )
  parameters = np.load(checkpoints.newest(tmp_path / 'run') / 'policy.npz')
  (last,) = (name for name in parameters if name.endswith('task/w1'))
  # Two outputs an action, and the reset emptied the columns.
  assert parameters[last].shape == (10, 8, 8) and not parameters[last].any()


@pytest.mark.parametrize(
    'arguments, words',
    [
        (
            ['--suite=MT1/reach-v3', '--num_contexts=2'],
            'observes_task: .*want --noobserves_task with --num_contexts',
        ),
        (
            ['--suite=MT10', '--num_contexts=2', '--noobserves_task'],
            'num_contexts: got 2 with a suite of 10 tasks, which are contexts al',
        ),
        (
            ['--suite=MT1/reach-v3', '--num_contexts=1', '--noobserves_task'],
            'num_contexts: got 1, want',
        ),
        (
            ['--suite=MT1/reach-v3'],
            'DnC needs at least two contexts, got 1: want .*--num_contexts',
        ),
        (
            ['--penaltie=1'],
            "Unknown command line flag 'penaltie'. Did you mean",
        ),
        (['--variant=vanila'], 'variant.*vanilla'),
        (['--max_kl=0'], 'max_kl must be positive, got 0'),
        (['--penalty=-1'], 'penalty must not be negative, got -1'),
        (['--suite=ML10'], 'observes_task: .*want --noobserves_task with'),
        (
            ['--unroll_length=750'],
            'unroll_length=750 would cut episodes of 500 ',
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


def test_no_penalty_is_a_warning(tmp_path, without_tensorflow):
  result = launch(
      '--penalty=0', '--suite=MT11', cwd=tmp_path, **without_tensorflow
  )
  warning, error = result.stderr.splitlines()
  assert warning.startswith(
      "warning: penalty=0 leaves variant='vanilla' unconstrained"
  )
  assert error.startswith("error: suite: got 'MT11'")
