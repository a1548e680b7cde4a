"""What is checked between a policy and environments, once for all rows."""

from typing import Optional, Tuple

from distillery.environments import timestep_checks
from dm_env import specs
import numpy as np

_MAX_EPISODE_STEPS = 100_000  # Of an evaluation.


class BadRow(timestep_checks.BadValue):
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
      bounds = [
          np.broadcast_to(bound, spec.shape).astype(np.float32)
          for bound in (spec.minimum, spec.maximum)
      ]
      if np.isfinite(bounds).any():
        self._bounds = bounds

  def __call__(
      self, action: np.ndarray, log_prob: Optional[np.ndarray] = None
  ) -> np.ndarray:
    """The actions to step with, [U * C, A] in the spec's bounds, or [U * C].

    Args:
      action: [U, C, A] float32, or [U, C] integers.
      log_prob: [U, C] of the actions, None if there is none to check.

    Raises:
      BadRow: if a number is not finite, or an action not a discrete one.
      ValueError: if the actions have another shape.
    """
    if action.shape != self._shape:
      raise ValueError(
          f'got actions of shape {action.shape}, want {self._shape}'
      )
    if log_prob is not None and not _all_finite(log_prob):
      row = int(np.argmin(np.isfinite(log_prob)))
      raise BadRow(
          row,
          'the policy returned a log-probability that is not '
          f'finite: {log_prob.reshape(-1)[row]}',
      )
    if self._num_values is not None:
      flat = action.reshape(-1)
      if flat.min() < 0 or flat.max() >= self._num_values:
        row = int(np.argmax((flat < 0) | (flat >= self._num_values)))
        raise BadRow(
            row,
            f'the policy chose action {flat[row]}, want one of '
            f'0..{self._num_values - 1}',
        )
      return flat
    flat = action.reshape(-1, action.shape[-1])
    if not _all_finite(flat):
      row = int(np.argmin(np.isfinite(flat).all(-1)))
      raise BadRow(
          row,
          'the policy chose an action that is not finite: '
          f'{flat[row].tolist()}',
      )
    if self._bounds is None:
      return flat
    return np.minimum(np.maximum(flat, self._bounds[0]), self._bounds[1])


def check_numbers(
    observation: np.ndarray, reward: np.ndarray, discount: np.ndarray
) -> None:
  """Checks what environments returned, observations [N, D], the others [N].

  Raises:
    BadRow: if a number is not finite, or a discount not in [0, 1].
  """
  good_discount = (discount >= 0.0) & (discount <= 1.0)
  if (
      _all_finite(observation)
      and _all_finite(reward)
      and np.count_nonzero(good_discount) == discount.size
  ):
    return
  bad = ~np.isfinite(observation).all(-1)
  if bad.any():
    row = int(np.argmax(bad))
    column = int(np.argmin(np.isfinite(observation[row])))
    raise BadRow(
        row,
        'the environment returned an observation that is not '
        f'finite: {observation[row, column]} at index {column}',
    )
  if not _all_finite(reward):
    row = int(np.argmin(np.isfinite(reward)))
    raise BadRow(
        row,
        'the environment returned a reward that is not finite: '
        f'{reward[row]}',
    )
  row = int(np.argmin(good_discount))
  raise BadRow(
      row,
      f'the environment returned discount {discount[row]}, want '
      'one in [0, 1]',
  )


def check_length(num_steps: int) -> None:
  """Raises a ValueError on an episode of evaluation that may never end."""
  if num_steps >= _MAX_EPISODE_STEPS:
    raise ValueError(
        f'the episode has not ended after {num_steps} steps: give '
        'the environment a time limit'
    )


def _all_finite(x: np.ndarray) -> bool:
  # A quarter of the time of `np.isfinite(x).all()` on arrays this small.
  return np.count_nonzero(np.isfinite(x)) == x.size
