"""Checks the numbers of policies and environments, for all rows at once."""

from typing import Optional, Tuple

from distillery.environments import timestep_checks
from dm_env import specs
import numpy as np

_MAX_EPISODE_STEPS = 100_000  # The limit of an episode of evaluation.


class BadRow(timestep_checks.BadValue):
  """An invalid number, and the row that has it.

  Attributes:
    row: the index of the row.
  """

  def __init__(self, row: int, message: str):
    """Initialises the error.

    Args:
      row: the index of the row.
      message: the description of the fault.
    """
    super().__init__(message)
    self.row = row


class ActionGate:
  """A gate that checks a policy's actions and clips them for environments."""

  def __init__(self, spec: specs.Array, rows: Tuple[int, int]):
    """Makes a gate.

    Args:
      spec: the spec of an action.
      rows: (U, C), the numbers of units and of rows of each unit.
    """
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
    """Checks and clips the actions of a step.

    Args:
      action: the actions, float32 [U, C, A], or integers [U, C].
      log_prob: the log-probabilities of the actions, float [U, C], or None if
        there are none to check.

    Returns:
      The actions to step with: float32 [U * C, A] within the spec's bounds, or
      integers [U * C].

    Raises:
      BadRow: if a number is not finite, or a discrete action is out of range.
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
  """Checks the numbers that N environments returned.

  Args:
    observation: the observations, float [N, D].
    reward: the rewards, float [N].
    discount: the discounts, float [N].

  Raises:
    BadRow: if a number is not finite, or a discount is not in [0, 1].
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
  """Raises ValueError if an evaluation episode seems never to end."""
  if num_steps >= _MAX_EPISODE_STEPS:
    raise ValueError(
        f'the episode has not ended after {num_steps} steps: give '
        'the environment a time limit'
    )


def _all_finite(x: np.ndarray) -> bool:
  # On arrays this small, it takes a quarter of the time of
  # `np.isfinite(x).all()`.
  return np.count_nonzero(np.isfinite(x)) == x.size
