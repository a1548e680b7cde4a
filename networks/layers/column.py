"""What a policy of columns is made of."""

import math
from typing import Dict, Optional, Sequence

from distillery.networks.layers import normalizer
from distillery.networks.layers import perceptrons
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf

# Least precision that a fresh column adds, in units of 1 / action^2: with less,
# the softplus behind it would hardly pass a gradient.
_MIN_INITIAL_PRECISION = 0.01


class Column(snt.Module):
  """Perceptrons of standardised observations: one a task, or one for all."""

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
      num_networks: 1, which all rows go through, or K.
      num_tasks: K.
      observation_normalizer: of observations `[K, N, D]`; others may have it
        too.
      observes_task: whether the task's one-hot follows the observation.
      hidden_sizes: units of each hidden layer.
      output_size: units of the last layer.
      rng: the initial weights are drawn from it.
      name: of the module.
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
    """Puts out `[K, N, output_size]`.

    Args:
      observation: `[K, N, D]`.
      origin: `[K, N]` int32, the task that an observation came from: its
        one-hot is shown. None: row k's is that of task k.

    Raises:
      ValueError: if the shapes are others.
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
    """Every network becomes the only one of `other`.

    Raises:
      ValueError: if they do not see the same.
    """
    is_pooled = self._normalizer is other._normalizer
    if not is_pooled or self.observes_task != other.observes_task:
      raise ValueError(
          'only columns that see the same can be made equal: want '
          f'pooled_normalizer=True, got {is_pooled}, and task_observes_task '
          f'equal to shared_observes_task={other.observes_task}, got '
          f'{self.observes_task}.'
      )
    for own, source in zip(self._net.variables, other._net.variables):
      own.assign(tf.broadcast_to(source, own.shape))

  def zero_last_layer(self) -> None:
    """Makes every output 0, whatever the observation."""
    for variable in (self._net.weights[-1], self._net.biases[-1]):
      variable.assign(tf.zeros_like(variable))

  def acting_variables(self, prefix: str) -> Dict[str, tf.Variable]:
    """By name, what `networks.acting` needs."""
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
  """What a fresh column's zeros are shifted by before the softplus.

  A fresh column leaves pi_0's deviation s as it is: alpha / s^2 + kappa =
  1 / s^2. Were kappa 0, pi_k would be wider than pi_0 by sqrt(1 / alpha), and
  the KL cost would widen pi_0 in turn, step by step to its bound.
  """
  precision = max((1.0 - alpha) / std**2, _MIN_INITIAL_PRECISION)
  # The inverse of the softplus: log(e^x - 1), whatever x > 0.
  return precision + math.log(-math.expm1(-precision))
