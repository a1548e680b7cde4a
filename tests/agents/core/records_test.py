"""What is recorded of a run, also on a disk that is full."""

from distillery.agents.core import records
from distillery.agents.core import run_directory
import pytest
import tensorflow as tf


def test_a_full_disk_is_an_error_of_the_system(tmp_path, monkeypatch):
  writer = tf.io.TFRecordWriter
  monkeypatch.setattr(tf.io, 'TFRecordWriter', lambda _: writer('/dev/full'))
  run_dir = run_directory.RunDirectory(tmp_path / 'run', resume=False)
  with pytest.raises(OSError, match='cannot write for TensorBoard: .*space'):
    records.Summary(run_dir)


def test_the_status_is_of_the_episodes_that_ended_last():
  status = records.Status('return')
  assert status.text == 'first episodes'
  status.update({'episodes': 2, 'episode_return': 1234.5})
  status.update({'episodes': 0, 'episode_return': ''})
  assert status.text == 'training return 1,234'
