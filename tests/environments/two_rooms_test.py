"""The two rooms: moves, rewards and starts, against the map itself."""

from distillery.environments import two_rooms
import numpy as np
import pytest


def test_the_map_has_two_rooms_and_a_corridor_of_four():
  assert two_rooms.NUM_CELLS == 2 * 25 + 4
  assert two_rooms.CELLS[list(two_rooms.CORRIDOR)].tolist() == [
      [3, 6],
      [3, 7],
      [3, 8],
      [3, 9],
  ]


def test_every_move_goes_one_cell_or_bumps():
  tables = two_rooms.make_tables(np.array(0))
  offsets = {'up': (-1, 0), 'down': (1, 0), 'left': (0, -1), 'right': (0, 1)}
  for cell, (row, column) in enumerate(two_rooms.CELLS):
    for i, action in enumerate(two_rooms.ACTIONS):
      target = (row + offsets[action][0], column + offsets[action][1])
      is_free = two_rooms.MAP[target[0]][target[1]] == '.'
      want = (
          [
              i
              for i, there in enumerate(two_rooms.CELLS.tolist())
              if tuple(there) == target
          ][0]
          if is_free
          else cell
      )
      for before in ('', *two_rooms.ACTIONS):
        for was_rewarded in (False, True):
          state = two_rooms.state_index(cell, before, was_rewarded)
          assert tables.next_state[state, i] == two_rooms.state_index(
              want, action, not is_free
          )
          if not is_free:
            assert tables.reward[state, i] == two_rooms.BUMP_REWARD


def test_only_arriving_in_the_goal_ends_an_episode():
  goals = np.array([3, 26])
  tables = two_rooms.make_tables(goals)
  per_cell = two_rooms.NUM_STATES // two_rooms.NUM_CELLS
  for k, goal in enumerate(goals):
    came_from = np.arange(two_rooms.NUM_STATES)[:, np.newaxis] // per_cell
    arrives = (tables.next_state // per_cell == goal) & (came_from != goal)
    assert (tables.discount[k] == ~arrives).all()
    assert (tables.reward[k][arrives] == two_rooms.GOAL_REWARD).all()
    firsts = [
        two_rooms.state_index(cell)
        for cell in range(two_rooms.NUM_CELLS)
        if cell != goal
    ]
    np.testing.assert_allclose(tables.start[k][firsts], 1.0 / 53)
    assert tables.start[k].sum() == pytest.approx(1.0)


def test_goals_are_different_cells_and_of_the_seed_alone():
  goals = two_rooms.draw_goals(8, [0, 1, 2])
  assert all(len(set(row)) == 8 for row in goals.tolist())
  np.testing.assert_array_equal(goals[1:], two_rooms.draw_goals(8, [1, 2]))


@pytest.mark.parametrize('number', [0, 55])
def test_a_wrong_number_of_goals_is_refused(number):
  with pytest.raises(ValueError, match='num_goals: got .* want 1 to 54'):
    two_rooms.draw_goals(number, [0])


def test_a_goal_in_no_cell_is_refused():
  with pytest.raises(ValueError, match='goals: got .* want numbers of cells'):
    two_rooms.make_tables(np.array([54]))


@pytest.mark.parametrize(
    'call, words',
    [
        (lambda: two_rooms.make_tables(np.array([1.5])), r'goals: got \[1.5\]'),
        (
            lambda: two_rooms.make_tables(np.array([True])),
            r'goals: got \[True\]',
        ),
        (lambda: two_rooms.make_tables(np.array([-1])), r'goals: got \[-1\]'),
        (lambda: two_rooms.draw_goals(2.5, [0]), 'num_goals: got 2.5'),
        (lambda: two_rooms.draw_goals(True, [0]), 'num_goals: got True'),
        (lambda: two_rooms.state_index(-1), 'cell: got -1'),
        (lambda: two_rooms.state_index(two_rooms.NUM_CELLS), 'cell: got 54'),
        (lambda: two_rooms.state_index(1.0), 'cell: got 1.0'),
        (
            lambda: two_rooms.state_index(0, 'down '),
            "previous_action: got 'down '",
        ),
    ],
)
def test_a_bad_cell_is_refused(call, words):
  with pytest.raises(ValueError, match=words):
    call()
