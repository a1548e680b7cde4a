"""A run's directory: who may use it, and files that are whole or absent."""

import errno
import json
import os
import subprocess
import sys

from distillery.agents.core.run_files import run_directory
import pytest


def test_a_new_or_an_empty_directory_is_taken(tmp_path):
  run_directory.RunDirectory(tmp_path / 'a' / 'b', resume=False)
  assert (tmp_path / 'a' / 'b').is_dir()
  (tmp_path / 'empty').mkdir()
  run_directory.RunDirectory(tmp_path / 'empty', resume=False)


def test_a_refused_run_leaves_its_directory_free(tmp_path):
  first = run_directory.RunDirectory(tmp_path / 'run', resume=False)
  (tmp_path / 'run' / 'flags.cfg').write_text('--wrong')
  (tmp_path / 'run' / 'versions.json').write_text('{}')
  (tmp_path / 'run' / 'config.json.tmp').write_text('{')  # Killed there.
  del first  # Its process has ended, before the run began.
  run = run_directory.RunDirectory(tmp_path / 'run', resume=False)
  assert run.path == tmp_path / 'run'


def refusal(path, *, resume):
  with pytest.raises(ValueError) as error:
    run_directory.RunDirectory(path, resume=resume)
  return str(error.value)


def contents(path):
  return {file.name: file.read_text() for file in path.iterdir()}


def test_files_that_no_run_writes_are_in_nobodys_way(tmp_path):
  # The shell makes the log before the launcher runs.
  (tmp_path / 'log.txt').write_text('')
  (tmp_path / 'thesis.txt').write_text('years of work')
  said = refusal(tmp_path, resume=True)
  assert said.endswith(
      'holds no run to resume (no config.json): it has log.txt, thesis.txt; '
      'without --resume, a run begins there.'
  )
  run_directory.RunDirectory(tmp_path, resume=False)
  assert contents(tmp_path) == {
      'log.txt': '',
      'thesis.txt': 'years of work',
      '.lock': '',
  }


@pytest.mark.parametrize(
    'name',
    [
        'train.csv',
        'evaluation.csv',
        'evaluation_task.csv',
        'adaptation_test.csv',
        'learning_curve.png',
        'flags.cfg',
        'versions.json',
    ],
)
@pytest.mark.parametrize('resume', [False, True])
def test_files_that_a_run_would_overwrite_are_refused(tmp_path, name, resume):
  (tmp_path / name).write_text('years of work')
  said = refusal(tmp_path, resume=resume)
  assert name in said and said.endswith('; want another directory.')
  assert 'no run to resume' in said and 'give --resume' not in said
  assert contents(tmp_path) == {name: 'years of work'}


@pytest.mark.parametrize('name', ['checkpoints', 'tensorboard'])
def test_folders_that_a_run_writes_into_are_in_the_way(tmp_path, name):
  (tmp_path / name).mkdir()
  (tmp_path / name / 'thesis.txt').touch()
  assert f'has {name}, which a run would' in refusal(tmp_path, resume=False)


def test_a_run_that_is_there_is_named(tmp_path):
  (tmp_path / 'config.json').write_text('{"agent": "sac", "suite": "MT10"}')
  assert refusal(tmp_path, resume=False).endswith(
      'is not empty; give --resume to continue the run of sac on MT10 in it, '
      'or another directory.'
  )
  run_directory.RunDirectory(tmp_path, resume=True)


@pytest.mark.parametrize('text', ['{"port": 80}', '[1]', 'years of work'])
def test_a_config_of_no_run_is_not_to_be_resumed(tmp_path, text):
  (tmp_path / 'config.json').write_text(text)
  said = refusal(tmp_path, resume=False)
  assert 'give --resume' not in said and 'want another directory' in said
  assert contents(tmp_path) == {'config.json': text}


