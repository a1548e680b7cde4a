"""Tests of what a run writes; a failure to write does not end the run."""

import csv
import errno
import os

from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import metrics
from distillery.environments.pool import process_pool
import pytest
from tensorboard.backend.event_processing import event_accumulator
import tensorflow as tf

PNG = b'\x89PNG\r\n\x1a\n'
NAMES = [
    'price $1',
    '$x$',
    r'$\frac$',
    '_under',
    '',
    'a/b',
    '../up',
    'a,b',
    'a"b',
    'line\nbreak',
    '\u00fc',
    '\U0001f600',
    'n' * 300,
    '%d',
    '{x}',
    r'\frac',
    '[red]x[/red]',
    '[/]',
    'A',
    'a',
    'nan',
    '\x1b[0m',
]


@pytest.fixture(name='run_dir')
def fixture_run_dir(tmp_path):
  return run_directory.RunDirectory(tmp_path / 'run', resume=False)


def evaluation_rows(names, policy='task', split='train'):
  return [
      {
          'policy': policy,
          'task': name,
          'split': split,
          'episodes': 1,
          'success': 0.5,
          'return': 1.0,
      }
      for name in names
  ]


def events(run_dir):
  """TensorBoard's own reading: steps by tag."""
  found = event_accumulator.EventAccumulator(str(run_dir.path / 'tensorboard'))
  found.Reload()
  return {
      tag: [event.step for event in found.Scalars(tag)]
      for tag in found.Tags()['scalars']
  }


# So few that all are named in the legend.
@pytest.mark.parametrize('names', [NAMES[:11], NAMES[11:]])
def test_names_are_written_as_they_are(run_dir, capsys, names):
  summary = metrics.Summary(run_dir)
  train = metrics.TrainRecord(run_dir, summary, names, 0, 0)
  train.add(
      1,
      1.0,
      1,
      [
          process_pool.Episode(
              task=name, env=0, episode=0, return_=1.0, length=1, success=True
          )
          for name in names
      ],
      {f'temperature/{name}': 1.0 for name in names},
  )
  record = metrics.EvaluationRecord(run_dir, summary, 0, 'success')
  record.add(0, 1.0, evaluation_rows(names))
  assert capsys.readouterr().out == ''
  assert [
      row.task
      for row in curves.read_evaluations(run_dir.path / 'evaluation.csv')
  ] == names
  assert (run_dir.path / 'learning_curve.png').read_bytes().startswith(PNG)
  found = events(run_dir)
  for name in names:
    assert found[f'evaluation_task/{name}'] == [0]
    assert found[f'train_success/{name}'] == [1]
  with open(run_dir.path / 'train.csv', newline='', encoding='utf-8') as f:
    (row,) = csv.DictReader(f)
  assert {f'temperature/{name}' for name in names} < set(row)
  # A resumed run finds its own columns.
  metrics.TrainRecord(run_dir, summary, names, 1, 1).add(
      2, 1.0, 2, [], {f'temperature/{name}': 1.0 for name in names}
  )
  assert capsys.readouterr().out == ''


def test_names_that_no_file_can_hold_end_no_run(run_dir, capsys):
  record = metrics.EvaluationRecord(
      run_dir, metrics.Summary(run_dir), 0, 'success'
  )
  for step in range(2):
    record.add(step, 1.0, evaluation_rows(['a\udcff', 'b']))
  assert 'b' in [
      row.task
      for row in curves.read_evaluations(run_dir.path / 'evaluation.csv')
  ]
  assert events(run_dir)['evaluation_task/b'] == [0, 1]
  assert capsys.readouterr().out == ''


def test_policies_of_a_users_own_are_drawn(run_dir, capsys):
  record = metrics.EvaluationRecord(
      run_dir, metrics.Summary(run_dir), 0, 'success'
  )
  line = record.add(0, 1.0, evaluation_rows('ab', '$\\frac$'))
  assert '$\\frac$ policy 50.0%' in line
  assert capsys.readouterr().out == ''
  assert (run_dir.path / 'learning_curve.png').read_bytes().startswith(PNG)


def in_the_way(name):
  def make(run_dir, monkeypatch):
    del monkeypatch
    (run_dir.path / name).mkdir()
    return lambda: (run_dir.path / name).rmdir()

  return make


def tensorboard_in_the_way(run_dir, monkeypatch):
  del monkeypatch
  (run_dir.path / 'tensorboard').write_text('')
  return (run_dir.path / 'tensorboard').unlink


def full(name):
  def make(run_dir, monkeypatch):
    path, link = str(run_dir.path / name), run_dir.path / f'{name}.full'
    link.symlink_to('/dev/full')
    true_open = open

    def full_open(file, *args, **kwargs):
      return true_open(
          link if str(file) in (path, f'{path}.tmp') else file, *args, **kwargs
      )

    monkeypatch.setattr('builtins.open', full_open)
    return monkeypatch.undo

  return make


def matplotlib_fails(run_dir, monkeypatch):
  del run_dir

  def fail(*unused_args):
    raise RuntimeError('no such\n  font')

  monkeypatch.setattr(curves, 'learning_curve', fail)
  return monkeypatch.undo


