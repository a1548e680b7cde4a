"""State values that are fitted in closed form."""

import sonnet as snt
import tensorflow as tf

MAX_OBSERVATION = 10.
_STEPS_PER_UNIT = 100.
_RIDGE = 1e-5
_RIDGE_GROWTH = 10.
_MAX_GROWTHS = 5


class LinearValue(snt.Module):
  """V_k(s_t) = w_k phi(s_t, t), by ridge regression for each task alone.

    phi(o, t) = [o, o^2, t/100, (t/100)^2, (t/100)^3, 1],  |o| <= 10

  The baseline of Duan et al. (2016, section 5), with t the index of the step
  within its episode. t makes a fixed horizon observable, so with it V = 0
  after the last step of an episode contradicts nothing, however the episode
  ended. Before the first fit V is 0.

  A fit sees the very returns it is asked to predict: use the values of a batch
  first, and fit to that batch afterwards, or advantages are biased to zero.

  Weights and arithmetic are float64: squares and cubes of very different size
  nearly cancel. The weights are variables, so that a checkpoint holds them,
  and not trainable.
  """

  def __init__(self, num_tasks: int, observation_size: int, *,
               name: str = 'linear_value'):
    """Makes the variables.

    Args:
      num_tasks: K.
      observation_size: D.
      name: of the module.
    """
    super().__init__(name=name)
    self.weights = tf.Variable(
        tf.zeros([num_tasks, 2 * observation_size + 4, 1], tf.float64),
        trainable=False, name='weights')

  def __call__(self, observation: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """V of states.

    Args:
      observation: `[K, N, D]`.
      step: index of the step within its episode, `[K, N]`; the first is 0.

    Returns:
      `[K, N]` float32, in units of the targets. No gradient reaches anything.
    """
    value = tf.matmul(_features(observation, step), self.weights)
    return tf.stop_gradient(tf.cast(tf.squeeze(value, axis=-1), tf.float32))

  def fit(self, observation: tf.Tensor, step: tf.Tensor,
          target: tf.Tensor) -> None:
    """Minimises sum_n (target - w phi)^2 + ridge |w|^2, for each task.

    The ridge is 1e-5; of a task whose features are too collinear for it, it is
    taken 10 times larger, up to 5 times. If that does not help either (or the
    data are not finite), the task's weights become NaN.

    Args:
      observation: `[K, N, D]`.
      step: index of the step within its episode, `[K, N]`.
      target: what V should be, `[K, N]`.
    """
    phi = _features(observation, step)  # [K, N, F]
    target = tf.cast(target, tf.float64)[..., tf.newaxis]
    gram = tf.matmul(phi, phi, transpose_a=True)
    moment = tf.matmul(phi, target, transpose_a=True)
    identity = tf.eye(tf.shape(gram)[-1], dtype=tf.float64)

    def solve(ridge, weights):
      # A matrix that is not positive definite has a factor of NaNs.
      factor = tf.linalg.cholesky(
          gram + ridge[:, tf.newaxis, tf.newaxis] * identity)
      solution = tf.linalg.cholesky_solve(factor, moment)
      weights = tf.where(_is_finite(weights)[:, tf.newaxis, tf.newaxis],
                         weights, solution)
      return ridge * _RIDGE_GROWTH, weights

    nothing = tf.fill(tf.shape(moment), tf.constant(float('nan'), tf.float64))
    _, weights = tf.while_loop(
        lambda _, weights: tf.reduce_any(~_is_finite(weights)), solve,
        (tf.fill(tf.shape(gram)[:1], tf.constant(_RIDGE, tf.float64)), nothing),
        maximum_iterations=1 + _MAX_GROWTHS)
    self.weights.assign(weights)


def _is_finite(weights: tf.Tensor) -> tf.Tensor:
  return tf.reduce_all(tf.math.is_finite(weights), axis=[1, 2])


def _features(observation: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
  observation = tf.clip_by_value(
      tf.cast(observation, tf.float64), -MAX_OBSERVATION, MAX_OBSERVATION)
  time = tf.cast(step, tf.float64)[..., tf.newaxis] / _STEPS_PER_UNIT
  return tf.concat([observation, tf.square(observation), time, time**2, time**3,
                    tf.ones_like(time)], axis=-1)
