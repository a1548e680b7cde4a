"""Steps many mazes at once, as arrays, seen by a walker within.

An observation begins with the `VIEW x VIEW` cells before the walker, rotated to
its heading. The walker stands in the middle of the last row. It sees through
walls, but not behind itself. A cell is a one-hot code of wall, apple, goal,
shut door or start, all zeros for floor. Then follow the one-hot code of the
previous action and the previous reward.
"""

from typing import List, Sequence, Tuple

from distillery.environments import base
from distillery.environments.mazes import pictures
from distillery.environments.mazes import rules
from dm_env import specs
import numpy as np

VIEW = 7
ACTIONS = ('forward', 'backward', 'left', 'right')
IMAGE_SHAPE = (VIEW, VIEW, rules.START)
IMAGE_SIZE = VIEW * VIEW * rules.START
OBSERVATION_SIZE = IMAGE_SIZE + len(ACTIONS) + 1

_PAD = VIEW - 1  # The width of the wall around a map: no view leaves it.
_SIDE = rules.SIZE + 2 * _PAD
_ONE_HOT = np.concatenate(
    [np.zeros((1, rules.START)), np.eye(rules.START)]
).astype(np.float32)
_TURN = np.array([0, 0, -1, 1])
_STRIDE = np.array([1, -1, 0, 0])
# The offsets of one step north, east, south and west in a flat padded map.
_AHEAD = np.array([-_SIDE, 1, _SIDE, -1])


def _view_offsets() -> np.ndarray:
  """Returns the offsets of the cells in view, by heading, [4, VIEW * VIEW]."""
  depth = np.arange(VIEW - 1, -1, -1)[
      :, np.newaxis
  ]  # The first row is the farthest.
  side = np.arange(VIEW) - VIEW // 2
  return np.stack(
      [
          (depth * _AHEAD[heading] + side * _AHEAD[(heading + 1) % 4]).ravel()
          for heading in range(4)
      ]
  )


_OFFSETS = _view_offsets()


def observation_spec() -> specs.Array:
  """Returns the spec of the observation of every maze, float32 [D]."""
  return specs.Array((OBSERVATION_SIZE,), np.float32, name='observation')


def action_spec() -> specs.DiscreteArray:
  """Returns the spec of the action of every maze, an index in `ACTIONS`."""
  return specs.DiscreteArray(len(ACTIONS), name='action')


