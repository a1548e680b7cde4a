"""Values of K tasks, and the temperatures of soft values."""

from typing import Sequence, Union

from distillery.networks.layers import normalizer
from distillery.networks.layers import perceptrons
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf


class StackedValue(snt.Module):
  """V_k(s), one network a task; implements `interfaces.MultiTaskValue`."""

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      *,
      hidden_sizes: Sequence[int],
      scale: float,
      min_observation_std: float,
      seed: Union[int, np.random.SeedSequence],
      name: str = 'stacked_value',
  ):
    """Makes all variables.

    Args:
      num_tasks: K.
      observation_size: D.
      hidden_sizes: of each network.
      scale: the networks' outputs are multiplied by it. 1 / (1 - gamma) lets
        them put out values of the size of a reward.
      min_observation_std: floor of the observations' standard deviation.
      seed: of the initial weights; another than that of the policy beside it.
      name: of the module.
    """
    super().__init__(name=name)
    self.scale = scale
    self._normalizer = normalizer.RunningNormalizer(
        num_tasks,
        observation_size,
        min_std=min_observation_std,
        name='normalizer',
    )
    self._net = perceptrons.StackedMLP(
        num_tasks,
        observation_size,
        hidden_sizes,
        1,
        output_scale=0.01,
        rng=np.random.default_rng(seed),
        name='net',
    )

  def __call__(self, observation: tf.Tensor) -> tf.Tensor:
    """`[K, N, D]` to `[K, N]`, in units of (scaled) return."""
    return self.scale * tf.squeeze(
        self._net(self._normalizer(observation)), axis=-1
    )

  def observe(self, observation: tf.Tensor) -> None:
    """Updates the observation statistics with `[K, N, D]`."""
    self._normalizer.update(observation)


MAX_OBSERVATION = 10.0
_STEPS_PER_UNIT = 100.0
_RIDGE = 1.0
_MEMORY = 0.5


