"""The tables of the continuous-control study, in miniature."""

import json

from distillery.agents.core.run_files import run_directory
from helpers import launches
import pytest

LAUNCHER = launches.FOLDER / 'study_a2c.py'


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_both_tables_are_made_and_not_made_again(tmp_path):
  study = ('--num_seeds=1', '--scale=0.0002', '--output_dir=out')
  result = launches.launch(*study, program=(LAUNCHER,), cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  table2 = launches.rows_of(tmp_path / 'out' / 'table2.csv')
  assert {row['column'] for row in table2} == {
      'scratch',
      'multi_head',
      'distillation',
      'distillation, 2 x 128',
      'scratch, rewards normalised, no bonus',
      'multi_head, rewards normalised, no bonus',
  }
  assert len(table2) == 6 * 6
  for row in table2[:6]:
    last = launches.rows_of(
        tmp_path / 'out' / 'scratch' / 'seed0' / 'evaluation.csv'
    )[-6:]
    (found,) = (r['return'] for r in last if r['task'] == row['body'])
    assert float(row['mean']) == pytest.approx(float(found), abs=0.06)
  table1 = launches.rows_of(tmp_path / 'out' / 'table1.csv')
  assert len(table1) == 6 * 2
  assert {row['on'] for row in table1} == {'SmallFoot', 'SmallLeg'}
  again = launches.launch(*study, program=(LAUNCHER,), cwd=tmp_path)
  assert ': done' not in again.stdout
  versions = json.loads((tmp_path / 'out' / 'versions.json').read_text())
  assert len(versions['runs']) == 6 + 6


def test_all_jobs_are_checked_before_the_first_starts(tmp_path):
  run_dir = tmp_path / 'out' / 'first_to_second_1M' / 'seed0'
  checkpoint = run_dir / 'checkpoints' / '000000000001'
  checkpoint.mkdir(parents=True)
  (checkpoint / 'manifest.json').write_text('{}')
  result = launches.launch(
      '--num_seeds=1', '--output_dir=out', program=(LAUNCHER,), cwd=tmp_path
  )
  assert result.returncode == 1
  assert 'first_to_second_1M/seed0 was not made by this study' in result.stderr
  assert not (tmp_path / 'out' / 'scratch').exists()


def test_of_a_teacher_that_is_not_whole_nothing_is_made(tmp_path):
  held = []
  for name in (
      'scratch',
      'multi_head',
      'scratch_normalized_no_bonus',
      'multi_head_normalized_no_bonus',
  ):
    path = tmp_path / 'out' / name / 'seed0'
    held.append(run_directory.RunDirectory(path, resume=False))
    (path / 'config.json').write_text('{}')
  result = launches.launch(
      '--num_seeds=1',
      '--table=2',
      '--output_dir=out',
      program=(LAUNCHER,),
      cwd=tmp_path,
  )
  assert result.returncode == 1
  assert '4 of the runs failed' in result.stderr
  assert 'in use by another process' in result.stderr
  assert not (tmp_path / 'out' / 'distillation').exists()
