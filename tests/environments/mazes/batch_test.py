"""Mazes: maps that can be solved, rules as stated, and what is seen."""

from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import rules as maze_rules
from distillery.environments.mazes import suite as maze_suite
import numpy as np
import pytest
from scipy import ndimage

ALL = (*maze_rules.MAZES, *maze_rules.NAVIGATION)
FORWARD, BACKWARD, LEFT, RIGHT = range(4)
NORTH, EAST, SOUTH, WEST = range(4)


@pytest.fixture
def hand_made(monkeypatch):
  """Makes a batch of one from a drawing; the walker is at '@'."""

  def make(drawing, heading=NORTH, **rules):
    rows = [line.strip() for line in drawing.strip().splitlines()]
    marks = np.full((maze_rules.SIZE, maze_rules.SIZE), '#')
    for i, row in enumerate(rows):
      marks[i, : len(row)] = list(row)
    codes = np.select(
        [marks == mark for mark in '#oGDS'],
        [
            maze_rules.WALL,
            maze_rules.APPLE,
            maze_rules.GOAL,
            maze_rules.DOOR,
            maze_rules.START,
        ],
        maze_rules.FLOOR,
    ).astype(np.uint8)
    walkable = np.flatnonzero(
        (codes != maze_rules.WALL) & (codes != maze_rules.DOOR)
    )
    layout = maze_rules.Layout(
        codes, walkable, int(np.flatnonzero(marks == '@').item()), heading
    )
    monkeypatch.setattr(maze_rules, 'draw', lambda task, rng: layout)
    batch = maze_batch.MazeBatch([maze_rules.MazeTask('drawn', **rules)])
    batch.reset(0, 0)
    return batch

  return make


def view(batch):
  """Returns the codes of the cells that are seen, `[VIEW, VIEW]`."""
  image = batch.observation[0, : maze_batch.IMAGE_SIZE].reshape(
      maze_batch.IMAGE_SHAPE
  )
  assert (image.sum(axis=-1) <= 1.0).all()
  return np.where(image.any(axis=-1), image.argmax(axis=-1) + 1, 0)


def step(batch, *actions):
  """Reward and success of the last of some actions."""
  for action in actions:
    reward, discount, _ = batch.step(np.array([action], np.int32))
    assert discount == 1.0
  return float(reward[0]), bool(batch.success[0])


@pytest.mark.parametrize('task', ALL, ids=lambda task: task.name)
def test_every_episode_can_be_solved(task):
  for seed in range(50):
    layout = maze_rules.draw(task, np.random.default_rng(seed))
    passable = ~np.isin(layout.codes, [maze_rules.WALL, maze_rules.DOOR])
    labels, _ = ndimage.label(passable)
    here = labels.flat[layout.position]
    assert here
    for what, number in (
        (maze_rules.GOAL, int(task.has_goal)),
        (maze_rules.APPLE, task.num_apples),
        (maze_rules.START, int(task.brings_back)),
    ):
      places = np.flatnonzero(layout.codes == what)
      assert len(places) == number
      assert (labels.flat[places] == here).all()
    assert (labels.flat[layout.cells] == here).all()
    if not task.has_doors:
      assert labels.max() == 1 and not (layout.codes == maze_rules.DOOR).any()


def test_doors_are_shut_in_some_episodes_and_not_in_others():
  task = maze_rules.NAVIGATION[3]
  number = [
      int(
          (
              maze_rules.draw(task, np.random.default_rng(seed)).codes
              == maze_rules.DOOR
          ).sum()
      )
      for seed in range(30)
  ]
  assert max(number) > min(number)


def test_a_fixed_maze_keeps_its_walls_and_goal_and_moves_the_rest():
  def places(task, seed):
    layout = maze_rules.draw(task, np.random.default_rng(seed))
    return [
        tuple(np.flatnonzero(layout.codes == what))
        for what in (maze_rules.WALL, maze_rules.GOAL, maze_rules.APPLE)
    ]

  walls = set()
  for task in maze_rules.MAZES:
    episodes = [places(task, seed) for seed in range(10)]
    assert len({wall for wall, _, _ in episodes}) == 1
    assert len({goal for _, goal, _ in episodes}) == 1
    assert len({apples for _, _, apples in episodes}) > 5
    walls.add(episodes[0][0])
  assert len(walls) == 8
  of_navigation = {
      places(maze_rules.NAVIGATION[0], seed)[0] for seed in range(10)
  }
  assert len(of_navigation) == 10


