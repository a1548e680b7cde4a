"""Tests of what a resumed run drops and prints."""

import types

from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import metrics
from distillery.agents.core.running import resuming
import pytest

EVALUATION = ','.join(run_directory.EVALUATION_COLUMNS)


@pytest.fixture(name='config')
def fixture_config(tmp_path):
  """A run of 40 steps, evaluated every 20, which is resumed."""
  (tmp_path / 'config.json').write_text('{}')
  run_dir = run_directory.RunDirectory(tmp_path, resume=True)
  run_dir.write_json('versions.json', {'resumed': [{'num_env_steps': 60}]})
  run_dir.open_csv('train.csv').append(
      [{'env_steps': 10 * i, 'learner_steps': i} for i in range(1, 5)]
  )
  record = metrics.EvaluationRecord(
      run_dir, metrics.Summary(run_dir), 0, 'success'
  )
  for step in (0, 20, 40):
    record.add(
        step,
        1.0,
        [
            {
                'policy': 'task',
                'task': name,
                'split': 'train',
                'episodes': 1,
                'success': step / 100.0,
                'return': 1.0,
            }
            for name in 'ab'
        ],
    )
  return types.SimpleNamespace(
      run_dir=run_dir, suite=types.SimpleNamespace(score='success')
  )


def steps_of(config, name):
  path = config.run_dir.path / name
  return [
      row['env_steps']
      for row in csv_tables.read(
          path, {'env_steps': csv_tables.whole_number}
      ).rows
  ]


def said(capsys):
  return capsys.readouterr().out.splitlines()


def test_rows_after_the_checkpoint_are_dropped_with_a_message(config, capsys):
  picture = config.run_dir.path / 'learning_curve.png'
  before = picture.read_bytes()
  assert resuming.take_back(config, 20, 2) == 21
  assert said(capsys) == [
      'dropped 2 rows of train.csv and 2 rows of evaluation.csv from after 20 '
      'steps, where the run resumes'
  ]
  assert steps_of(config, 'train.csv') == [10, 20]
  assert steps_of(config, 'evaluation.csv') == [0, 0, 20, 20]
  assert picture.read_bytes() != before  # Drawn again.
  assert config.run_dir.read_json('versions.json') == {
      'resumed': [
          {
              'num_env_steps': 60,
              'env_steps': 20,
              'dropped_rows': {'train.csv': 2, 'evaluation.csv': 2},
          }
      ]
  }


def test_the_best_policies_of_later_steps_are_dropped(config):
  folder = config.run_dir.path / 'best' / f'{30:012d}'
  folder.mkdir(parents=True)
  resuming.take_back(config, 30, 3)
  assert folder.exists()
  config.run_dir.write_json('versions.json', {'resumed': [{}]})
  resuming.take_back(config, 20, 2)
  assert not folder.exists()


def test_a_run_at_its_checkpoint_takes_nothing_back(config, capsys):
  picture = config.run_dir.path / 'learning_curve.png'
  picture.write_text('the same')
  assert resuming.take_back(config, 40, 4) == 41
  assert said(capsys) == []
  assert picture.read_text() == 'the same'
  assert len(steps_of(config, 'train.csv')) == 4


def test_a_run_without_a_checkpoint_says_that_it_starts_again(config, capsys):
  assert resuming.take_back(config, 0, 0) == 0
  first, second = said(capsys)
  assert first == (
      f'warning: there is no checkpoint in {config.run_dir.path}; '
      'the run starts from the beginning.'
  )
  assert second.startswith(
      'dropped 4 rows of train.csv and 6 rows of evaluation.csv from after 0'
  )
  for name in ('train.csv', 'evaluation.csv'):
    assert steps_of(config, name) == []
  assert not (config.run_dir.path / 'learning_curve.png').exists()


def test_a_run_without_results_says_so_too(tmp_path, capsys):
  (tmp_path / 'config.json').write_text('{}')
  run_dir = run_directory.RunDirectory(tmp_path, resume=True)
  run_dir.write_json('versions.json', {'resumed': [{}]})
  resuming.take_back(
      types.SimpleNamespace(
          run_dir=run_dir, suite=types.SimpleNamespace(score='return')
      ),
      0,
      0,
  )
  assert 'the run starts from the beginning' in capsys.readouterr().out


def test_a_table_with_a_gap_is_reported(config, capsys):
  (config.run_dir.path / 'train.csv').write_text(
      'env_steps,learner_steps\n10,1\n'
  )
  resuming.take_back(config, 40, 4)
  assert said(capsys) == [
      f'warning: {config.run_dir.path}/train.csv has no rows from 11 to 40 '
      'steps; they could not be written, or were deleted.'
  ]
  (config.run_dir.path / 'train.csv').unlink()
  resuming.take_back(config, 40, 4)
  assert 'has no rows from 0 to 40 steps' in capsys.readouterr().out
  # Before anything is learned there are none.
  resuming.take_back(config, 40, 0)
  assert said(capsys) == []


def test_tables_that_were_made_of_what_is_dropped_are_named(config, capsys):
  path = config.run_dir.path
  for name, steps in (('evaluation_task.csv', 40), ('adaptation_test.csv', 20)):
    (path / name).write_text(f'env_steps,task\n{steps},a\n')
  (path / 'my_notes.csv').write_text('a;b\n')
  resuming.take_back(config, 20, 2)
  assert said(capsys)[1:] == [
      f'warning: {path}/evaluation_task.csv has results of later steps, which '
      'the run makes again; write the table again, or delete it.'
  ]


def test_a_picture_that_cannot_be_drawn_again_ends_no_run(config, capsys):
  (config.run_dir.path / 'learning_curve.png').unlink()
  (config.run_dir.path / 'learning_curve.png').mkdir()
  for steps in (20, 0):
    resuming.take_back(config, steps, steps // 10)
  assert sum('warning: cannot write' in line for line in said(capsys)) == 2
