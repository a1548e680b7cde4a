"""Makes tables of two rooms and a corridor (Teh et al. 2017, section 4.1).

The state is (cell, previous action, previous reward). So a policy that all
goals share can keep its direction: for an agent that comes from the left, the
goal is probably further to the right.
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

# The row and the column of each free cell, int `[C, 2]`.
CELLS = np.array(
    [
        (row, column)
        for row, line in enumerate(MAP)
        for column, mark in enumerate(line)
        if mark == '.'
    ]
)
NUM_CELLS = len(CELLS)
# The numbers of the cells with a wall above and a wall below.
CORRIDOR = tuple(
    cell
    for cell, (row, column) in enumerate(CELLS)
    if MAP[row - 1][column] == '#' and MAP[row + 1][column] == '#'
)

_NUM_PREVIOUS_ACTIONS = 1 + len(ACTIONS)  # Index 0 means no action.
_NUM_PREVIOUS_REWARDS = 2  # The reward was 0 (index 0) or was not (index 1).
NUM_STATES = NUM_CELLS * _NUM_PREVIOUS_ACTIONS * _NUM_PREVIOUS_REWARDS


class Tables(NamedTuple):
  """The tables of deterministic tasks with S states, A actions and equal moves.

  Attributes:
    next_state: the number of the next state, int `[S, A]`.
    reward: the reward, float64 `[..., S, A]`; the leading axes are the tasks'.
    discount: the discount, float64 `[..., S, A]`; it is 0 where the episode
      ends.
    start: the distribution of the first state, float64 `[..., S]`.
  """

  next_state: np.ndarray
  reward: np.ndarray
  discount: np.ndarray
  start: np.ndarray


def state_index(
    cell: int, previous_action: str = '', was_rewarded: bool = False
) -> int:
  """Returns the number of a state.

  Args:
    cell: the index of the cell in `CELLS`.
    previous_action: the previous action, one of `ACTIONS`, or '' at the
      beginning of an episode.
    was_rewarded: whether the previous reward differed from 0.

  Returns:
    The number, in [0, `NUM_STATES`).

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
  """Makes the tables of tasks that end, with `GOAL_REWARD`, in a goal cell.

  An episode begins in any other cell.

  Args:
    goals: the indices of the goal cells in `CELLS`, int `[...]`.

  Returns:
    The tables, whose leading axes are those of `goals`.

  Raises:
    ValueError: if a goal is not the index of a cell.
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
  # The next cell depends on the cell, not on the previous action and reward.
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
  """Draws different goals for K tasks, once for each seed.

  Args:
    num_goals: K, the number of goals, from 1 to `NUM_CELLS`.
    seeds: R seeds, each of an independent draw.

  Returns:
    The indices of the goal cells in `CELLS`, int `[R, K]`; the entries of a row
    differ.

  Raises:
    ValueError: if `num_goals` is not in 1..`NUM_CELLS`.
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
