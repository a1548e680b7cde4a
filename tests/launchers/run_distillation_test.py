"""The launcher of distillation, used as a user uses it."""

import shutil

from distillery.agents.core.run_files import checkpoints
from distillery.agents.distillation import config as distillation_config
from helpers import launches
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(600)
FLAGFILES = sorted(launches.FOLDER.glob('flags/distillation_*.cfg'))
TINY = (
    '--suite=HALF_CHEETAH',
    '--num_env_steps=1200',
    '--envs_per_task=2',
    '--evaluate_every=1200',
    '--evaluation_episodes=1',
    '--checkpoint_every=1200',
    '--num_workers=1',
)


def launch(launcher, *arguments, **kwargs):
  return launches.launch(
      *TINY,
      *arguments,
      program=(launches.FOLDER / f'run_{launcher}.py',),
      **kwargs,
  )


def assert_done(result):
  assert (result.returncode, result.stderr) == (0, '')


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_a_flagfile_names_teachers_that_a_command_makes(path):
  config, _, _ = launches.read_flagfile(
      path, distillation_config.DistillationConfig
  )
  readme = launches.FOLDER.parent / 'agents' / 'distillation' / 'README.md'
  commands = [
      line
      for line in readme.read_text().splitlines()
      if line.startswith('python launchers/run_a2c.py')
  ]
  assert any(line.endswith(f'--run_dir={config.teachers}') for line in commands)


@pytest.mark.slow
def test_a_student_is_distilled_resumed_and_tuned(tmp_path):
  assert_done(
      launch(
          'a2c',
          '--hidden_sizes=8,8',
          '--architecture=separate',
          '--run_dir=teachers',
          cwd=tmp_path,
      )
  )
  distil = (
      'distillation',
      '--hidden_sizes=8,8',
      '--teachers=teachers',
      '--run_dir=student',
  )
  assert_done(launch(*distil, cwd=tmp_path))
  assert_done(launch(*distil, '--num_env_steps=2400', '--resume', cwd=tmp_path))
  rows = launches.rows_of(tmp_path / 'student' / 'evaluation.csv')
  assert {row['env_steps'] for row in rows} == {'0', '1200', '2400'}
  assert_done(
      launch(
          'a2c',
          '--hidden_sizes=8,8',
          '--initial_run=student',
          '--trainable=last',
          '--run_dir=tuned',
          cwd=tmp_path,
      )
  )
  before, after = (
      dict(np.load(checkpoints.newest(tmp_path / name) / 'policy.npz'))
      for name in ('student', 'tuned')
  )
  moved = {
      name
      for name, value in after.items()
      if name in before and not np.array_equal(value, before[name])
  }
  assert moved == {'w2', 'b2', 'log_std'}
  shutil.rmtree(tmp_path / 'teachers')
  launches.assert_refused(
      launch(*distil, '--num_env_steps=3600', '--resume', cwd=tmp_path),
      'no checkpoint in teachers',
  )
