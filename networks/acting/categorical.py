"""Draws discrete actions, in NumPy."""

from typing import Tuple

import numpy as np


def sample(
    logits: np.ndarray, noise: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
  """Draws actions by the Gumbel-max trick.

  Args:
    logits: the logits of the actions, `[..., A]`.
    noise: Gumbel noise, `[..., A]`.

  Returns:
    The actions, `[...]` int32, and their log-probabilities, `[...]`.
  """
  action = np.argmax(logits + noise, axis=-1)
  log_prob = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
  chosen = np.take_along_axis(log_prob, action[..., np.newaxis], -1)
  return action.astype(np.int32), chosen[..., 0]
