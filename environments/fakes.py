"""Small environments whose optimum is known, to test agents with.

A point mass (continuous actions, no termination but a time limit) and a grid
(discrete actions, true termination). Both are exact: `optimal_action` and
`optimal_return`, or `optimal_values`, say what a perfect agent would reach.
"""

import functools
from typing import Any, Optional, Tuple

import dm_env
from dm_env import specs
import numpy as np

from distillery.environments import base


class PointMass(base.TaskEnvironment):
  """A point in the plane that is to be driven to the task's goal.

  `x_{t+1} = x_t + 0.1 clip(a_t, -1, 1)`, reward `-|x_{t+1} - goal|`. The goal
  is not part of the observation: which one it is, only the task tells.
  """

  STEP_SIZE = 0.1
  SUCCESS_RADIUS = 0.05

  def __init__(self, goal: Tuple[float, float], *, seed: int,
               horizon: int = 50, num_variations: int = 8):
    """Makes the environment.

    Args:
      goal: where to go; both coordinates in [-1, 1].
      seed: of the stream of episodes.
      horizon: steps after which an episode is truncated (discount 1).
      num_variations: number of fixed places to start from.

    Raises:
      ValueError: if a count is not positive or the goal is not in the square.
    """
    if horizon < 1 or num_variations < 1:
      raise ValueError(
          f'PointMass: got horizon={horizon}, num_variations={num_variations}, '
          'want at least 1')
    self.goal = np.asarray(goal, np.float32)
    if self.goal.shape != (2,) or not (np.abs(self.goal) <= 1.).all():
      raise ValueError(f'PointMass: got goal={goal}, want two floats in [-1, 1]')
    self.horizon = horizon
    # The starts are fixed, whatever the seed, so that variation i of a task is
    # the same place in every run.
    self._starts = np.random.default_rng(0).uniform(
        -0.5, 0.5, size=(num_variations, 2)).astype(np.float32)
    self._rng = np.random.default_rng(seed)
    self._position = self._starts[0]
    self._steps_left = 0

  def reset(self, *, seed: Optional[int] = None,
            variation: Optional[int] = None) -> dm_env.TimeStep:
    if seed is not None:
      self._rng = np.random.default_rng(seed)
    if variation is None:
      variation = self._rng.integers(len(self._starts))
    elif not 0 <= variation < len(self._starts):
      raise ValueError(
          f'PointMass.reset: got variation={variation}, want one of '
          f'0..{len(self._starts) - 1}')
    self._position = self._starts[variation].copy()
    self._steps_left = self.horizon
    return dm_env.restart(self._position.copy())

  def step(self, action: Any) -> dm_env.TimeStep:
    if self._steps_left == 0:
      return self.reset()
    self._position = self._position + np.float32(self.STEP_SIZE) * np.clip(
        action, -1., 1.).astype(np.float32)
    self._steps_left -= 1
    return dm_env.TimeStep(
        dm_env.StepType.MID if self._steps_left else dm_env.StepType.LAST,
        np.float32(-self._distance()), np.float32(1.), self._position.copy())

  @property
  def success(self) -> bool:
    return (self._steps_left < self.horizon
            and bool(self._distance() < self.SUCCESS_RADIUS))

  @property
  def num_variations(self) -> int:
    return len(self._starts)

  def observation_spec(self) -> specs.Array:
    return specs.Array((2,), np.float32, name='observation')

  def action_spec(self) -> specs.BoundedArray:
    return specs.BoundedArray((2,), np.float32, -1., 1., name='action')

  def _distance(self) -> np.floating:
    return np.linalg.norm(self._position - self.goal)

  def optimal_action(self, observation: np.ndarray) -> np.ndarray:
    """The best action, float32 [..., 2], at positions [..., 2].

    Straight for the goal, coordinate by coordinate. It makes every coordinate's
    distance as small as it can be at every step at once, so nothing does better.
    """
    return np.clip((self.goal - observation) / np.float32(self.STEP_SIZE),
                   -1., 1.).astype(np.float32)

  def optimal_return(self, start: np.ndarray) -> float:
    """The greatest sum of rewards of a whole episode from `start` [2]."""
    steps = np.arange(1, self.horizon + 1)[:, np.newaxis]
    gaps = np.abs(np.asarray(start) - self.goal) - self.STEP_SIZE * steps
    return -float(np.linalg.norm(np.maximum(gaps, 0.), axis=-1).sum())


