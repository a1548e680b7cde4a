"""What acting policies are made of, in NumPy."""

from typing import Callable, Sequence

import numpy as np


def relu(x: np.ndarray) -> np.ndarray:
  """max(x, 0)."""
  return np.maximum(x, 0.)


def standardized(x: np.ndarray, mean: np.ndarray, inverse_std: np.ndarray,
                 max_deviation: float) -> np.ndarray:
  """The NumPy twin of `normalizer.RunningNormalizer`."""
  return np.clip((x - mean) * inverse_std, -max_deviation, max_deviation)


def perceptron(x: np.ndarray, weights: Sequence[np.ndarray],
               biases: Sequence[np.ndarray],
               activation: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
  """The twin of `stacked.StackedMLP`: nothing after the last layer.

  Args:
    x: `[U, C, D]`.
    weights: of each layer `[U, D, H]`, or `[D, H]` if all units share them.
    biases: likewise, `[U, 1, H]` or `[1, H]`.
    activation: between layers.
  """
  for i, (weight, bias) in enumerate(zip(weights, biases)):
    if i > 0:
      x = activation(x)
    x = np.matmul(x, weight) + bias
  return x
