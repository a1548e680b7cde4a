"""Defines small environments with a known optimum, for tests of agents.

The point mass has continuous actions and ends by its time limit alone. The grid
has discrete actions and true terminations. `optimal_action` and
`optimal_return`, or `optimal_values`, compute exactly what a perfect agent
would reach.
"""

import functools
from typing import Any, Optional, Tuple

from distillery.environments import action_checks
from distillery.environments import base
from distillery.environments import fake_grid
import dm_env
from dm_env import specs
import numpy as np


class PointMass(base.TaskEnvironment):
  """A point in the plane that the agent moves to the task's goal.

  The dynamics are `x_{t+1} = x_t + 0.1 clip(a_t, -1, 1)`, the reward is
  `-|x_{t+1} - goal|`. The observation is the position, not the goal: an agent
  knows the goal only by the task's index.
  """

  STEP_SIZE = 0.1
  SUCCESS_RADIUS = 0.05

  def __init__(
      self,
      goal: Tuple[float, float],
      *,
      seed: int,
      horizon: int = 50,
      num_variations: int = 8,
  ):
    """Makes the environment.

    Args:
      goal: the two coordinates of the goal, both in [-1, 1].
      seed: the seed of the random stream of episodes.
      horizon: the number of steps after which an episode is truncated (with
        discount 1).
      num_variations: the number of fixed starting points.

    Raises:
      ValueError: if a count is not positive or the goal is not in the square.
    """
    if horizon < 1 or num_variations < 1:
      raise ValueError(
          f'PointMass: got horizon={horizon}, '
          f'num_variations={num_variations}, want at least 1'
      )
    self.goal = np.asarray(goal, np.float32)
    if self.goal.shape != (2,) or not (np.abs(self.goal) <= 1.0).all():
      raise ValueError(
          f'PointMass: got goal={goal}, want two floats in [-1, 1]'
      )
    self.horizon = horizon
    # The starting points do not depend on the seed, so that variation i of a
    # task is the same point in every run.
    self._starts = (
        np.random.default_rng(0)
        .uniform(-0.5, 0.5, size=(num_variations, 2))
        .astype(np.float32)
    )
    self._rng = np.random.default_rng(seed)
    self._encoder = action_checks.ActionEncoder(
        self.action_spec(), np.float32, start=0
    )
    self._position = self._starts[0]
    self._steps_left = 0

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    if seed is not None:
      self._rng = np.random.default_rng(seed)
    if variation is None:
      variation = self._rng.integers(len(self._starts))
    elif not base.is_index(variation, len(self._starts)):
      raise ValueError(
          f'PointMass.reset: got variation={variation}, want one of '
          f'0..{len(self._starts) - 1}'
      )
    self._position = self._starts[variation].copy()
    self._steps_left = self.horizon
    return dm_env.restart(self._position.copy())

  def step(self, action: Any) -> dm_env.TimeStep:
    if self._steps_left == 0:
      return self.reset()
    action = self._encoder(action)
    self._position = self._position + np.float32(self.STEP_SIZE) * np.clip(
        action, -1.0, 1.0
    )
    self._steps_left -= 1
    return dm_env.TimeStep(
        dm_env.StepType.MID if self._steps_left else dm_env.StepType.LAST,
        np.float32(-self._distance()),
        np.float32(1.0),
        self._position.copy(),
    )

  @property
  def success(self) -> bool:
    return self._steps_left < self.horizon and bool(
        self._distance() < self.SUCCESS_RADIUS
    )

  @property
  def num_variations(self) -> int:
    return len(self._starts)

  def observation_spec(self) -> specs.Array:
    return specs.Array((2,), np.float32, name='observation')

  def action_spec(self) -> specs.BoundedArray:
    return specs.BoundedArray((2,), np.float32, -1.0, 1.0, name='action')

  def _distance(self) -> np.floating:
    return np.linalg.norm(self._position - self.goal)

  def optimal_action(self, observation: np.ndarray) -> np.ndarray:
    """Returns the best action at each position.

    It moves each coordinate towards the goal as far as possible. No other
    action makes any distance smaller at any step, so it is optimal.

    Args:
      observation: the positions, float [..., 2].

    Returns:
      The actions, float32 [..., 2].

    Raises:
      ValueError: if the last axis has another size than 2.
    """
    if np.shape(observation)[-1:] != (2,):
      raise ValueError(
          'PointMass.optimal_action: got an observation of shape '
          f'{np.shape(observation)}, want [..., 2]'
      )
    return np.clip(
        (self.goal - observation) / np.float32(self.STEP_SIZE), -1.0, 1.0
    ).astype(np.float32)

  def optimal_return(self, start: np.ndarray) -> float:
    """Returns the largest return of an episode from a starting point.

    Args:
      start: the starting point, float [2].

    Returns:
      The undiscounted sum of the rewards of `horizon` steps.

    Raises:
      ValueError: if `start` has another shape.
    """
    steps = np.arange(1, self.horizon + 1)[:, np.newaxis]
    if np.shape(start) != (2,):
      raise ValueError(
          f'PointMass.optimal_return: got start={start}, want two floats'
      )
    gaps = np.abs(np.asarray(start) - self.goal) - self.STEP_SIZE * steps
    return -float(np.linalg.norm(np.maximum(gaps, 0.0), axis=-1).sum())


