"""Defines the column, from which policies are built."""

import math
from typing import Dict, Optional, Sequence

from distillery.networks.layers import normalizer
from distillery.networks.layers import perceptrons
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf

# The least precision that a fresh column adds, in units of 1 / action^2. With
# less, hardly any gradient would pass through the softplus after it.
_MIN_INITIAL_PRECISION = 0.01


class Column(snt.Module):
  """A column: perceptrons on standardised observations.

  There is one perceptron for each task, or one for all tasks.
  """

  def __init__(
      self,
      num_networks: int,
      num_tasks: int,
      observation_normalizer: normalizer.RunningNormalizer,
      *,
      observes_task: bool,
      hidden_sizes: Sequence[int],
      output_size: int,
      rng: np.random.Generator,
      name: str,
  ):
    """Makes all variables.

    Args:
      num_networks: 1 to send all rows through one network, or K.
      num_tasks: K, the number of tasks.
      observation_normalizer: the normalizer of observations `[K, N, D]`;
        columns may share it.
      observes_task: True to append the task's one-hot to the observation.
      hidden_sizes: the number of units of each hidden layer.
      output_size: the number of units of the last layer.
      rng: the generator that the initial weights are drawn from.
      name: the name of the module.
    """
    super().__init__(name=name)
    self.observes_task = observes_task
    self.num_layers = len(hidden_sizes) + 1
    self._num_tasks = num_tasks
    self._normalizer = observation_normalizer
    size = observation_normalizer.mean.shape[-1]
    self._net = perceptrons.StackedMLP(
        num_networks,
        size + (num_tasks if observes_task else 0),
        hidden_sizes,
        output_size,
        output_scale=0.01,
        rng=rng,
        name='net',
    )

  def __call__(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tf.Tensor:
    """Computes the outputs of the column.

    Args:
      observation: the observations, `[K, N, D]`.
      origin: the task that each observation came from, whose one-hot is
        appended, `[K, N]` int32; None: row k came from task k.

    Returns:
      The outputs, `[K, N, output_size]`.

    Raises:
      ValueError: if the shapes are wrong.
    """
    checks.has_shape(
        self.name, [self._num_tasks, None, None], observation=observation
    )
    if origin is not None:
      checks.has_shape(self.name, observation.shape[:2], origin=origin)
    x = self._normalizer(observation)
    if self.observes_task:
      if origin is None:
        origin = tf.broadcast_to(
            tf.range(self._num_tasks)[:, tf.newaxis], tf.shape(x)[:2]
        )
      x = tf.concat([x, tf.one_hot(origin, self._num_tasks)], axis=-1)
    if self._net.weights[0].shape[0] > 1:
      return self._net(x)
    # One product over all rows: the weights are the same for every task.
    y = self._net(tf.reshape(x, [1, -1, x.shape[-1]]))
    return tf.reshape(y, [self._num_tasks, -1, y.shape[-1]])

  def copy(self, other: 'Column') -> None:
    """Sets every network to the only network of `other`.

    Raises:
      ValueError: if the two columns do not have the same inputs.
    """
    is_pooled = self._normalizer is other._normalizer
    if not is_pooled or self.observes_task != other.observes_task:
      raise ValueError(
          'only columns with the same inputs can be made equal: want '
          f'pooled_normalizer=True, got {is_pooled}, and task_observes_task '
          f'equal to shared_observes_task={other.observes_task}, got '
          f'{self.observes_task}.'
      )
    for own, source in zip(self._net.variables, other._net.variables):
      own.assign(tf.broadcast_to(source, own.shape))

  def zero_last_layer(self) -> None:
    """Makes every output 0, for any observation."""
    for variable in (self._net.weights[-1], self._net.biases[-1]):
      variable.assign(tf.zeros_like(variable))

  def acting_variables(self, prefix: str) -> Dict[str, tf.Variable]:
    """Returns the variables that `networks.acting` needs, by name.

    The names start with the prefix and '/'.
    """
    named = {
        f'{prefix}/mean': self._normalizer.mean,
        f'{prefix}/inverse_std': self._normalizer.inverse_std,
    }
    for i, (weight, bias) in enumerate(
        zip(self._net.weights, self._net.biases)
    ):
      named[f'{prefix}/w{i}'] = weight
      named[f'{prefix}/b{i}'] = bias
    return named


def precision_offset(alpha: float, std: float) -> float:
  """Returns the offset that is added to a column's outputs before the softplus.

  The outputs of a fresh column are nearly 0. With this offset it leaves pi_0's
  standard deviation s as it is: alpha / s^2 + kappa = 1 / s^2. With kappa = 0,
  pi_k would be wider than pi_0 by sqrt(1 / alpha), and the KL cost would then
  widen pi_0 step by step, up to its bound.

  Args:
    alpha: the power of pi_0 in the task policy, in [0, 1].
    std: the initial standard deviation s of pi_0, in units of the action, > 0.

  Returns:
    The offset: the inverse of the softplus at kappa.
  """
  precision = max((1.0 - alpha) / std**2, _MIN_INITIAL_PRECISION)
  # The inverse of the softplus: log(e^x - 1) for x > 0.
  return precision + math.log(-math.expm1(-precision))