MAP = """
###########
#o........#
#...G.....#
#.........#
#...@...o.#
#.........#
#..o......#
###########
"""


@pytest.mark.parametrize(
    'heading, goal, apples',
    [
        # Rows ahead of the walker, and columns to its right.
        (NORTH, (2, 0), {(3, -3)}),
        (EAST, (0, -2), {(4, 0)}),
        (SOUTH, None, {(2, 1)}),
        (WEST, (0, 2), {(3, 3), (1, -2)}),
    ],
)
def test_the_view_turns_with_the_walker(hand_made, heading, goal, apples):
  seen = view(hand_made(MAP, heading, has_goal=True))

  def relative(what):
    return {
        (maze_batch.VIEW - 1 - row, column - maze_batch.VIEW // 2)
        for row, column in np.argwhere(seen == what)
    }

  assert relative(maze_rules.GOAL) == ({goal} if goal else set())
  assert relative(maze_rules.APPLE) == apples


def test_walls_stop_and_turns_turn(hand_made):
  batch = hand_made(
      """
    #####
    #@..#
    #####""",
      EAST,
  )
  place = lambda: batch.look_down(0)[2] % maze_rules.SIZE
  assert step(batch, FORWARD) == (0.0, False) and place() == 2
  step(batch, FORWARD, FORWARD, FORWARD)
  assert place() == 3
  step(batch, BACKWARD)
  assert place() == 2
  step(batch, LEFT, FORWARD)  # To the north is a wall.
  assert place() == 2
  step(batch, LEFT, FORWARD)
  assert place() == 1
  step(batch, RIGHT, RIGHT, FORWARD)
  assert place() == 2


def test_a_shut_door_stops(hand_made):
  batch = hand_made(
      """
    #####
    #@D.#
    #####""",
      EAST,
  )
  step(batch, FORWARD)
  assert batch.look_down(0)[2] % maze_rules.SIZE == 1


def test_an_apple_is_eaten_once_and_new_ones_follow_the_last(hand_made):
  batch = hand_made(
      """
    #######
    #@oo..#
    #######""",
      EAST,
      num_apples=2,
  )
  assert step(batch, FORWARD) == (maze_rules.APPLE_REWARD, False)
  assert step(batch, BACKWARD) == (0.0, False)
  assert step(batch, FORWARD) == (0.0, False)
  assert step(batch, FORWARD) == (maze_rules.APPLE_REWARD, True)
  codes = batch.look_down(0)[0]
  assert (codes == maze_rules.APPLE).sum() == 2
  assert codes.flat[batch.look_down(0)[2]] == maze_rules.FLOOR


def test_the_goal_pays_and_sends_elsewhere(hand_made):
  batch = hand_made(
      """
    ######
    #@G..#
    ######""",
      EAST,
      has_goal=True,
      finds_wanted=2,
  )
  batch._cells[0] = maze_batch._padded(np.array([11 + 4]))  # The only way out.
  assert step(batch, FORWARD) == (maze_rules.GOAL_REWARD, False)
  assert batch.look_down(0)[2] % maze_rules.SIZE == 4
  while batch.look_down(0)[3] != WEST:
    step(batch, LEFT)
  assert step(batch, FORWARD) == (0.0, False)
  assert step(batch, FORWARD) == (maze_rules.GOAL_REWARD, True)


def test_an_apple_counts_once_it_is_back_at_the_start(hand_made):
  batch = hand_made(
      """
    #######
    #@oo.S#
    #######""",
      EAST,
      num_apples=2,
      brings_back=True,
  )
  assert step(batch, FORWARD) == (pytest.approx(0.2), False)
  assert step(batch, FORWARD) == (0.0, False)  # Hands are full.
  assert (batch.look_down(0)[0] == maze_rules.APPLE).sum() == 1
  assert step(batch, FORWARD, FORWARD) == (maze_rules.DELIVERY_REWARD, True)
  assert step(batch, BACKWARD, FORWARD) == (0.0, False)  # Nothing to deliver.
  assert step(batch, BACKWARD, BACKWARD) == (pytest.approx(0.2), False)
  assert step(batch, FORWARD, FORWARD) == (maze_rules.DELIVERY_REWARD, True)
  assert (batch.look_down(0)[0] == maze_rules.APPLE).sum() == 2


def test_the_last_action_and_reward_are_seen(hand_made):
  batch = hand_made(
      """
    #######
    #@o...#
    #######""",
      EAST,
      num_apples=1,
      has_goal=True,
  )
  assert not batch.observation[0, maze_batch.IMAGE_SIZE :].any()
  step(batch, FORWARD)
  assert batch.observation[0, maze_batch.IMAGE_SIZE :].tolist() == [
      1,
      0,
      0,
      0,
      1,
  ]
  step(batch, LEFT)
  assert batch.observation[0, maze_batch.IMAGE_SIZE :].tolist() == [
      0,
      0,
      1,
      0,
      0,
  ]


def test_rows_of_a_batch_are_what_they_are_alone():
  tasks = [*maze_rules.MAZES[:2], *maze_rules.NAVIGATION]
  batch = maze_batch.MazeBatch(tasks)
  single = [maze_batch.MazeBatch([task]) for task in tasks]
  for row in range(len(tasks)):
    batch.reset(row, row)
    single[row].reset(0, row)
  rng = np.random.default_rng(0)
  for _ in range(maze_rules.HORIZON):
    action = rng.integers(4, size=len(tasks)).astype(np.int32)
    reward, _, ended = batch.step(action)
    for row, alone in enumerate(single):
      got, _, over = alone.step(action[row : row + 1])
      assert (got[0], over[0]) == (reward[row], ended[row])
      np.testing.assert_array_equal(
          alone.observation[0], batch.observation[row]
      )
      assert alone.success[0] == batch.success[row]
  assert ended.all()


def test_a_maze_is_a_task_environment_too():
  suite = maze_suite.maze_suite('NAVIGATION')
  environment = suite.train_tasks[0].factory(3)
  timestep = environment.reset(seed=7)
  first = timestep.observation
  assert timestep.first() and first.shape == suite.observation_spec.shape
  length = 0
  while not timestep.last():
    timestep = environment.step(np.int32(length % 4))
    length += 1
  assert length == suite.horizon and timestep.discount == 1.0
  assert environment.step(np.int32(0)).first()
  np.testing.assert_array_equal(environment.reset(seed=7).observation, first)
  for wrong in (4, -1, np.array([2]), np.array([1, 2]), 1.5, 'x', None):
    with pytest.raises(ValueError, match='action: got .*, want one of 0..3'):
      environment.step(wrong)
  assert environment.step(np.int32(0)).mid()


@pytest.mark.parametrize(
    'action',
    [
        [0, -1, 0],
        [0, 4, 0],
        [256, 0, 0],
        [0, 1],
        [0],
        0,
        [[0, 1, 2]],
        [0.0, 1.0, 2.0],
        [True, False, True],
        ['0', '1', '2'],
    ],
    ids=repr,
)
def test_actions_that_do_not_fit_the_rows_are_refused(action):
  batch = maze_batch.MazeBatch(maze_rules.NAVIGATION[:3])
  for row in range(3):
    batch.reset(row, row)
  before = batch.observation.copy()
  with pytest.raises(
      ValueError, match=(r'^action: got .*, want \[3\] integers in \[0, 4\)$')
  ):
    batch.step(np.array(action))
  np.testing.assert_array_equal(batch.observation, before)
  batch.step(np.array([0, 3, 1], np.uint8))


@pytest.mark.parametrize('row', [-1, 3, 1.0, True])
def test_a_bad_row_is_refused(row):
  batch = maze_batch.MazeBatch(maze_rules.NAVIGATION[:3])
  for call in (lambda: batch.reset(row, 0), lambda: batch.look_down(row)):
    with pytest.raises(ValueError, match=r'^row: got .* integer in \[0, 3\)$'):
      call()
