"""Scales the rewards of each task."""

from distillery.ops import checks
from distillery.ops import moments
import sonnet as snt
import tensorflow as tf


class RewardScale(snt.Module):
  """The running standard deviation of each task's discounted returns.

  It is the deviation of the return of an environment up to step t,
  R_t = gamma R_{t-1} + r_t, as in VecNormalize of the OpenAI baselines.
  """

  def __init__(
      self,
      num_tasks: int,
      envs_per_task: int,
      discount: float,
      min_std: float,
  ):
    """Makes the variables.

    Args:
      num_tasks: the number of tasks, K.
      envs_per_task: the number of environments of each task, E.
      discount: the discount factor of the returns, in [0, 1].
      min_std: the lower bound of the standard deviation by which rewards are
        divided, in units of the return.
    """
    super().__init__(name='reward_scale')
    self._discount = discount
    self._min_std = min_std
    self._return = tf.Variable(
        tf.zeros([num_tasks, envs_per_task]), trainable=False, name='return'
    )
    self._count = tf.Variable(0.0, trainable=False, name='count')
    self._mean = tf.Variable(
        tf.zeros([num_tasks]), trainable=False, name='mean'
    )
    self._variance = tf.Variable(
        tf.zeros([num_tasks]), trainable=False, name='variance'
    )

  def __call__(self, reward: tf.Tensor, episode_step: tf.Tensor) -> tf.Tensor:
    """Updates the deviations with a block and divides its rewards by them.

    Args:
      reward: the rewards of the block, float32 `[K, T, E]`.
      episode_step: the number of each step in its episode, int32 `[K, T, E]`;
        0 where an episode begins.

    Returns:
      The divided rewards, float32 `[K, T, E]`.

    Raises:
      ValueError: if an argument has another shape.
    """
    num_tasks, num_envs = self._return.shape
    checks.has_shape(
        self.name,
        [num_tasks, None, num_envs],
        reward=reward,
        episode_step=episode_step,
    )
    total, totals = self._return.read_value(), []
    for step in range(reward.shape[1]):
      goes_on = tf.cast(episode_step[:, step] > 0, tf.float32)
      total = self._discount * goes_on * total + reward[:, step]
      totals.append(total)
    self._return.assign(total)
    self._merge(tf.stack(totals, axis=1))
    std = tf.maximum(tf.sqrt(self._variance), self._min_std)
    return reward / std[:, tf.newaxis, tf.newaxis]

  def _merge(self, totals: tf.Tensor) -> None:
    """Merges the moments of new returns `[K, T, E]` into the running ones."""
    mean, variance = tf.nn.moments(totals, axes=[1, 2])
    count = tf.constant(float(totals.shape[1] * totals.shape[2]))
    after = moments.merged(
        moments.Moments(self._count, self._mean, self._variance),
        moments.Moments(count, mean, variance),
    )
    self._count.assign(after.count)
    self._mean.assign(after.mean)
    self._variance.assign(after.variance)
