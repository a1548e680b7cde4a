"""Two rooms joined by a corridor (Teh et al. 2017, section 4.1), as tables.

The state is (cell, previous action, previous reward), so that a policy which
goals share can keep to a direction: coming from the left, a goal is likely to
be further to the right.
"""

from typing import NamedTuple, Sequence

from distillery.environments import base
import numpy as np

MAP = (
    '################',
    '#.....####.....#',
    '#.....####.....#',
    '#..............#',
    '#.....####.....#',
    '#.....####.....#',
    '################',
)
ACTIONS = ('up', 'down', 'left', 'right')
_MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))

GOAL_REWARD = 1.0
BUMP_REWARD = -0.1

# Where each free cell is, `[C, 2]` rows and columns.
CELLS = np.array(
    [
        (row, column)
        for row, line in enumerate(MAP)
        for column, mark in enumerate(line)
        if mark == '.'
    ]
)
NUM_CELLS = len(CELLS)
# With walls above and below.
CORRIDOR = tuple(
    cell
    for cell, (row, column) in enumerate(CELLS)
    if MAP[row - 1][column] == '#' and MAP[row + 1][column] == '#'
)

_NUM_PREVIOUS_ACTIONS = 1 + len(ACTIONS)  # 0: none.
_NUM_PREVIOUS_REWARDS = 2  # 0, or another.
NUM_STATES = NUM_CELLS * _NUM_PREVIOUS_ACTIONS * _NUM_PREVIOUS_REWARDS


class Tables(NamedTuple):
  """K deterministic tasks with the same moves; S states, A actions.

  Attributes:
    next_state: int `[S, A]`.
    reward: float64 `[..., S, A]`, the leading axes those of the tasks.
    discount: float64 `[..., S, A]`, 0 where the episode ends.
    start: float64 `[..., S]`, the distribution of first states.
  """

  next_state: np.ndarray
  reward: np.ndarray
  discount: np.ndarray
  start: np.ndarray


def state_index(
    cell: int, previous_action: str = '', was_rewarded: bool = False
) -> int:
  """The state's number.

  Args:
    cell: its place in `CELLS`.
    previous_action: one of `ACTIONS`; '': the episode begins.
    was_rewarded: whether the previous reward was another than 0.

  Raises:
    ValueError: if there is no such cell or action.
  """
  if not base.is_index(cell, NUM_CELLS):
    raise ValueError(f'cell: got {cell}, want an integer in [0, {NUM_CELLS}).')
  if previous_action not in ('', *ACTIONS):
    raise ValueError(
        f'previous_action: got {previous_action!r}, want one of '
        f"{ACTIONS}, or '' where the episode begins."
    )
  action = ('', *ACTIONS).index(previous_action)
  return (cell * _NUM_PREVIOUS_ACTIONS + action) * _NUM_PREVIOUS_REWARDS + int(
      was_rewarded
  )


def make_tables(goals: np.ndarray) -> Tables:
  """Tasks that end with `GOAL_REWARD` in a goal, begun anywhere else.

  Args:
    goals: int `[...]`, cells.

  Raises:
    ValueError: if a goal is none of the cells.
  """
  goals = np.asarray(goals)
  if (
      goals.dtype.kind not in 'iu'
      or not ((0 <= goals) & (goals < NUM_CELLS)).all()
  ):
    raise ValueError(
        f'goals: got {goals.tolist()}, want numbers of cells, '
        f'from 0 to {NUM_CELLS - 1}.'
    )
  number = {tuple(cell): i for i, cell in enumerate(CELLS.tolist())}
  # By cell; what came before makes no difference to what comes next.
  next_cell = np.array(
      [
          [number.get((row + move[0], column + move[1]), i) for move in _MOVES]
          for i, (row, column) in enumerate(CELLS.tolist())
      ]
  )
  bumps = next_cell == np.arange(NUM_CELLS)[:, np.newaxis]
  next_state = np.array(
      [
          [
              state_index(next_cell[cell, i], action, bumps[cell, i])
              for i, action in enumerate(ACTIONS)
          ]
          for cell in range(NUM_CELLS)
      ]
  )
  arrives = (next_cell == goals[..., np.newaxis, np.newaxis]) & ~bumps
  reward = np.where(arrives, GOAL_REWARD, np.where(bumps, BUMP_REWARD, 0.0))
  start = np.zeros((*goals.shape, NUM_STATES))
  firsts = [state_index(cell) for cell in range(NUM_CELLS)]
  start[..., firsts] = np.arange(NUM_CELLS) != goals[..., np.newaxis]
  per_cell = NUM_STATES // NUM_CELLS
  return Tables(
      next_state=np.repeat(next_state, per_cell, axis=0),
      reward=np.repeat(reward, per_cell, axis=-2),
      discount=np.repeat(1.0 - arrives, per_cell, axis=-2),
      start=start / start.sum(axis=-1, keepdims=True),
  )


def draw_goals(num_goals: int, seeds: Sequence[int]) -> np.ndarray:
  """Goals of K tasks for each seed, int `[R, K]`, all different in a row.

  Raises:
    ValueError: if there are not so many cells.
  """
  if num_goals == 0 or not base.is_index(num_goals, NUM_CELLS + 1):
    raise ValueError(
        f'num_goals: got {num_goals}, want 1 to {NUM_CELLS}, a cell each.'
    )
  return np.stack(
      [
          np.random.default_rng(seed).permutation(NUM_CELLS)[:num_goals]
          for seed in seeds
      ]
  )
