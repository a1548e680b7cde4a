"""The launcher of A2C, used as a user uses it."""

import dataclasses

from distillery.agents.a2c import builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.core.run_files import checkpoints
from helpers import launches
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(600)
LAUNCHER = launches.FOLDER / 'run_a2c.py'
FLAGFILES = sorted(LAUNCHER.parent.glob('flags/a2c_*.cfg'))
TINY = (
    '--suite=HALF_CHEETAH/SmallFoot',
    '--num_env_steps=2000',
    '--envs_per_task=2',
    '--evaluate_every=2000',
    '--evaluation_episodes=1',
    '--checkpoint_every=2000',
    '--num_workers=2',
    '--hidden_sizes=8,8',
    '--architecture=separate',
)


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_a_flagfile_is_a_config_and_tasks_that_go_together(path):
  config, _, spec = launches.read_flagfile(path, a2c_config.A2CConfig)
  assert (config.architecture == 'separate') == path.stem.endswith(
      ('scratch', 'tuning')
  )
  if config.initial_run:  # Which a command of the same file makes.
    (command,) = [
        line
        for line in path.read_text().splitlines()
        if line.startswith('# python launchers/run_a2c.py')
    ]
    assert command.endswith(f'--run_dir={config.initial_run}')
    config = dataclasses.replace(config, initial_run='', trainable='all')
  made = builder.A2CBuilder(config, spec)
  assert made.evaluated_policies == ('task',)


@pytest.mark.slow
def test_the_score_of_a_cheetah_is_its_return_and_layers_can_be_tuned(tmp_path):
  result = launch(*TINY, '--run_dir=first', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  lines = result.stdout.splitlines()
  assert any(line.endswith(' return') for line in lines)
  assert ['return', 'task'] in [line.split() for line in lines]
  tuned = launch(
      *TINY,
      '--suite=HALF_CHEETAH/SmallLeg',
      '--initial_run=first',
      '--trainable=last',
      '--run_dir=tuned',
      cwd=tmp_path,
  )
  assert (tuned.returncode, tuned.stderr) == (0, '')
  before, after = (
      dict(np.load(checkpoints.newest(tmp_path / name) / 'policy.npz'))
      for name in ('first', 'tuned')
  )
  moved = {
      name
      for name, value in after.items()
      if not np.array_equal(value, before[name])
  }
  assert moved == {'w2', 'b2', 'log_std'}
  evaluate = (launches.FOLDER / 'evaluate.py',)
  other = launches.launch(
      '--run_dir=tuned',
      '--suite=HALF_CHEETAH/SmallFoot',
      '--episodes_per_task=1',
      program=evaluate,
      cwd=tmp_path,
  )
  assert (other.returncode, other.stderr) == (0, '')
  (row,) = launches.rows_of(
      tmp_path / 'tuned' / 'evaluation_task_HALF_CHEETAH-SmallFoot.csv'
  )
  assert row['task'] == 'SmallFoot'
  launches.assert_refused(
      launches.launch(
          '--run_dir=tuned',
          '--suite=MT1/reach-v3',
          program=evaluate,
          cwd=tmp_path,
      ),
      r'suite: MT1/reach-v3 has an observation of \(39,\), and the run',
  )


def test_a_bad_initial_run_is_refused(tmp_path):
  launches.assert_refused(
      launch(*TINY, '--initial_run=nowhere', cwd=tmp_path),
      "initial_run: there is no checkpoint in 'nowhere'",
  )
  launches.assert_refused(
      launch(*TINY, '--trainable=last', cwd=tmp_path),
      "trainable='last' would leave random weights",
  )
