"""Draws mazes from above."""

from distillery.environments.mazes import rules
import numpy as np

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
WALKER = np.array((213, 94, 0))
_DARK = 0.55  # The brightness of cells that the walker does not see.


def picture(
    codes: np.ndarray,
    is_seen: np.ndarray,
    place: int,
    heading: int,
    side: int,
) -> np.ndarray:
  """Draws a maze; the cells that the walker sees are bright.

  The walker is a triangle that points in its heading.

  Args:
    codes: the code of each cell, uint8 `[SIZE, SIZE]`.
    is_seen: whether the walker sees the cell, bool `[SIZE, SIZE]`.
    place: the walker's flat place, in [0, SIZE * SIZE).
    heading: its heading, from 0 (north) clockwise to 3 (west).
    side: the side of a cell, in pixels, at least 1.

  Returns:
    The picture, uint8 `[SIZE * side, SIZE * side, 3]`.
  """
  cells = _COLORS[codes] * np.where(is_seen, 1.0, _DARK)[..., np.newaxis]
  image = cells.repeat(side, axis=0).repeat(side, axis=1)
  y, x = np.mgrid[:side, :side]
  points_north = np.abs(2 * x - side + 1) <= y
  triangle = np.rot90(points_north, -heading)
  top, left = side * np.array(divmod(place, rules.SIZE))
  image[top : top + side, left : left + side][triangle] = WALKER
  return image.astype(np.uint8)
