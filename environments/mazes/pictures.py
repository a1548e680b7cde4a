"""Draws pictures and films of mazes, from above."""

from typing import Sequence

from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import rules
import numpy as np

_SCALE = 16  # The side of a cell, in pixels.
_FRAME_MS = 120
_COLORS = np.zeros((6, 3))
_COLORS[
    [rules.FLOOR, rules.WALL, rules.APPLE, rules.GOAL, rules.DOOR, rules.START]
] = (
    (245, 245, 240),
    (70, 70, 80),
    (0, 158, 115),
    (230, 159, 0),
    (120, 80, 50),
    (86, 180, 233),
)
_WALKER = np.array((213, 94, 0))
_DARK = 0.55  # The brightness of cells that the walker does not see.


def picture(batch: maze_batch.MazeBatch, row: int) -> np.ndarray:
  """Draws one maze; the cells that the walker sees are bright.

  The walker is a triangle that points in its heading.

  Args:
    batch: the batch of mazes.
    row: the index of the maze in the batch.

  Returns:
    The picture, uint8 `[H, W, 3]`.

  Raises:
    ValueError: if there is no such row.
  """
  codes, is_seen, place, heading = batch.look_down(row)
  cells = _COLORS[codes] * np.where(is_seen, 1.0, _DARK)[..., np.newaxis]
  image = cells.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
  y, x = np.mgrid[:_SCALE, :_SCALE]
  points_north = np.abs(2 * x - _SCALE + 1) <= y
  triangle = np.rot90(points_north, -heading)
  top, left = _SCALE * np.array(divmod(place, rules.SIZE))
  image[top : top + _SCALE, left : left + _SCALE][triangle] = _WALKER
  return image.astype(np.uint8)


def save(path: str, frames: Sequence[np.ndarray]) -> None:
  """Writes a film to a file.

  Args:
    path: the path of the file. If it ends in '.gif', the whole film is written;
      otherwise, e.g. with '.png', the first frame alone.
    frames: the pictures, uint8 `[H, W, 3]` each, at least one.

  Raises:
    OSError: if the file cannot be written.
  """
  from PIL import Image

  images = [Image.fromarray(frame) for frame in frames]
  if path.endswith('.gif'):
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=_FRAME_MS,
        loop=0,
    )
  else:
    images[0].save(path)
