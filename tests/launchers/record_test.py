"""Films, made as a user makes them."""

from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import pictures as maze_pictures
from distillery.environments.mazes import rules as maze_rules
from helpers import launches
import numpy as np
from PIL import Image
import pytest

LAUNCHER = launches.FOLDER / 'record.py'
TRAINER = launches.FOLDER / 'run_distral.py'


def record(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


def test_a_picture_shows_the_walker_and_what_it_sees():
  batch = maze_batch.MazeBatch([maze_rules.MAZES[0]])
  batch.reset(0, 0)
  image = batch.render(0, height=180, width=200)
  assert image.shape == (176, 176, 3) and image.dtype == np.uint8
  codes, is_seen, place, _ = batch.look_down(0)
  assert 0 < is_seen.sum() < is_seen.size
  bright = image.reshape(11, 16, 11, 16, 3).max(axis=(1, 3, 4))
  floor = codes == maze_rules.FLOOR
  assert bright[floor & is_seen].min() > bright[floor & ~is_seen].max()
  is_walker = (image == maze_pictures.WALKER).all(axis=-1)
  rows, columns = np.nonzero(is_walker)
  assert {(y // 16) * 11 + x // 16 for y, x in zip(rows, columns)} == {place}


def test_the_triangle_points_to_where_the_walker_looks():
  batch = maze_batch.MazeBatch([maze_rules.MAZES[0]])
  batch.reset(0, 0)
  for _ in range(4):
    batch.step(np.array([3]))
    image = batch.render(0, height=176, width=176)
    y, x = (
        axis.astype(float)
        for axis in np.nonzero((image == maze_pictures.WALKER).all(axis=-1))
    )
    place, heading = batch.look_down(0)[2:]
    # A triangle is heavy at its foot.
    off = np.array([y.mean(), x.mean()]) - (
        16 * np.array(divmod(place, 11)) + 7.5
    )
    behind = np.array([(1, 0), (0, -1), (-1, 0), (0, 1)][heading])
    assert off @ behind > 1.0 and abs(off @ behind[::-1]) < 0.5


@pytest.mark.slow
def test_a_run_in_mazes_becomes_a_film(tmp_path):
  result = launches.launch(
      f'--flagfile={LAUNCHER.parent}/flags/distral_mazes.cfg',
      '--num_env_steps=320',
      '--envs_per_task=2',
      '--evaluation_episodes=1',
      '--run_dir=run',
      program=(TRAINER,),
      cwd=tmp_path,
  )
  assert (result.returncode, result.stderr) == (0, '')
  film = record('--run_dir=run', '--tasks=maze-2,maze-1', cwd=tmp_path)
  assert (film.returncode, film.stderr) == (0, '')
  assert [line.partition(':')[0] for line in film.stdout.splitlines()] == [
      'maze-2 (train)',
      'maze-1 (train)',
      'film.gif is written',
  ]
  with Image.open(tmp_path / 'film.gif') as image:
    assert image.n_frames > 100
  launches.assert_refused(
      record('--run_dir=run', '--tasks=maze-9', cwd=tmp_path),
      "tasks: got 'maze-9', want some of maze-1, maze-2",
  )
  launches.assert_refused(
      record('--run_dir=run', '--output=film.avi', cwd=tmp_path),
      "output must end in .gif or .mp4 or .png, got 'film.avi'",
  )
  launches.assert_refused(
      record('--run_dir=run', '--output=nowhere/film.gif', cwd=tmp_path),
      'cannot write nowhere/film.gif: .*nowhere is not a folder',
  )
