"""What is checked between a policy and an environment, once for all rows."""

from typing import Any, Tuple

import dm_env
from dm_env import specs
import numpy as np

from distillery.environments import base


class BadRow(ValueError):
  """A number that must not go on, and the row it was found in."""

  def __init__(self, row: int, message: str):
    super().__init__(message)
    self.row = row


class ActionGate:
  """Checks a policy's actions and makes them fit for environments."""

  def __init__(self, spec: specs.Array, rows: Tuple[int, int]):
    """Makes a gate for actions of `spec` in rows [U, C]."""
    self._num_values = None
    self._bounds = None
    if isinstance(spec, specs.DiscreteArray):
      self._num_values = spec.num_values
      self._shape = rows
      return
    self._shape = rows + spec.shape
    if isinstance(spec, specs.BoundedArray):
      bounds = [np.broadcast_to(bound, spec.shape).astype(np.float32)
                for bound in (spec.minimum, spec.maximum)]
      if np.isfinite(bounds).any():
        self._bounds = bounds

  def __call__(self, action: np.ndarray) -> np.ndarray:
    """The actions to step with, [U * C, A] in the spec's bounds, or [U * C].

    Raises:
      BadRow: if an action is not finite, or not one of the discrete ones.
      ValueError: if the shape is another one.
    """
    if action.shape != self._shape:
      raise ValueError(
          f'policy: got actions of shape {action.shape}, want {self._shape}')
    if self._num_values is not None:
      flat = action.reshape(-1)
      if flat.min() < 0 or flat.max() >= self._num_values:
        row = int(np.argmax((flat < 0) | (flat >= self._num_values)))
        raise BadRow(row, f'the policy chose action {flat[row]}, want one of '
                          f'0..{self._num_values - 1}')
      return flat
    flat = action.reshape(-1, action.shape[-1])
    if not _all_finite(flat):
      row = int(np.argmin(np.isfinite(flat).all(-1)))
      raise BadRow(row, f'the policy chose an action that is not finite: '
                        f'{flat[row]}')
    if self._bounds is None:
      return flat
    return np.minimum(np.maximum(flat, self._bounds[0]), self._bounds[1])


def _all_finite(x: np.ndarray) -> bool:
  # A quarter of the time of `np.isfinite(x).all()` on arrays this small.
  return np.count_nonzero(np.isfinite(x)) == x.size


def check_finite(observation: np.ndarray, reward: np.ndarray) -> None:
  """Checks what environments returned, observations [N, D], rewards [N].

  Raises:
    BadRow: if a number is not finite.
  """
  if _all_finite(observation) and _all_finite(reward):
    return
  bad = ~np.isfinite(observation).all(-1)
  if bad.any():
    row = int(np.argmax(bad))
    column = int(np.argmin(np.isfinite(observation[row])))
    raise BadRow(row, 'the environment returned an observation that is not '
                      f'finite: {observation[row, column]} at index {column}')
  row = int(np.argmin(np.isfinite(reward)))
  raise BadRow(row, 'the environment returned a reward that is not finite: '
                    f'{reward[row]}')


def build(task: base.Task, seed: int, observation_size: int,
          action_spec: specs.Array) -> base.TaskEnvironment:
  """Makes a task's environment and checks that it is what the pool expects.

  Raises:
    ValueError: if its specs are not the pool's.
  """
  environment = task.factory(seed)
  got = environment.observation_spec()
  if got.shape != (observation_size,):
    raise ValueError(f'got observations of shape {got.shape}, want '
                     f'{(observation_size,)} as the other tasks')
  got = environment.action_spec()
  if (got.shape != action_spec.shape
      or getattr(got, 'num_values', 0) != getattr(action_spec, 'num_values', 0)):
    raise ValueError(f'got actions {got}, want {action_spec} as the other tasks')
  return environment


def first_observation(timestep: dm_env.TimeStep, size: int) -> np.ndarray:
  """The observation of a reset, checked.

  Raises:
    ValueError: if its shape is wrong or it is not finite.
  """
  observation = np.asarray(timestep.observation)
  if observation.shape != (size,):
    raise ValueError(f'reset returned an observation of shape '
                     f'{observation.shape}, want {(size,)}')
  if not np.isfinite(observation).all():
    raise ValueError('reset returned an observation that is not finite: '
                     f'{observation}')
  return observation


def random_action(spec: specs.Array, rng: np.random.Generator) -> Any:
  """An action of `spec`, uniform within bounds, standard normal without."""
  if isinstance(spec, specs.DiscreteArray):
    return np.int32(rng.integers(spec.num_values))
  action = rng.standard_normal(spec.shape)
  if isinstance(spec, specs.BoundedArray):
    low, high = np.broadcast_arrays(spec.minimum, spec.maximum)
    bounded = np.isfinite(low) & np.isfinite(high)
    uniform = rng.uniform(np.where(bounded, low, 0.), np.where(bounded, high, 1.))
    action = np.where(bounded, uniform, action)
  return action.astype(np.float32)
