"""Films as files, read again."""

import errno
import os

from distillery.agents.core.films import files
import imageio_ffmpeg
import numpy as np
from PIL import Image
import pytest


def make_film(num=5):
  film = np.zeros((num, 32, 48, 3), np.uint8)
  for i, picture in enumerate(film):
    picture[:, 8 * i : 8 * i + 8] = (255, 0, 0)  # A bar that moves.
  return list(film)


def test_a_gif_has_every_picture(tmp_path):
  path = tmp_path / 'film.gif'
  files.write(str(path), make_film(), 0.05)
  with Image.open(path) as image:
    assert image.n_frames == 5 and image.info['loop'] == 0
    durations = []
    for i, picture in enumerate(make_film()):
      image.seek(i)
      np.testing.assert_array_equal(np.asarray(image.convert('RGB')), picture)
      durations.append(image.info['duration'])
  assert durations == [50, 50, 50, 50, 1500]
  assert os.listdir(tmp_path) == ['film.gif']


def test_an_mp4_has_every_picture(tmp_path):
  path = tmp_path / 'film.mp4'
  files.write(str(path), make_film(), 0.1)
  reader = imageio_ffmpeg.read_frames(str(path))
  meta = next(reader)
  assert meta['size'] == (48, 32) and meta['fps'] == 10
  read = [np.frombuffer(data, np.uint8).reshape(32, 48, 3) for data in reader]
  assert len(read) == 5
  for picture, wanted in zip(read, make_film()):
    assert np.abs(picture.astype(int) - wanted).mean() < 20
  assert os.listdir(tmp_path) == ['film.mp4']


def test_a_png_has_the_last_picture(tmp_path):
  path = tmp_path / 'film.png'
  files.write(str(path), make_film(), 0.1)
  with Image.open(path) as image:
    np.testing.assert_array_equal(np.asarray(image), make_film()[-1])


def test_what_cannot_be_written_is_said_before(tmp_path, monkeypatch):
  with pytest.raises(OSError, match='nowhere is not a folder'):
    files.check_writable(str(tmp_path / 'nowhere' / 'film.gif'))
  for ending in files.ENDINGS:
    files.check_writable(str(tmp_path / f'film{ending}'))
  monkeypatch.setattr(files.importlib.util, 'find_spec', lambda name: None)
  files.check_writable(str(tmp_path / 'film.gif'))
  with pytest.raises(ValueError, match=r"need imageio-ffmpeg; .*'\.\[film\]'"):
    files.check_writable(str(tmp_path / 'film.mp4'))


def test_a_full_disk_leaves_the_film_before(tmp_path, monkeypatch):
  path = tmp_path / 'film.gif'
  path.write_text('an earlier film')

  def fail(self, path, **options):
    with open(path, 'w') as f:
      f.write('half')
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(Image.Image, 'save', fail)
  with pytest.raises(OSError, match='cannot write .*film.gif: .*No space'):
    files.write(str(path), make_film(), 0.1)
  assert path.read_text() == 'an earlier film'
  assert os.listdir(tmp_path) == ['film.gif']