class Grid(base.TaskEnvironment):
  """A square grid of cells; the episode terminates in the task's goal cell.

  Actions: 0 up, 1 right, 2 down, 3 left; into a wall, the agent stays. With
  probability `slip` the move is a random one instead. Reward 1 on entering the
  goal (then the discount is 0), -0.01 on any other step. The observation is the
  one-hot of the cell.
  """

  STEP_REWARD = -0.01
  _MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))

  def __init__(self, goal: int, *, seed: int, size: int = 4,
               slip: float = 0.1, horizon: int = 50):
    """Makes the environment.

    Args:
      goal: the goal's cell, row * size + column.
      seed: of the stream of episodes.
      size: cells along a side, at least 2.
      slip: probability in [0, 1] of a random move.
      horizon: steps after which an episode is truncated (discount 1).

    Raises:
      ValueError: if one of these is out of its range.
    """
    if size < 2 or not 0 <= goal < size * size or horizon < 1:
      raise ValueError(
          f'Grid: got goal={goal}, size={size}, horizon={horizon}, want size >= '
          '2, a goal in [0, size * size), horizon >= 1')
    if not 0. <= slip <= 1.:
      raise ValueError(f'Grid: got slip={slip}, want a probability')
    self.goal = goal
    self.size = size
    self.slip = slip
    self.horizon = horizon
    self._rng = np.random.default_rng(seed)
    self._cell = 0
    self._steps_left = 0

  def reset(self, *, seed: Optional[int] = None,
            variation: Optional[int] = None) -> dm_env.TimeStep:
    if variation not in (None, 0):
      raise ValueError(f'Grid.reset: got variation={variation}, want 0')
    if seed is not None:
      self._rng = np.random.default_rng(seed)
    starts = [cell for cell in range(self.size**2) if cell != self.goal]
    self._cell = starts[self._rng.integers(len(starts))]
    self._steps_left = self.horizon
    return dm_env.restart(self._observation())

  def step(self, action: Any) -> dm_env.TimeStep:
    if self._steps_left == 0:
      return self.reset()
    if not 0 <= action < len(self._MOVES):
      raise ValueError(f'Grid.step: got action {action}, want 0, 1, 2 or 3')
    if self._rng.random() < self.slip:
      action = self._rng.integers(len(self._MOVES))
    self._cell = self._next_cell(self._cell, action)
    self._steps_left -= 1
    if self._cell == self.goal:
      self._steps_left = 0
      return dm_env.TimeStep(dm_env.StepType.LAST, np.float32(1.),
                             np.float32(0.), self._observation())
    return dm_env.TimeStep(
        dm_env.StepType.MID if self._steps_left else dm_env.StepType.LAST,
        np.float32(self.STEP_REWARD), np.float32(1.), self._observation())

  @property
  def success(self) -> bool:
    return self._cell == self.goal

  def observation_spec(self) -> specs.Array:
    return specs.Array((self.size**2,), np.float32, name='observation')

  def action_spec(self) -> specs.DiscreteArray:
    return specs.DiscreteArray(len(self._MOVES), np.int32, name='action')

  def _observation(self) -> np.ndarray:
    observation = np.zeros(self.size**2, np.float32)
    observation[self._cell] = 1.
    return observation

  def _next_cell(self, cell: int, action: int) -> int:
    row = cell // self.size + self._MOVES[action][0]
    column = cell % self.size + self._MOVES[action][1]
    inside = 0 <= row < self.size and 0 <= column < self.size
    return row * self.size + column if inside else cell

  def transitions(self) -> np.ndarray:
    """p(s' | s, a), float64 [S, A, S]; the goal is absorbing."""
    num_states, num_actions = self.size**2, len(self._MOVES)
    moves = np.zeros((num_states, num_actions, num_states))
    for cell in range(num_states):
      for action in range(num_actions):
        moves[cell, action, self._next_cell(cell, action)] = 1.
    moves = (1. - self.slip) * moves + self.slip * moves.mean(1, keepdims=True)
    moves[self.goal] = np.eye(num_states)[self.goal]
    return moves

  def rewards(self) -> np.ndarray:
    """E[r | s, a], float64 [S, A]; 0 in the goal."""
    entering = self.transitions()[:, :, self.goal]
    rewards = entering + (1. - entering) * self.STEP_REWARD
    rewards[self.goal] = 0.
    return rewards

  def optimal_values(self, discount: float) -> np.ndarray:
    """Q*(s, a), float64 [S, A], by value iteration, without the time limit.

    Args:
      discount: in [0, 1).

    Returns:
      The action values; `argmax(-1)` is an optimal policy. They hold for the
      discounted return of an agent that bootstraps at the time limit.

    Raises:
      ValueError: if the discount is not in [0, 1).
    """
    if not 0. <= discount < 1.:
      raise ValueError(
          f'Grid.optimal_values: got discount={discount}, want [0, 1)')
    transitions, rewards = self.transitions(), self.rewards()
    values = np.zeros_like(rewards)
    while True:
      updated = rewards + discount * transitions @ values.max(-1)
      if np.abs(updated - values).max() < 1e-12:
        return updated
      values = updated


