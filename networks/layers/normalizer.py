"""Running standardisation of observations."""

from distillery.ops import checks
from distillery.ops import moments
import sonnet as snt
import tensorflow as tf

# In units of standard deviations. An entry that hardly varied so far may move
# by many; beyond this it says nothing more.
MAX_DEVIATION = 5.0


class RunningNormalizer(snt.Module):
  """(x - mean) / std of all that was seen, in G independent groups.

  Mean and variance are those of every sample given to `update`, merged batch
  by batch (Chan et al. 1983). They change in `update` alone, so a forward pass
  is the same function for whoever acts and whoever learns.
  """

  def __init__(self, num_groups: int, size: int, *, min_std: float, name: str):
    """Makes the variables.

    Args:
      num_groups: G; the tasks' own statistics are kept apart with G = K, pooled
        with G = 1.
      size: D, entries of an observation.
      min_std: floor of the standard deviation, in units of the observation. An
        entry that never varied is divided by it.
      name: of the module.
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
    """`[K, N, D]` to `[K, N, D]`, within +-`MAX_DEVIATION`.

    Raises:
      ValueError: if the shape is another one.
    """
    self._check(x)
    return tf.clip_by_value(
        (x - self.mean) * self.inverse_std, -MAX_DEVIATION, MAX_DEVIATION
    )

  def update(self, x: tf.Tensor) -> None:
    """Takes in a batch `[K, N, D]`; pooled over K if there is one group.

    Raises:
      ValueError: if the shape is another one.
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
