"""What acting policies are made of, in NumPy."""

from typing import Callable, List, NamedTuple, Sequence

import numpy as np


class Column(NamedTuple):
  """One column's weights for U units."""

  mean: np.ndarray  # [U, 1, D]
  inverse_std: np.ndarray  # [U, 1, D]
  weights: List[np.ndarray]  # [U, D, H], or [D, H] if all units share them
  biases: List[np.ndarray]  # [U, 1, H]


def checked_tasks(task_index: np.ndarray, num_tasks: float) -> np.ndarray:
  """Returns indices of tasks as int64, once they are known to be some.

  Args:
    task_index: `[U]` integers.
    num_tasks: K; infinity: it is not known.

  Raises:
    ValueError: if they are no integers, or one is not in [0, K). NumPy takes
      -1 for the last task and True for a mask.
  """
  index = np.asarray(task_index)
  is_wrong = np.ones(index.shape, bool)
  if index.dtype.kind in 'iu':
    is_wrong = (index < 0) | (index >= num_tasks)
  if is_wrong.any():
    raise ValueError(
        f'task_index: got {index[is_wrong].tolist()[0]!r}, want '
        f'integers in [0, {num_tasks})'
    )
  return index.astype(np.int64)


def relu(x: np.ndarray) -> np.ndarray:
  """max(x, 0)."""
  return np.maximum(x, 0.0)


def standardized(
    x: np.ndarray,
    mean: np.ndarray,
    inverse_std: np.ndarray,
    max_deviation: float,
) -> np.ndarray:
  """The NumPy twin of `normalizer.RunningNormalizer`.

  Args:
    x: observations, `[..., D]`.
    mean: of each entry, `[D]` or `[U, 1, D]`.
    inverse_std: same shape.
    max_deviation: what comes out is clipped to it.

  Raises:
    ValueError: if observations have another size, such as 1.
  """
  if x.shape[-1] != mean.shape[-1]:
    raise ValueError(
        f'observation: got shape {list(x.shape)}, want '
        f'[..., {mean.shape[-1]}]'
    )
  return np.clip((x - mean) * inverse_std, -max_deviation, max_deviation)


def perceptron(
    x: np.ndarray,
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    activation: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
  """The twin of `perceptrons.StackedMLP`: nothing after the last layer.

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