def test_a_home_is_not_a_folder_of_that_name(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  monkeypatch.chdir(tmp_path)
  run = run_directory.RunDirectory('~/runs/a', resume=False)
  assert run.path == tmp_path / 'home' / 'runs' / 'a' and run.path.is_dir()
  assert [path.name for path in tmp_path.iterdir()] == ['home']


def test_a_file_is_refused(tmp_path):
  (tmp_path / 'file').write_text('')
  for resume in (False, True):
    with pytest.raises(ValueError, match='is not a directory'):
      run_directory.RunDirectory(tmp_path / 'file', resume=resume)


@pytest.mark.parametrize('name', ['absent', 'without_config'])
def test_resume_without_a_run_is_refused(tmp_path, name):
  (tmp_path / 'without_config').mkdir()
  (tmp_path / 'without_config' / 'notes.txt').write_text('')
  with pytest.raises(ValueError, match='no run to resume'):
    run_directory.RunDirectory(tmp_path / name, resume=True)
  assert not (tmp_path / 'absent').exists()
  assert len(list((tmp_path / 'without_config').iterdir())) == 1


def test_two_processes_cannot_share_a_directory(tmp_path):
  (tmp_path / 'config.json').write_text('{}')
  take = (
      'import sys\n'
      'from distillery.agents.core.run_files import run_directory\n'
      f'run = run_directory.RunDirectory({str(tmp_path)!r}, resume=True)\n'
      'print("taken", flush=True)\n'
      'sys.stdin.read()\n'
  )
  owner = subprocess.Popen(
      [sys.executable, '-c', take],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
  )
  with owner:
    assert owner.stdout.readline() == 'taken\n'
    for resume in (True, False):  # Advice to resume would not help.
      assert 'in use by another process' in refusal(tmp_path, resume=resume)
    owner.kill()
  # However the owner ended, the directory is free again.
  run_directory.RunDirectory(tmp_path, resume=True)


def test_json_comes_back(tmp_path):
  directory = run_directory.RunDirectory(tmp_path, resume=False)
  directory.write_json('config.json', {'sizes': [1, 2], 'rate': 0.1})
  assert directory.read_json('config.json') == {'sizes': [1, 2], 'rate': 0.1}


def lines_of(path):
  return path.read_bytes().decode().split('\r\n')


def test_csv_grows_by_rows_under_one_header(tmp_path):
  path = tmp_path / 'train.csv'
  table = run_directory.CsvFile(path, None)
  table.append([{'env_steps': 10, 'loss': 0.5}])
  table.append([{'env_steps': 20, 'loss': ''}, {'env_steps': 30, 'loss': 1.0}])
  assert lines_of(path) == ['env_steps,loss', '10,0.5', '20,', '30,1.0', '']


def test_csv_refuses_a_row_with_an_unknown_column(tmp_path):
  table = run_directory.CsvFile(tmp_path / 'a.csv', ['env_steps', 'loss'])
  with pytest.raises(ValueError, match='speed'):
    table.append([{'env_steps': 1, 'loss': 2, 'speed': 3}])


def test_truncated_csv_holds_what_came_before(tmp_path):
  path = tmp_path / 'train.csv'
  table = run_directory.CsvFile(path, ['env_steps', 'task'])
  table.append([{'env_steps': step, 'task': 'a, "b"'} for step in (1, 2, 3)])
  table.truncate(2)
  table.append([{'env_steps': 4, 'task': 'c'}])
  assert lines_of(path) == [
      'env_steps,task',
      '1,"a, ""b"""',
      '2,"a, ""b"""',
      '4,c',
      '',
  ]


def test_truncated_csv_drops_what_was_learned_from_the_same_steps(tmp_path):
  table = run_directory.CsvFile(tmp_path / 'train.csv', None)
  table.append(
      [
          {'env_steps': steps, 'loss': 0.5, 'learner_steps': learned}
          for steps, learned in ((1, 1), (1, 2), (2, 3), (2, 4), (2, 5), (3, 6))
      ]
  )
  table.truncate(2, 4)
  assert lines_of(tmp_path / 'train.csv') == [
      'env_steps,loss,learner_steps',
      '1,0.5,1',
      '1,0.5,2',
      '2,0.5,3',
      '2,0.5,4',
      '',
  ]


# Every way in which a kill can cut the last row short.
@pytest.mark.parametrize('cut', range(1, len('20,0.75,2\r\n') + 1))
def test_truncated_csv_drops_a_half_written_row(tmp_path, cut):
  path = tmp_path / 'train.csv'
  table = run_directory.CsvFile(path, ['env_steps', 'loss', 'episodes'])
  for step in (10, 20):
    table.append([{'env_steps': step, 'loss': 0.75, 'episodes': 2}])
  path.write_bytes(path.read_bytes()[:-cut])
  table.truncate(15)
  table.append([{'env_steps': 20, 'loss': 0.75, 'episodes': 2}])
  assert lines_of(path) == [
      'env_steps,loss,episodes',
      '10,0.75,2',
      '20,0.75,2',
      '',
  ]


@pytest.mark.parametrize('content', ['', 'env_st', 'env_steps,loss'])
def test_truncated_csv_starts_again_without_a_complete_header(
    tmp_path, content
):
  path = tmp_path / 'train.csv'
  path.write_text(content)
  table = run_directory.CsvFile(path, ['env_steps', 'loss'])
  table.truncate(15)
  table.append([{'env_steps': 20, 'loss': 1.0}])
  assert lines_of(path) == ['env_steps,loss', '20,1.0', '']


def test_truncating_no_file_makes_none(tmp_path):
  run_directory.CsvFile(tmp_path / 'train.csv', None).truncate(5)
  assert not list(tmp_path.iterdir())


def test_tables_are_in_one_encoding_wherever_they_are_written(tmp_path):
  program = (
      'import pathlib\n'
      'from distillery.agents.core.run_files import run_directory\n'
      'table = run_directory.CsvFile(pathlib.Path("a.csv"), None)\n'
      'table.append([{"env_steps": 1, "task": "\\u00fc\\U0001f600"}])\n'
      'table.truncate(1)\n'
      'run_directory.write_csv(pathlib.Path("b.csv"), [{"task": "\\u00fc"}])\n'
  )
  result = subprocess.run(
      [sys.executable, '-X', 'utf8=0', '-c', program],
      cwd=tmp_path,
      text=True,
      env={**os.environ, 'LC_ALL': 'POSIX', 'PYTHONCOERCECLOCALE': '0'},
      capture_output=True,
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert lines_of(tmp_path / 'a.csv')[1] == '1,\u00fc\U0001f600'
  assert lines_of(tmp_path / 'b.csv')[1] == '\u00fc'


def test_truncating_says_how_many_rows_go(tmp_path):
  table = run_directory.CsvFile(tmp_path / 'train.csv', ['env_steps'])
  assert table.truncate(0) == 0
  table.append([{'env_steps': step} for step in (1, 2, 3)])
  assert [table.truncate(limit) for limit in (3, 1, 1)] == [0, 2, 0]


def test_rows_are_not_glued_to_a_line_without_an_end(tmp_path):
  (tmp_path / 'train.csv').write_bytes(b'\xef\xbb\xbfenv_steps\n1')
  table = run_directory.CsvFile(tmp_path / 'train.csv', ['env_steps'])
  table.truncate(5)
  table.append([{'env_steps': 2}])
  assert lines_of(tmp_path / 'train.csv') == ['env_steps', '1', '2', '']


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
  path = tmp_path / 'flags.cfg'
  run_directory.write_text(path, 'old')

  def full_disk(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(os, 'fsync', full_disk)
  with pytest.raises(OSError, match='No space left'):
    run_directory.write_text(path, 'new')
  assert path.read_text() == 'old'
  assert [p.name for p in tmp_path.iterdir()] == ['flags.cfg']


def test_versions_name_what_a_result_depends_on(monkeypatch):
  monkeypatch.setenv('TF_ENABLE_ONEDNN_OPTS', '0')
  versions = run_directory.versions()
  assert json.loads(json.dumps(versions)) == versions
  assert versions['python'].startswith('3.')
  assert versions['tensorflow'].startswith('2.')
  assert {
      'acme-distillery',
      'dm-reverb',
      'metaworld',
      'mujoco',
      'numpy',
      'git_revision',
      'processor',
  } <= set(versions)
  assert versions['environment_variables']['TF_ENABLE_ONEDNN_OPTS'] == '0'


def test_a_table_with_other_columns_is_not_appended_to(tmp_path):
  run = run_directory.RunDirectory(tmp_path / 'run', resume=False)
  run.open_csv('train.csv').append([{'env_steps': 1, 'loss': 2.0}])
  before = (run.path / 'train.csv').read_text()
  with pytest.raises(
      ValueError,
      match='train.csv has other columns .* .error, loss differ.; want',
  ):
    run.open_csv('train.csv').append([{'env_steps': 2, 'error': 3.0}])
  assert (run.path / 'train.csv').read_text() == before
  # In whatever order.
  run.open_csv('train.csv').append([{'loss': 3.0, 'env_steps': 2}])
  assert (run.path / 'train.csv').read_text() == before + '2,3.0\n'
