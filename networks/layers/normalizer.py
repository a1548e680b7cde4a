"""Standardises observations by their running statistics."""

from distillery.networks.acting import perceptron
from distillery.ops import checks
from distillery.ops import moments
import sonnet as snt
import tensorflow as tf


class RunningNormalizer(snt.Module):
  """The standardisation (x - mean) / std, in G independent groups.

  Mean and variance are computed over all samples that were given to `update`,
  merged batch by batch (Chan et al. 1983). They change in `update` alone, so a
  forward pass is the same function for the actor and for the learner.
  """

  def __init__(self, num_groups: int, size: int, *, min_std: float, name: str):
    """Makes the variables.

    Args:
      num_groups: G; K for separate statistics of each task, 1 for statistics of
        all tasks together.
      size: D, the number of entries of an observation.
      min_std: the least standard deviation to divide by, in the unit of the
        observation, > 0. An entry that never varied is divided by it.
      name: the name of the module.
    """
    super().__init__(name=name)
    self._min_std = min_std
    shape = [num_groups, 1, size]
    self.count = tf.Variable(0.0, trainable=False, name='count')
    self.mean = tf.Variable(tf.zeros(shape), trainable=False, name='mean')
    self.variance = tf.Variable(
        tf.zeros(shape), trainable=False, name='variance'
    )
    self.inverse_std = tf.Variable(
        tf.ones(shape), trainable=False, name='inverse_std'
    )

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Standardises `[K, N, D]`, and clips it to +-`perceptron.MAX_DEVIATION`.

    Raises:
      ValueError: if the shape is wrong.
    """
    self._check(x)
    return tf.clip_by_value(
        (x - self.mean) * self.inverse_std,
        -perceptron.MAX_DEVIATION,
        perceptron.MAX_DEVIATION,
    )

  def update(self, x: tf.Tensor) -> None:
    """Adds a batch `[K, N, D]` to the statistics.

    Raises:
      ValueError: if the shape is wrong.
    """
    self._check(x)
    num_groups, _, size = self.mean.shape
    x = tf.reshape(x, [num_groups, -1, size])
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    after = moments.merged(
        moments.Moments(self.count, self.mean, self.variance),
        moments.Moments(tf.cast(tf.shape(x)[1], tf.float32), mean, variance),
    )
    self.count.assign(after.count)
    self.mean.assign(after.mean)
    self.variance.assign(after.variance)
    self.inverse_std.assign(
        1.0 / tf.maximum(tf.sqrt(self.variance), self._min_std)
    )

  def _check(self, x: tf.Tensor) -> None:
    num_groups, _, size = self.mean.shape
    checks.has_shape(
        self.name, [num_groups if num_groups > 1 else None, None, size], x=x
    )
