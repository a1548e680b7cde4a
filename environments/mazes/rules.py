"""The mazes' tasks: where things lie, and what ends up in a map.

Maps are DeepMind Lab's own, made by labmaze (Beattie et al. 2016).
"""

import dataclasses
import functools
from typing import NamedTuple, Optional, Tuple

import numpy as np

# What a cell holds.
FLOOR, WALL, APPLE, GOAL, DOOR, START = range(6)

SIZE = 11  # Cells a side, the outer walls included.
HORIZON = 200  # Steps of an episode.

APPLE_REWARD = 1.0
GOAL_REWARD = 10.0
PICK_UP_REWARD = 0.2
DELIVERY_REWARD = 1.0

_DOOR_MARKS = ('H', 'I')
_CLOSED_SHARE = 0.5
# A map whose doors shut off the goal from almost everything is drawn again.
_MIN_CELLS = 12


@dataclasses.dataclass(frozen=True)
class MazeTask:
  """One task.

  Attributes:
    name: of the task.
    layout: seed of its map; None: another map in each episode.
    num_apples: that are scattered.
    has_goal: whether there is a goal; who reaches it is put elsewhere.
    brings_back: whether an apple counts only once it is at the start. One is
      carried at a time.
    has_doors: whether half the doors are shut, others in each episode.
    finds_wanted: how often the goal has to be found for success.
  """

  name: str
  layout: Optional[int] = None
  num_apples: int = 0
  has_goal: bool = False
  brings_back: bool = False
  has_doors: bool = False
  finds_wanted: int = 1


# A map each, the same in every episode; apples and starts are not.
MAZES: Tuple[MazeTask, ...] = tuple(
    MazeTask(f'maze-{number}', layout=number, num_apples=5, has_goal=True)
    for number in range(1, 9)
)
# A new map in every episode.
NAVIGATION: Tuple[MazeTask, ...] = (
    MazeTask('collect', num_apples=8),
    MazeTask('bring-back', num_apples=8, brings_back=True),
    # Found again from elsewhere: whoever remembers the map is faster.
    MazeTask('find-again', has_goal=True, finds_wanted=2),
    MazeTask('doors', has_goal=True, has_doors=True),
)


class Layout(NamedTuple):
  """The beginning of an episode.

  Attributes:
    codes: uint8 `[SIZE, SIZE]`, what each cell holds.
    cells: int `[C]`, flat places of the cells that can be walked to.
    position: flat place of the agent.
    heading: 0 north, 1 east, 2 south, 3 west.
  """

  codes: np.ndarray
  cells: np.ndarray
  position: int
  heading: int


def draw(task: MazeTask, rng: np.random.Generator) -> Layout:
  """Draws an episode of a task."""
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
    else:  # The goal's place is the map's.
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
  """labmaze's characters, `[SIZE, SIZE]`: '*' is a wall."""
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
  """Flat places of the cells that can be reached from one, itself included."""
  from scipy import ndimage

  labels, _ = ndimage.label((codes != WALL) & (codes != DOOR))
  return np.flatnonzero(labels == labels.flat[place])
