"""Perceptrons whose rows are joined with a vector of their task."""

from typing import Dict, Sequence, Union

from distillery.networks.layers import perceptrons
import numpy as np
import sonnet as snt
import tensorflow as tf


class ConditionedMLP(snt.Module):
  """A function f(x, z) of rows x and of one vector z for each of M tasks.

  ReLU between layers, none after the last.
  """

  def __init__(
      self,
      input_size: int,
      condition_size: int,
      hidden_sizes: Sequence[int],
      output_size: int,
      *,
      output_scale: float,
      seed: Union[int, np.random.SeedSequence],
      name: str,
  ):
    """Makes all variables.

    Args:
      input_size: D, the size of x.
      condition_size: L, the size of z; 0 if there is no z.
      hidden_sizes: the number of units of each hidden layer.
      output_size: O, the size of an output.
      output_scale: the bound of the last layer's initial weights.
      seed: the seed of the initial weights.
      name: the name of the module.
    """
    super().__init__(name=name)
    self._condition_size = condition_size
    self._net = perceptrons.StackedMLP(
        1,
        input_size + condition_size,
        hidden_sizes,
        output_size,
        activation='relu',
        output_scale=output_scale,
        rng=np.random.default_rng(seed),
        name='net',
    )

  def __call__(self, x: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
    """Computes f(x, z), where row m of x goes with vector m.

    Args:
      x: the rows, `[M, N, D]`.
      condition: the vectors z, `[M, L]`.

    Returns:
      The outputs, `[M, N, O]`.

    Raises:
      ValueError: if the numbers of tasks differ, or z has the wrong size.
    """
    if (
        condition.shape[-1] != self._condition_size
        or condition.shape[0] != x.shape[0]
    ):
      raise ValueError(
          f'{self.name}: condition has shape {condition.shape}, want '
          f'[{x.shape[0]}, {self._condition_size}].'
      )
    num_tasks, num_rows = tf.shape(x)[0], tf.shape(x)[1]
    condition = tf.broadcast_to(
        condition[:, tf.newaxis], [num_tasks, num_rows, self._condition_size]
    )
    # One product over all rows.
    rows = tf.concat([x, condition], axis=-1)
    y = self._net(tf.reshape(rows, [1, -1, rows.shape[-1]]))
    return tf.reshape(y, [num_tasks, num_rows, y.shape[-1]])

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that a NumPy twin needs, by name."""
    return {
        f'{kind}{i}': variable
        for kind, variables in (
            ('w', self._net.weights),
            ('b', self._net.biases),
        )
        for i, variable in enumerate(variables)
    }
