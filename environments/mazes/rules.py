"""Defines the tasks of the mazes and draws their maps.

The maps are DeepMind Lab's own, made by labmaze (Beattie et al. 2016).
"""

import dataclasses
import functools
from typing import NamedTuple, Optional, Tuple

import numpy as np

# The codes of a cell's content.
FLOOR, WALL, APPLE, GOAL, DOOR, START = range(6)

SIZE = 11  # The side of a map in cells, including the outer walls.
HORIZON = 200  # The steps of an episode.

APPLE_REWARD = 1.0
GOAL_REWARD = 10.0
PICK_UP_REWARD = 0.2
DELIVERY_REWARD = 1.0

_DOOR_MARKS = ('H', 'I')
_CLOSED_SHARE = 0.5
# A map is drawn again if fewer cells can be reached from the goal, because
# doors are shut.
_MIN_CELLS = 12


@dataclasses.dataclass(frozen=True)
class MazeTask:
  """A task in a maze.

  Attributes:
    name: the name of the task.
    layout: the seed of the task's map, or None if each episode has a new map.
    num_apples: the number of apples on the map.
    has_goal: whether there is a goal. A walker that reaches it is put on a
      random cell.
    brings_back: whether the walker must carry each apple, one at a time, back
      to the start.
    has_doors: whether there are doors. In each episode, each door is shut with
      probability 0.5.
    finds_wanted: the number of times that the walker must find the goal for
      success.
  """

  name: str
  layout: Optional[int] = None
  num_apples: int = 0
  has_goal: bool = False
  brings_back: bool = False
  has_doors: bool = False
  finds_wanted: int = 1


# Eight tasks with a fixed map each; apples and starts change in every episode.
MAZES: Tuple[MazeTask, ...] = tuple(
    MazeTask(f'maze-{number}', layout=number, num_apples=5, has_goal=True)
    for number in range(1, 9)
)
# Four tasks with a new map in every episode.
NAVIGATION: Tuple[MazeTask, ...] = (
    MazeTask('collect', num_apples=8),
    MazeTask('bring-back', num_apples=8, brings_back=True),
    # The walker finds the goal twice; one that remembers the map is faster.
    MazeTask('find-again', has_goal=True, finds_wanted=2),
    MazeTask('doors', has_goal=True, has_doors=True),
)


class Layout(NamedTuple):
  """The state at the beginning of an episode.

  Attributes:
    codes: the code of each cell's content, uint8 `[SIZE, SIZE]`.
    cells: the flat places of the cells that the walker can reach, int `[C]`.
    position: the flat place of the walker.
    heading: the heading of the walker: 0 north, 1 east, 2 south, 3 west.
  """

  codes: np.ndarray
  cells: np.ndarray
  position: int
  heading: int


def draw(task: MazeTask, rng: np.random.Generator) -> Layout:
  """Draws the beginning of an episode.

  Args:
    task: the task.
    rng: the generator of random numbers.

  Returns:
    The map, and the position and heading of the walker.
  """
  while True:
    seed = int(rng.integers(2**31)) if task.layout is None else task.layout
    marks = (
        _marks(seed, task.has_doors)
        if task.layout is not None
        else (_draw_marks(seed, task.has_doors))
    )
    codes = np.where(marks == '*', WALL, FLOOR).astype(np.uint8)
    if task.has_doors:
      doors = np.argwhere(np.isin(marks, _DOOR_MARKS))
      shut = doors[rng.random(len(doors)) < _CLOSED_SHARE]
      codes[tuple(shut.T)] = DOOR
    free = np.flatnonzero(codes == FLOOR)
    if task.layout is None:
      goal = int(rng.choice(free))
    else:  # A fixed map has a fixed goal.
      goal = int(np.random.default_rng(task.layout).choice(free))
    cells = _walkable(codes, goal)
    if len(cells) >= _MIN_CELLS:
      break
  if task.has_goal:
    codes.flat[goal] = GOAL
    cells = cells[cells != goal]
  places = rng.permutation(cells)
  position = int(places[0])
  if task.brings_back:
    codes.flat[position] = START
  codes.flat[places[1 : 1 + task.num_apples]] = APPLE
  return Layout(codes, cells, position, int(rng.integers(4)))


def _draw_marks(seed: int, has_doors: bool) -> np.ndarray:
  """Returns labmaze's characters, `[SIZE, SIZE]`; '*' is a wall."""
  import labmaze

  maze = labmaze.RandomMaze(
      height=SIZE,
      width=SIZE,
      max_rooms=4,
      has_doors=has_doors,
      extra_connection_probability=0.3,
      random_seed=seed,
  )
  return np.array(maze.entity_layer)


_marks = functools.lru_cache(maxsize=None)(_draw_marks)


def _walkable(codes: np.ndarray, place: int) -> np.ndarray:
  """Returns the flat places of the cells that can be reached from a place."""
  from scipy import ndimage

  labels, _ = ndimage.label((codes != WALL) & (codes != DOOR))
  return np.flatnonzero(labels == labels.flat[place])
