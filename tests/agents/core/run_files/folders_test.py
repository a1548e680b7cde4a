"""Folders on other disks, and disks without links."""

import errno
import os
import shutil

from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import folders
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import metrics
from distillery.agents.core.running import replay_server
from helpers import disks
import pytest
import tensorflow as tf


@pytest.fixture(name='disk')
def fixture_disk(monkeypatch, tmp_path):
  folder = disks.other_disk(monkeypatch, tmp_path)
  yield folder
  shutil.rmtree(folder)


def fill(folder):
  (folder / 'inner').mkdir(parents=True)
  (folder / 'DONE').write_text('')
  (folder / 'inner' / 'chunks').write_text('numbers')
  return folder


def assert_filled(folder):
  assert sorted(
      path.relative_to(folder).as_posix() for path in folder.rglob('*')
  ) == ['DONE', 'inner', 'inner/chunks']
  assert (folder / 'inner' / 'chunks').read_text() == 'numbers'


def save(run_dir, env_steps, write_replay=None):
  return checkpoint_writing.finish(
      checkpoint_writing.begin(
          run_dir, env_steps, {'x': tf.Module()}, {}, {}, {}
      ),
      write_replay,
  )


def refuse(error):
  def refused(*args, **kwargs):
    raise OSError(error, os.strerror(error))

  return refused


def test_between_disks_files_are_copied(tmp_path, disk):
  source = fill(tmp_path / 'source')
  folders.copy(source, disk / 'copy')
  assert_filled(source)
  assert_filled(disk / 'copy')
  folders.move(source, disk / 'moved')
  assert_filled(disk / 'moved')
  assert not source.exists()


def test_on_one_disk_files_get_a_second_name(tmp_path):
  source = fill(tmp_path / 'source')
  folders.copy(source, tmp_path / 'copy')
  assert (source / 'DONE').stat().st_ino == (
      tmp_path / 'copy' / 'DONE'
  ).stat().st_ino


@pytest.mark.parametrize(
    'error',
    [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.EACCES],
)
def test_files_are_copied_where_links_are_not_possible(
    tmp_path, monkeypatch, error
):
  monkeypatch.setattr(os, 'link', refuse(error))
  source = fill(tmp_path / 'source')
  folders.copy(source, tmp_path / 'copy')
  assert_filled(tmp_path / 'copy')
  assert (source / 'DONE').stat().st_ino != (
      tmp_path / 'copy' / 'DONE'
  ).stat().st_ino


def test_a_checkpoint_is_whole_on_another_disk(tmp_path, disk):
  run_dir = tmp_path / 'run'
  run_dir.mkdir()
  (run_dir / 'checkpoints').symlink_to(disk)
  path = save(run_dir, 5, lambda: fill(run_dir / 'replay.tmp' / 'now'))
  assert checkpoints.newest(run_dir) == path
  assert sorted(inner.name for inner in disk.iterdir()) == [path.name]
  assert_filled(disk / path.name / 'replay' / 'now')
  assert not (run_dir / 'replay.tmp' / 'now').exists()
  # A run continues from it.
  replay_server.make_checkpointer(run_dir, path)
  assert_filled(run_dir / 'replay.tmp' / 'now')
  assert_filled(path / 'replay' / 'now')


@pytest.mark.parametrize('does', ['save', 'resume'])
def test_a_copy_that_does_not_fit_is_one_sentence_and_leaves_nothing(
    tmp_path, disk, monkeypatch, does
):
  run_dir = tmp_path / 'run'
  run_dir.mkdir()
  (run_dir / 'checkpoints').symlink_to(disk)
  path = save(run_dir, 5, lambda: fill(run_dir / 'replay.tmp' / 'now'))
  monkeypatch.setattr(shutil, 'copyfile', refuse(errno.ENOSPC))
  with pytest.raises(
      OSError,
      match=(
          r'^cannot (write checkpoint|copy the replay of) \S*: '
          r'.Errno 28. No space left on device$'
      ),
  ):
    if does == 'save':
      save(run_dir, 6, lambda: fill(run_dir / 'replay.tmp' / 'next'))
    else:
      replay_server.make_checkpointer(run_dir, path)
  assert [inner.name for inner in disk.iterdir()] == [path.name]
  assert checkpoints.newest(run_dir) == path
  if does == 'resume':
    assert not (run_dir / 'replay.tmp').exists()


def test_a_moved_checkpoint_is_forgotten_as_the_oldest(tmp_path, disk):
  first = save(tmp_path, 1)
  shutil.move(first, disk / 'moved')
  first.symlink_to(disk / 'moved')
  for env_steps in (2, 3):
    save(tmp_path, env_steps)
  assert [
      path.name for path in checkpoints.paths(tmp_path / 'checkpoints')
  ] == ['000000000002', '000000000003']
  assert (disk / 'moved' / 'manifest.json').exists()


@pytest.mark.parametrize('exists', [True, False])
def test_links_are_made_ready_before_a_run(tmp_path, disk, exists):
  run_dir = tmp_path / 'run'
  run_dir.mkdir()
  for name in ('checkpoints', 'tensorboard'):
    (run_dir / name).symlink_to(disk / name)
    if exists:
      (disk / name).mkdir()
  run = run_directory.RunDirectory(run_dir, resume=False)
  with pytest.raises(KeyError), run.kept_once_stepped():
    metrics.Summary(run).open()
    assert list((disk / 'tensorboard').iterdir())
    raise KeyError
  assert {path.name for path in run_dir.iterdir()} == {
      'checkpoints',
      'tensorboard',
  }
  assert sorted(path.name for path in disk.rglob('*')) == (
      ['checkpoints', 'tensorboard'] if exists else []
  )


def test_a_folder_that_is_not_empty_is_no_place_for_a_run(tmp_path, disk):
  (disk / 'thesis.txt').write_text('years of work')
  (tmp_path / 'checkpoints').symlink_to(disk)
  with pytest.raises(ValueError, match='has checkpoints, which a run would'):
    run_directory.RunDirectory(tmp_path, resume=False)


def test_a_disk_that_is_not_mounted_raises_one_sentence(tmp_path):
  run_dir = tmp_path / 'run'
  run_dir.mkdir()
  (run_dir / 'checkpoints').symlink_to(tmp_path / 'disk' / 'checkpoints')
  words = 'checkpoints is a link to .*disk/checkpoints, .*is its disk mounted?'
  with pytest.raises(OSError, match=words):
    run_directory.RunDirectory(run_dir, resume=False)
  # Otherwise a run would start again and throw away its tables.
  with pytest.raises(OSError, match=words):
    checkpoints.newest(run_dir)
  assert not (tmp_path / 'disk').exists()


@pytest.mark.parametrize('exists', [True, False])
def test_a_run_directory_may_be_a_link(tmp_path, disk, exists):
  (tmp_path / 'run').symlink_to(disk / 'run')
  if exists:
    (disk / 'run').mkdir()
  run = run_directory.RunDirectory(tmp_path / 'run', resume=False)
  run.write_json('config.json', {})
  save(run.path, 5, lambda: fill(run.path / 'replay.tmp' / 'now'))
  assert_filled(checkpoints.newest(run.path) / 'replay' / 'now')
  assert (disk / 'run' / 'config.json').exists()