def _make_point_mass(seed: int, *, goal, horizon: int) -> PointMass:
  return PointMass(goal, seed=seed, horizon=horizon)


def _make_grid(seed: int, *, goal: int, horizon: int) -> Grid:
  return Grid(goal, seed=seed, horizon=horizon)


def point_mass_suite(num_tasks: int, *, horizon: int = 50) -> base.TaskSuite:
  """Point masses with goals spread over a circle of radius 0.8.

  Raises:
    ValueError: if `num_tasks` is not positive.
  """
  _check_num_tasks(num_tasks, 'point_mass_suite')
  angles = 2. * np.pi * np.arange(num_tasks) / num_tasks
  goals = [(0.8 * float(np.cos(a)), 0.8 * float(np.sin(a))) for a in angles]
  return _suite(f'PointMass{num_tasks}', 'point_mass', [
      functools.partial(_make_point_mass, goal=goal, horizon=horizon)
      for goal in goals])


def grid_suite(num_tasks: int, *, horizon: int = 50) -> base.TaskSuite:
  """4 x 4 grids, each task with another goal cell.

  Raises:
    ValueError: if `num_tasks` is not in 1..16.
  """
  _check_num_tasks(num_tasks, 'grid_suite')
  if num_tasks > 16:
    raise ValueError(f'grid_suite: got num_tasks={num_tasks}, want at most 16')
  # From the last cell backwards, so that the first tasks' goals lie apart from
  # the corner where most paths begin.
  return _suite(f'Grid{num_tasks}', 'grid', [
      functools.partial(_make_grid, goal=15 - i, horizon=horizon)
      for i in range(num_tasks)])


def _suite(name, family, factories) -> base.TaskSuite:
  tasks = tuple(
      base.Task(f'{family}_{i}', family, 'train', factory)
      for i, factory in enumerate(factories))
  environment = factories[0](0)
  return base.TaskSuite(
      name=name, tasks=tasks, observation_spec=environment.observation_spec(),
      action_spec=environment.action_spec(), info={})


def _check_num_tasks(num_tasks: int, caller: str) -> None:
  if num_tasks < 1:
    raise ValueError(f'{caller}: got num_tasks={num_tasks}, want at least 1')