Grid = fake_grid.Grid


def _make_point_mass(seed: int, *, goal, horizon: int) -> PointMass:
  return PointMass(goal, seed=seed, horizon=horizon)


def _make_grid(seed: int, *, goal: int, horizon: int) -> Grid:
  return Grid(goal, seed=seed, horizon=horizon)


def point_mass_suite(num_tasks: int, *, horizon: int = 50) -> base.TaskSuite:
  """Makes a suite of point masses whose goals lie on a circle of radius 0.8.

  Args:
    num_tasks: the number of tasks, at least 1.
    horizon: the number of steps of every episode.

  Returns:
    The suite of train tasks.

  Raises:
    ValueError: if `num_tasks` is not positive.
  """
  _check_num_tasks(num_tasks, 'point_mass_suite')
  angles = 2.0 * np.pi * np.arange(num_tasks) / num_tasks
  goals = [(0.8 * float(np.cos(a)), 0.8 * float(np.sin(a))) for a in angles]
  return _suite(
      f'PointMass{num_tasks}',
      'point_mass',
      [
          functools.partial(_make_point_mass, goal=goal, horizon=horizon)
          for goal in goals
      ],
      horizon,
  )


def grid_suite(num_tasks: int, *, horizon: int = 50) -> base.TaskSuite:
  """Makes a suite of 4 x 4 grids, each task with another goal cell.

  Args:
    num_tasks: the number of tasks, from 1 to 16.
    horizon: the number of steps after which an episode is truncated.

  Returns:
    The suite of train tasks.

  Raises:
    ValueError: if `num_tasks` is not in 1..16.
  """
  _check_num_tasks(num_tasks, 'grid_suite')
  if num_tasks > 16:
    raise ValueError(f'grid_suite: got num_tasks={num_tasks}, want at most 16')
  # The goals are numbered from the last cell backwards, so that those of the
  # first tasks are far from the corner where most paths begin.
  return _suite(
      f'Grid{num_tasks}',
      'grid',
      [
          functools.partial(_make_grid, goal=15 - i, horizon=horizon)
          for i in range(num_tasks)
      ],
      None,
  )


def _suite(name, family, factories, horizon) -> base.TaskSuite:
  tasks = tuple(
      base.Task(f'{family}_{i}', family, 'train', factory)
      for i, factory in enumerate(factories)
  )
  environment = factories[0](0)
  return base.TaskSuite(
      name=name,
      tasks=tasks,
      observation_spec=environment.observation_spec(),
      action_spec=environment.action_spec(),
      horizon=horizon,
  )


def _check_num_tasks(num_tasks: int, caller: str) -> None:
  if num_tasks < 1:
    raise ValueError(f'{caller}: got num_tasks={num_tasks}, want at least 1')
