"""Environments as users have them, for tests of `adapters`."""

import dm_env
from dm_env import specs
import gymnasium
import numpy as np


def half_cheetah(seed: int, **options) -> gymnasium.Env:
  del seed  # gymnasium seeds in `reset`.
  return gymnasium.make('HalfCheetah-v5', max_episode_steps=40, **options)


def inverted_pendulum(seed: int) -> gymnasium.Env:
  del seed
  return gymnasium.make('InvertedPendulum-v5')


class OneNumber(gymnasium.Env):
  """Observes three numbers, and in its last step one."""

  observation_space = gymnasium.spaces.Box(-9.0, 9.0, (3,))
  action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

  def __init__(self, seed: int, last: int):
    del seed
    self._last = last

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self._steps = 0
    return np.zeros(3, np.float32), {}

  def step(self, action):
    self._steps += 1
    size = 1 if self._steps > self._last else 3
    return np.zeros(size, np.float32), 0.0, False, self._steps == 40, {}


def broken(seed: int):
  raise RuntimeError(f'out of order ({seed})')


class Walk(dm_env.Environment):
  """A walk of so many steps from a random place."""

  def __init__(self, seed: int, *, length: int = 5, bound: float = 1.0):
    self._rng = np.random.default_rng(seed)
    self._length = length
    self._bound = bound

  def reset(self) -> dm_env.TimeStep:
    self._steps, self._place = 0, self._rng.uniform(size=1)
    return dm_env.restart(self._place)

  def step(self, action) -> dm_env.TimeStep:
    self._steps += 1
    self._place = self._place + action
    if self._steps == self._length:
      return dm_env.truncation(0.0, self._place)
    return dm_env.transition(0.0, self._place)

  def observation_spec(self) -> specs.Array:
    return specs.Array((1,), np.float64)

  def action_spec(self) -> specs.BoundedArray:
    return specs.BoundedArray((1,), np.float64, -self._bound, self._bound)
