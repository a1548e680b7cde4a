"""Several films in one."""

from distillery.agents.core.films import editing
from distillery.agents.core.films import playing
import numpy as np
import pytest


def pictures(brightness, solved=False, size=(20, 30), task='reach'):
  return [
      playing.Picture(np.full((*size, 3), value, np.uint8), task, 1.0, solved)
      for value in brightness
  ]


def test_each_task_has_a_cell_and_stops_at_its_last_picture():
  film = editing.grid([pictures([200, 210]), pictures([220, 230, 240])])
  assert len(film) == 3
  middle = film[0].shape[1] // 2
  shown = [
      [int(image[15, 15, 0]), int(image[15, middle + 15, 0])] for image in film
  ]
  assert shown == [[200, 220], [210, 230], [210, 240]]


def test_a_green_frame_says_that_an_episode_is_solved():
  (image,) = editing.grid([pictures([0]), pictures([0], solved=True)])
  gray, green = image[1, 1], image[1, -2]
  assert len(set(gray.tolist())) == 1
  assert green[1] > 100 and green[0] < 50


@pytest.mark.parametrize(
    'num, columns, rows',
    [(1, 1, 1), (2, 2, 1), (4, 2, 2), (7, 3, 3), (10, 5, 2), (50, 10, 5)],
)
def test_cells_fill_a_rectangle(num, columns, rows):
  size = np.array(editing.grid([pictures([0], size=(40, 40))])[0].shape[:2])
  (image,) = editing.grid(num * [pictures([0], size=(40, 40))])
  assert image.shape[:2] == tuple(size * (rows, columns))


def test_a_film_has_an_even_size():
  (image,) = editing.grid([pictures([0], size=(21, 31))])
  assert image.shape[0] % 2 == image.shape[1] % 2 == 0


def test_a_long_name_is_written_smaller():
  short, long = (
      editing.grid([pictures([0], size=(90, 90), task=name)])[0]
      for name in ('push', 'a-task-of-a-long-name')
  )
  assert long.shape[0] < short.shape[0]  # The text is below the picture.
  (text,) = np.nonzero((long[94:] > 100).all(axis=-1).any(axis=0))[:1]
  assert text.max() < 94