@pytest.mark.parametrize(
    'harm, name, says',
    [
        (in_the_way('train.csv'), 'train.csv', 'Is a directory'),
        (in_the_way('evaluation.csv'), 'evaluation.csv', 'Is a directory'),
        (
            in_the_way('learning_curve.png'),
            'learning_curve.png',
            'Is a directory',
        ),
        (tensorboard_in_the_way, 'tensorboard', 'File exists'),
        (full('train.csv'), 'train.csv', 'No space left'),
        (full('evaluation.csv'), 'evaluation.csv', 'No space left'),
        (matplotlib_fails, 'learning_curve.png', 'no such font'),
    ],
    ids=[
        'train',
        'evaluation',
        'picture',
        'tensorboard',
        'full_train',
        'full_evaluation',
        'matplotlib',
    ],
)
def test_a_file_that_cannot_be_written_causes_one_warning(
    run_dir, capsys, monkeypatch, harm, name, says
):
  summary = metrics.Summary(run_dir)
  train = metrics.TrainRecord(run_dir, summary, ['a'], 0, 0)
  record = metrics.EvaluationRecord(run_dir, summary, 0, 'success')
  if name == 'tensorboard':  # It was opened with the tables.
    for path in (run_dir.path / 'tensorboard').iterdir():
      path.unlink()
    (run_dir.path / 'tensorboard').rmdir()
    summary = metrics.Summary(run_dir)
    train._summary = record._summary = summary
  repair = harm(run_dir, monkeypatch)

  def add(step):
    train.add(step, 1.0, step, [], {'loss': 1.0})
    return record.add(step, 1.0, evaluation_rows('ab'))

  for step in (3_000, 6_000):
    assert '50.0%' in add(step)
  said = [
      line
      for line in capsys.readouterr().out.splitlines()
      # Without a table there is no picture of it.
      if name == 'learning_curve.png' or 'learning_curve' not in line
  ]
  assert len(said) == 1
  assert said[0].startswith(f'warning: cannot write {run_dir.path / name}: ')
  assert says in said[0]
  repair()
  add(9_000)
  assert capsys.readouterr().out == ''
  assert (run_dir.path / 'learning_curve.png').read_bytes().startswith(PNG)
  for table in ('train.csv', 'evaluation.csv'):
    steps = {
        line.partition(',')[0]
        for line in (run_dir.path / table).read_text().splitlines()[1:]
    }
    assert steps == {'9000'} | (set() if table == name else {'3000', '6000'})
  assert events(run_dir)['evaluation_task/a'][-1] == 9_000


def test_other_columns_end_no_run(run_dir, capsys):
  train = metrics.TrainRecord(run_dir, metrics.Summary(run_dir), ['a'], 0, 0)
  train.add(1, 1.0, 1, [], {'loss': 1.0})
  train.add(2, 1.0, 2, [], {'error': 1.0})
  said = capsys.readouterr().out
  assert 'train.csv has other columns than the new rows (error, loss' in said


def test_ctrl_c_while_a_table_is_written_is_ctrl_c(run_dir, monkeypatch):
  def interrupt(*unused_args):
    raise KeyboardInterrupt

  train = metrics.TrainRecord(run_dir, metrics.Summary(run_dir), ['a'], 0, 0)
  monkeypatch.setattr(run_directory.CsvFile, 'append', interrupt)
  with pytest.raises(KeyboardInterrupt):
    train.add(1, 1.0, 1, [], {})


def test_tensorboard_on_a_full_disk_is_a_warning(run_dir, monkeypatch, capsys):
  writer = tf.io.TFRecordWriter
  monkeypatch.setattr(tf.io, 'TFRecordWriter', lambda _: writer('/dev/full'))
  summary = metrics.Summary(run_dir)
  for step in range(2):
    summary.write(step, {'a': 1.0})
  (said,) = capsys.readouterr().out.splitlines()
  assert said.startswith(
      f'warning: cannot write {run_dir.path / "tensorboard"}: '
  )
  assert os.strerror(errno.ENOSPC) in said
  monkeypatch.undo()
  summary.write(2, {'a': 1.0})
  assert events(run_dir) == {'a': [2]}


def test_tensorboard_forgets_what_is_taken_back(run_dir):
  first = metrics.Summary(run_dir)
  for step in range(5):
    first.write(step, {'a': 1.0, 'b': 1.0})
  second = metrics.Summary(run_dir, restart=3)
  second.open()
  # A file that is written meanwhile keeps what it has.
  third = metrics.Summary(run_dir)
  third.write(4, {'b': 2.0})
  second.write(6, {'a': 2.0})
  assert events(run_dir) == {'a': [0, 1, 2, 6], 'b': [0, 1, 2, 4]}


def test_the_status_is_of_the_episodes_that_ended_last():
  status = metrics.Status('return')
  assert status.text == 'first episodes'
  status.update({'episodes': 2, 'episode_return': 1234.5})
  status.update({'episodes': 0, 'episode_return': ''})
  assert status.text == 'training return 1,234'
