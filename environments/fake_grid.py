"""Defines a grid task with known optimal values; see `fakes`."""

from typing import Any, Optional

from distillery.environments import action_checks
from distillery.environments import base
import dm_env
from dm_env import specs
import numpy as np


class Grid(base.TaskEnvironment):
  """A square grid of cells in which an episode terminates in the goal cell.

  The actions are 0 up, 1 right, 2 down and 3 left; a move into a wall leaves
  the agent where it is. With probability `slip`, a random move replaces the
  chosen one. The reward is 1 on entering the goal (with discount 0), and -0.01
  on any other step. The observation is the one-hot code of the cell.
  """

  STEP_REWARD = -0.01
  _MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))

  def __init__(
      self,
      goal: int,
      *,
      seed: int,
      size: int = 4,
      slip: float = 0.1,
      horizon: int = 50,
  ):
    """Makes the environment.

    Args:
      goal: the number of the goal cell, row * size + column.
      seed: the seed of the random stream of episodes.
      size: the number of cells along a side, at least 2.
      slip: the probability of a random move, in [0, 1].
      horizon: the number of steps after which an episode is truncated (with
        discount 1).

    Raises:
      ValueError: if an argument is out of its range.
    """
    if size < 2 or not 0 <= goal < size * size or horizon < 1:
      raise ValueError(
          f'Grid: got goal={goal}, size={size}, horizon={horizon}, want size '
          '>= 2, a goal in [0, size * size), horizon >= 1'
      )
    if not 0.0 <= slip <= 1.0:
      raise ValueError(f'Grid: got slip={slip}, want a probability')
    self.goal = goal
    self.size = size
    self.slip = slip
    self.horizon = horizon
    self._rng = np.random.default_rng(seed)
    self._cell = 0
    self._steps_left = 0

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    if variation is not None and not base.is_index(variation, 1):
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
    if not action_checks.is_choice(action, len(self._MOVES)):
      raise ValueError(f'Grid.step: got action {action}, want 0, 1, 2 or 3')
    if self._rng.random() < self.slip:
      action = self._rng.integers(len(self._MOVES))
    self._cell = self._next_cell(self._cell, action)
    self._steps_left -= 1
    if self._cell == self.goal:
      self._steps_left = 0
      return dm_env.TimeStep(
          dm_env.StepType.LAST,
          np.float32(1.0),
          np.float32(0.0),
          self._observation(),
      )
    return dm_env.TimeStep(
        dm_env.StepType.MID if self._steps_left else dm_env.StepType.LAST,
        np.float32(self.STEP_REWARD),
        np.float32(1.0),
        self._observation(),
    )

  @property
  def success(self) -> bool:
    return self._cell == self.goal

  def observation_spec(self) -> specs.Array:
    return specs.Array((self.size**2,), np.float32, name='observation')

  def action_spec(self) -> specs.DiscreteArray:
    return specs.DiscreteArray(len(self._MOVES), np.int32, name='action')

  def _observation(self) -> np.ndarray:
    observation = np.zeros(self.size**2, np.float32)
    observation[self._cell] = 1.0
    return observation

  def _next_cell(self, cell: int, action: int) -> int:
    row = cell // self.size + self._MOVES[action][0]
    column = cell % self.size + self._MOVES[action][1]
    inside = 0 <= row < self.size and 0 <= column < self.size
    return row * self.size + column if inside else cell

  def transitions(self) -> np.ndarray:
    """Returns p(s' | s, a), float64 [S, A, S]; the goal is absorbing."""
    num_states, num_actions = self.size**2, len(self._MOVES)
    moves = np.zeros((num_states, num_actions, num_states))
    for cell in range(num_states):
      for action in range(num_actions):
        moves[cell, action, self._next_cell(cell, action)] = 1.0
    moves = (1.0 - self.slip) * moves + self.slip * moves.mean(1, keepdims=True)
    moves[self.goal] = np.eye(num_states)[self.goal]
    return moves

  def rewards(self) -> np.ndarray:
    """Returns E[r | s, a], float64 [S, A]; it is 0 in the goal."""
    entering = self.transitions()[:, :, self.goal]
    rewards = entering + (1.0 - entering) * self.STEP_REWARD
    rewards[self.goal] = 0.0
    return rewards

  def optimal_values(self, discount: float) -> np.ndarray:
    """Computes Q*(s, a) by value iteration, without the time limit.

    Args:
      discount: the discount, in [0, 1).

    Returns:
      The action values, float64 [S, A]; `argmax(-1)` is an optimal policy. They
      hold for an agent that bootstraps at the time limit.

    Raises:
      ValueError: if the discount is not in [0, 1).
    """
    if not 0.0 <= discount < 1.0:
      raise ValueError(
          f'Grid.optimal_values: got discount={discount}, want [0, 1)'
      )
    transitions, rewards = self.transitions(), self.rewards()
    values = np.zeros_like(rewards)
    while True:
      updated = rewards + discount * transitions @ values.max(-1)
      if np.abs(updated - values).max() < 1e-12:
        return updated
      values = updated
