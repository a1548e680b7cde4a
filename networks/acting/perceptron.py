"""The building blocks of acting policies, in NumPy."""

from typing import Callable, List, NamedTuple, Sequence

import numpy as np

# The bound of standardised observations, in standard deviations. An entry that
# has hardly varied may suddenly move by many; larger moves carry no information.
MAX_DEVIATION = 5.0


class Column(NamedTuple):
  """The weights of one column for U units."""

  mean: np.ndarray  # The mean of the observations, [U, 1, D].
  inverse_std: np.ndarray  # 1 / their standard deviation, [U, 1, D].
  weights: List[np.ndarray]  # [U, D, H], or [D, H] if all units share them.
  biases: List[np.ndarray]  # [U, 1, H].


def checked_tasks(task_index: np.ndarray, num_tasks: float) -> np.ndarray:
  """Returns indices of tasks as int64, after checking that they are valid.

  NumPy would read -1 as the last task and True as a mask.

  Args:
    task_index: the indices, `[U]` integers.
    num_tasks: K, the number of tasks; infinity if it is unknown.

  Returns:
    The indices, `[U]` int64.

  Raises:
    ValueError: if an index is not an integer in [0, K).
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
  """Returns max(x, 0)."""
  return np.maximum(x, 0.0)


def standardized(
    x: np.ndarray,
    mean: np.ndarray,
    inverse_std: np.ndarray,
    max_deviation: float,
) -> np.ndarray:
  """Standardises observations.

  This is the NumPy twin of `networks.layers.normalizer.RunningNormalizer`.

  Args:
    x: the observations, `[..., D]`.
    mean: the mean of each entry, `[D]` or `[U, 1, D]`.
    inverse_std: 1 / standard deviation of each entry, of the mean's shape.
    max_deviation: the bound that the results are clipped to, in standard
      deviations.

  Returns:
    The standardised observations, `[..., D]`.

  Raises:
    ValueError: if the observations have another size (a size of 1 would be
      broadcast).
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
  """Applies a perceptron, without an activation after the last layer.

  This is the NumPy twin of `networks.layers.perceptrons.StackedMLP`.

  Args:
    x: the inputs, `[U, C, D]`.
    weights: the weights of each layer, `[U, D, H]`, or `[D, H]` if all units
      share them.
    biases: the biases of each layer, `[U, 1, H]`, or `[1, H]` if all units
      share them.
    activation: the function between layers.

  Returns:
    The outputs of the last layer, `[U, C, H]`.
  """
  for i, (weight, bias) in enumerate(zip(weights, biases)):
    if i > 0:
      x = activation(x)
    x = np.matmul(x, weight) + bias
  return x