class MazeBatch:
  """A batch of N mazes; see `base.Batch`.

  Attributes:
    observation: the present observations, float32 `[N, D]`; each step writes
      them in place.
    success: whether the latest step solved the task, bool `[N]`.
  """

  def __init__(self, tasks: Sequence[rules.MazeTask]):
    """Makes N rows, one for each of `tasks`; reset each row before stepping."""
    num = len(tasks)
    self._tasks = tuple(tasks)
    self._rows = np.arange(num)
    self._maps = np.full((num, _SIDE * _SIDE), rules.WALL, np.uint8)
    self._cells = [np.zeros(0, int)] * num
    self._position = np.full(num, _PAD * _SIDE + _PAD)
    self._heading = np.zeros(num, int)
    self._carries = np.zeros(num, bool)
    self._steps = np.zeros(num, int)
    self._apples = np.zeros(num, int)
    self._finds = np.zeros(num, int)
    self._rngs: List[np.random.Generator] = [np.random.default_rng(0)] * num
    self._brings = np.array([task.brings_back for task in tasks])
    self._wanted = np.array([task.finds_wanted for task in tasks])
    self.observation = np.zeros((num, OBSERVATION_SIZE), np.float32)
    self.success = np.zeros(num, bool)

  def reset(self, row: int, seed: int) -> None:
    """See `base.Batch`.

    Args:
      row: the index of the row, in [0, N).
      seed: the seed, which determines everything random in the episode.

    Raises:
      ValueError: if there is no such row.
    """
    base.check_row(row, len(self._rows))
    task = self._tasks[row]
    self._rngs[row] = rng = np.random.default_rng(seed)
    layout = rules.draw(task, rng)
    inner = self._maps[row].reshape(_SIDE, _SIDE)[_PAD:-_PAD, _PAD:-_PAD]
    inner[...] = layout.codes
    self._cells[row] = _padded(layout.cells)
    self._position[row] = _padded(np.array(layout.position))
    self._heading[row] = layout.heading
    self._carries[row] = False
    self._steps[row] = self._finds[row] = 0
    self._apples[row] = task.num_apples
    self.success[row] = False
    self.observation[row, IMAGE_SIZE:] = 0.0
    self._look(row)

  def step(
      self, action: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps every row.

    Args:
      action: the actions, int32 `[N]`, indices in `ACTIONS`.

    Returns:
      The rewards, float32 `[N]`, the discounts, float32 `[N]` (always 1, as
      only the time limit ends an episode), and a bool `[N]` that is True where
      the episode has ended. The caller resets these rows.

    Raises:
      ValueError: if the actions have another shape or type, or are out of
        range.
    """
    action = np.asarray(action)
    self._check(action)
    self._heading = (self._heading + _TURN[action]) % 4
    target = self._position + _STRIDE[action] * _AHEAD[self._heading]
    found = self._maps[self._rows, target]
    is_free = (found != rules.WALL) & (found != rules.DOOR)
    np.copyto(self._position, target, where=is_free)
    found[~is_free | (_STRIDE[action] == 0)] = rules.FLOOR
    reward = np.zeros(len(self._rows), np.float32)
    self.success[:] = False
    # Most steps find nothing.
    for row in np.flatnonzero(found):
      reward[row] = self._find(row, found[row])
    self._steps += 1
    self.observation[:, IMAGE_SIZE:] = 0.0
    self.observation[self._rows, IMAGE_SIZE + action] = 1.0
    self.observation[:, -1] = reward
    self._look(slice(None))
    return (reward, np.ones_like(reward), self._steps >= rules.HORIZON)

  def _check(self, action: np.ndarray) -> None:
    # One quick pass, as this runs in every step: the union of the bits of all
    # actions is below 0 or above 3 if one action is.
    if (
        action.shape != self._rows.shape
        or action.dtype.kind not in 'iu'
        or not 0 <= np.bitwise_or.reduce(action) < len(ACTIONS)
    ):
      raise ValueError(
          f'action: got {action.tolist()}, want [{len(self._rows)}] integers '
          f'in [0, {len(ACTIONS)})'
      )

  def _look(self, rows) -> None:
    """Writes the present view of `rows`, which is one row or a slice."""
    places = (
        self._position[rows][..., np.newaxis] + _OFFSETS[self._heading[rows]]
    )
    codes = self._maps[self._rows[rows][..., np.newaxis], places]
    self.observation[rows, :IMAGE_SIZE] = _ONE_HOT[codes].reshape(
        *codes.shape[:-1], IMAGE_SIZE
    )

  def _find(self, row: int, what: int) -> float:
    """Handles the arrival at a cell that holds `what`; returns the reward."""
    if what == rules.GOAL:
      self._finds[row] += 1
      self.success[row] = self._finds[row] >= self._wanted[row]
      self._position[row] = self._rngs[row].choice(self._cells[row])
      self._heading[row] = self._rngs[row].integers(4)
      # The new place may hold an apple; the walker does not pick that one up.
      return rules.GOAL_REWARD
    if what == rules.START:
      if not self._carries[row]:
        return 0.0
      self._carries[row] = False
      self.success[row] = True
      if not self._apples[row]:
        self._scatter(row)
      return rules.DELIVERY_REWARD
    if self._brings[row] and self._carries[row]:
      return 0.0  # The walker already carries an apple.
    self._maps[row, self._position[row]] = rules.FLOOR
    self._apples[row] -= 1
    if self._brings[row]:
      self._carries[row] = True
      return rules.PICK_UP_REWARD
    if not self._apples[row] and not self._tasks[row].has_goal:
      self.success[row] = True
      self._scatter(row)
    return rules.APPLE_REWARD

  def _scatter(self, row: int) -> None:
    """Puts the task's number of apples on free cells."""
    cells = self._cells[row]
    free = cells[
        (self._maps[row, cells] == rules.FLOOR) & (cells != self._position[row])
    ]
    number = self._tasks[row].num_apples
    places = self._rngs[row].permutation(free)[:number]
    self._maps[row, places] = rules.APPLE
    self._apples[row] = len(places)

  def render(self, row: int, *, height: int, width: int) -> np.ndarray:
    """Draws one maze from above; see `pictures.picture`.

    Args:
      row: the index of the row, in [0, N).
      height: the largest height of the picture, in pixels.
      width: its largest width, in pixels.

    Returns:
      The picture, uint8 `[H, W, 3]`.
    """
    side = max(1, min(height, width) // rules.SIZE)
    return pictures.picture(*self.look_down(row), side)

  def look_down(self, row: int) -> Tuple[np.ndarray, np.ndarray, int, int]:
    """Returns a row as seen from above, for pictures.

    Args:
      row: the index of the row, in [0, N).

    Returns:
      The code of each cell, uint8 `[SIZE, SIZE]`; whether the walker sees the
      cell, bool `[SIZE, SIZE]`; the walker's flat place, in [0, SIZE * SIZE);
      and its heading, from 0 (north) clockwise to 3 (west).

    Raises:
      ValueError: if there is no such row.
    """
    base.check_row(row, len(self._rows))
    seen = np.zeros(_SIDE * _SIDE, bool)
    seen[self._position[row] + _OFFSETS[self._heading[row]]] = True
    codes, seen = (
        flat.reshape(_SIDE, _SIDE)[_PAD:-_PAD, _PAD:-_PAD]
        for flat in (self._maps[row], seen)
    )
    y, x = np.divmod(self._position[row], _SIDE) - np.array(_PAD)
    return codes, seen, int(y * rules.SIZE + x), int(self._heading[row])


def _padded(places: np.ndarray) -> np.ndarray:
  """Converts flat places of a map to flat places of the padded map."""
  rows, columns = np.divmod(places, rules.SIZE)
  return (rows + _PAD) * _SIDE + columns + _PAD
