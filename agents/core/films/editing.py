"""Puts the pictures of episodes side by side, each with its caption."""

import math
from typing import List, Sequence

from distillery.agents.core.films import playing
import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

_MARGIN = 4  # The width of the frame around a picture, in pixels.
_SOLVED, _UNSOLVED = (0, 158, 115), (90, 90, 90)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_LARGEST_TEXT, _SMALLEST_TEXT = 16, 7


def grid(tasks: Sequence[Sequence[playing.Picture]]) -> List[np.ndarray]:
  """Makes one film of several: a cell for each task.

  A film that is shorter than the others stops at its last picture.

  Args:
    tasks: the pictures of each task, at least one.

  Returns:
    The pictures of the film, uint8 [H, W, 3], with an even height and width, as
    films in mp4 need it.
  """
  num_columns = _num_columns(len(tasks))
  num_rows = math.ceil(len(tasks) / num_columns)
  height = max(picture.image.shape[0] for task in tasks for picture in task)
  width = max(picture.image.shape[1] for task in tasks for picture in task)
  text = _text_size([task[0].task for task in tasks], width)
  cell_height = height + 2 * _MARGIN + 2 * (text + _MARGIN)
  cell_width = width + 2 * _MARGIN
  film = []
  for moment in range(max(map(len, tasks))):
    image = Image.new(
        'RGB', (num_columns * cell_width, num_rows * cell_height), _BLACK
    )
    for cell, pictures in enumerate(tasks):
      row, column = divmod(cell, num_columns)
      _paste(
          image,
          pictures[min(moment, len(pictures) - 1)],
          (column * cell_width, row * cell_height),
          text,
      )
    film.append(_even(np.asarray(image)))
  return film


def _num_columns(num_cells: int) -> int:
  """Returns a number of columns, at least of rows, that leaves no cell empty.

  If none fills the last row, the cells form a square as nearly as possible.
  """
  least = math.ceil(math.sqrt(num_cells))
  for columns in range(least, 2 * least):
    if num_cells % columns == 0:
      return columns
  return least


def _paste(
    image: Image.Image, picture: playing.Picture, corner: tuple, text: int
) -> None:
  """Draws a picture, its frame and its caption; `corner` is (left, top)."""
  left, top = corner
  height, width = picture.image.shape[:2]
  draw = ImageDraw.Draw(image)
  draw.rectangle(
      (
          left,
          top,
          left + width + 2 * _MARGIN - 1,
          top + height + 2 * _MARGIN - 1,
      ),
      fill=_SOLVED if picture.solved else _UNSOLVED,
  )
  image.paste(Image.fromarray(picture.image), (left + _MARGIN, top + _MARGIN))
  font = ImageFont.load_default(text)
  below = top + height + 2 * _MARGIN
  result = f'return {picture.return_:,.0f}'
  if picture.solved:
    result += ', solved'
  color = _SOLVED if picture.solved else _WHITE
  for line, fill in ((picture.task, _WHITE), (result, color)):
    draw.text((left + _MARGIN, below), line, font=font, fill=fill)
    below += text + _MARGIN


def _text_size(lines: Sequence[str], width: int) -> int:
  """Returns the largest size at which all lines fit the width, in pixels."""
  for size in range(_LARGEST_TEXT, _SMALLEST_TEXT, -1):
    font = ImageFont.load_default(size)
    if max(font.getlength(line) for line in lines) <= width:
      return size
  return _SMALLEST_TEXT


def _even(image: np.ndarray) -> np.ndarray:
  """Adds a black row and column where the size is odd."""
  height, width = image.shape[:2]
  return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)))
