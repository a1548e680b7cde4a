"""One step of a simulator of arrays, with what is checked before and after."""

from typing import Callable, Optional, Tuple

from distillery.environments import base
from distillery.environments import failures
from distillery.environments import guards
import numpy as np


def step(batch: base.Batch, gate: guards.ActionGate,
         place: Callable[[int], failures.Place], action: np.ndarray,
         log_prob: Optional[np.ndarray] = None
         ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Steps a batch of K tasks with E environments each.

  Args:
    batch: K E rows.
    gate: of its actions.
    place: says where a row is.
    action: `[K, E, A]` float32, or `[K, E]` integers.
    log_prob: `[K, E]` of the actions, None if there is none to check.

  Returns:
    As `base.Batch.step`.

  Raises:
    failures.PoolError: on a number that must not go on; says where.
  """
  try:
    reward, discount, ended = batch.step(gate(action, log_prob))
    guards.check_numbers(batch.observation, reward, discount)
  except guards.BadRow as error:
    raise failures.raised(place(error.row), str(error), '') from None
  return reward, discount, ended