class LinearValue(snt.Module):
  """V_k(s_t) = w_k phi(s_t, t), by ridge regression for each task alone.

    phi(o, t) = [o, o^2, t/100, (t/100)^2, (t/100)^3, 1],  |o| <= 10

  The baseline of Duan et al. (2016, section 5), with t the index of the step
  within its episode. t makes a fixed horizon observable, so with it V = 0
  after the last step of an episode contradicts nothing, however the episode
  ended. Before the first fit V is 0.

  A fit sees the very returns it is asked to predict: use the values of a batch
  first, and fit to that batch afterwards, or advantages are biased to zero.

  Unlike theirs it does not forget all that it saw before the last batch. What
  is drawn once an episode, like a goal, takes as few values in a batch as that
  has episodes; ten of them leave such features free to explain anything, and
  the next batch may be predicted worse than by its mean. On MT10 with a fixed
  policy and 5,000 steps a task, the mean over tasks of the variance explained
  (taken to be -1 where it was less) was .13 with a batch alone and a ridge of
  1e-5, .43 with a ridge of 1, .54 with that and the memory. A longer memory
  explains more (.57 with .8), but of a policy that is long gone.

  Weights and arithmetic are float64: squares and cubes of very different size
  nearly cancel. The weights are variables, so that a checkpoint holds them,
  and not trainable.
  """

  def __init__(
      self, num_tasks: int, observation_size: int, *, name: str = 'linear_value'
  ):
    """Makes the variables.

    Args:
      num_tasks: K.
      observation_size: D.
      name: of the module.
    """
    super().__init__(name=name)
    size = 2 * observation_size + 4
    self.weights, self._gram, self._moment = (
        tf.Variable(tf.zeros(shape, tf.float64), trainable=False, name=name)
        for shape, name in (
            ([num_tasks, size, 1], 'weights'),
            ([num_tasks, size, size], 'gram'),
            ([num_tasks, size, 1], 'moment'),
        )
    )

  def __call__(self, observation: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """V of states.

    Args:
      observation: `[K, N, D]`.
      step: index of the step within its episode, `[K, N]`; the first is 0.

    Returns:
      `[K, N]` float32, in units of the targets. No gradient reaches anything.

    Raises:
      ValueError: if the shapes are others.
    """
    self._check(observation, step=step)
    value = tf.matmul(_features(observation, step), self.weights)
    return tf.stop_gradient(tf.cast(tf.squeeze(value, axis=-1), tf.float32))

  def fit(
      self, observation: tf.Tensor, step: tf.Tensor, target: tf.Tensor
  ) -> None:
    """Adds a batch, and solves for the weights of each task.

      w = argmin sum_i .5^i sum_n (target_in - w phi_in)^2 + |w|^2

    with i the age of a batch, in fits. If data of a task are not finite, its
    weights become NaN.

    Args:
      observation: `[K, N, D]`.
      step: index of the step within its episode, `[K, N]`.
      target: what V should be, `[K, N]`.

    Raises:
      ValueError: if the shapes are others.
    """
    self._check(observation, step=step, target=target)
    phi = _features(observation, step)  # [K, N, F]
    target = tf.cast(target, tf.float64)[..., tf.newaxis]
    self._gram.assign(
        _MEMORY * self._gram + tf.matmul(phi, phi, transpose_a=True)
    )
    self._moment.assign(
        _MEMORY * self._moment + tf.matmul(phi, target, transpose_a=True)
    )
    ridge = _RIDGE * tf.eye(tf.shape(phi)[-1], dtype=tf.float64)
    self.weights.assign(
        tf.linalg.cholesky_solve(
            tf.linalg.cholesky(self._gram + ridge), self._moment
        )
    )

  def _check(self, observation: tf.Tensor, **of_samples: tf.Tensor) -> None:
    num_tasks, num_features, _ = self.weights.shape
    checks.has_shape(
        self.name,
        [num_tasks, None, (num_features - 4) // 2],
        observation=observation,
    )
    checks.has_shape(self.name, observation.shape[:2], **of_samples)


def _features(observation: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
  observation = tf.clip_by_value(
      tf.cast(observation, tf.float64), -MAX_OBSERVATION, MAX_OBSERVATION
  )
  time = tf.cast(step, tf.float64)[..., tf.newaxis] / _STEPS_PER_UNIT
  return tf.concat(
      [
          observation,
          tf.square(observation),
          time,
          time**2,
          time**3,
          tf.ones_like(time),
      ],
      axis=-1,
  )


class Temperatures(snt.Module):
  """alpha of each task, `[K]`: how much a nat of entropy is worth in reward."""

  def __init__(self, num_tasks: int, initial: float):
    super().__init__(name='temperatures')
    self.log = tf.Variable(
        tf.math.log(tf.fill([num_tasks], float(initial))), name='log'
    )

  def __call__(self) -> tf.Tensor:
    return tf.exp(self.log)


_OUTPUT_SCALE = 1e-3


class TwinCritics(snt.Module):
  """Q_1 and Q_2 of each task (Fujimoto et al. 2018)."""

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      action_size: int,
      *,
      architecture: str,
      observes_task: bool,
      hidden_sizes: Sequence[int],
      seed: Union[int, np.random.SeedSequence],
      name: str = 'twin_critics',
  ):
    """Makes all variables; see `SquashedPolicy` for the arguments."""
    super().__init__(name=name)
    self._net = perceptrons.TaskMLP(
        num_tasks,
        observation_size + action_size,
        hidden_sizes,
        1,
        architecture=architecture,
        observes_task=observes_task,
        num_copies=2,
        output_scale=_OUTPUT_SCALE,
        rng=np.random.default_rng(seed),
        name='net',
    )

  def __call__(self, observation: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
    """`[K, N, D]` and actions of the unit box `[K, N, A]` to Q `[2, K, N]`."""
    return tf.squeeze(
        self._net(tf.concat([observation, action], axis=-1)), axis=-1
    )

  def follow(self, other: 'TwinCritics', rate: float) -> None:
    """Moves every variable by a share `rate` of the way to those of another."""
    for own, source in zip(self.trainable_variables, other.trainable_variables):
      own.assign_add(rate * (source - own))
