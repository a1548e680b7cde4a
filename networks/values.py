"""Values of K tasks, and the temperatures of soft values."""

from typing import Sequence, Union

from distillery.networks.layers import normalizer
from distillery.networks.layers import perceptrons
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf


class StackedValue(snt.Module):
  """The values V_k(s), with one network for each task.

  Implements `networks.interfaces.MultiTaskValue`.
  """

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
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      hidden_sizes: the number of units of each hidden layer.
      scale: the factor that the networks' outputs are multiplied by. With
        1 / (1 - gamma) the outputs themselves have the size of a reward.
      min_observation_std: the least standard deviation that observations are
        divided by, in the observation's unit, > 0.
      seed: the seed of the initial weights; it must differ from the seed of the
        policy that is used with it.
      name: the name of the module.
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
    """Returns the values `[K, N]` of observations `[K, N, D]`.

    Their unit is the unit of the (scaled) return.
    """
    return self.scale * tf.squeeze(
        self._net(self._normalizer(observation)), axis=-1
    )

  def observe(self, observation: tf.Tensor) -> None:
    """Updates the statistics with observations `[K, N, D]`."""
    self._normalizer.update(observation)


# The bound of observations in the features. Without it, the square of a rare
# large entry would outweigh all other features.
_MAX_OBSERVATION = 10.0
# The number of steps in a unit of time, so that the cube of the time of a usual
# episode stays in the range of the other features.
_STEPS_PER_UNIT = 100.0


class LinearValue(snt.Module):
  """The values V_k(s_t) = w_k phi(s_t, t), fitted by ridge regression.

    phi(o, t) = [o, o^2, t/100, (t/100)^2, (t/100)^3, 1],  |o| <= 10

  This is the baseline of Duan et al. (2016, section 5), for each task alone; t
  is the index of the step within its episode. Since t makes a fixed horizon
  observable, V = 0 after the last step of an episode is consistent, whether the
  episode was terminated or truncated. Before the first fit V is 0.

  A fit sees the very returns that it will predict. So use the values of
  a batch first, and fit to that batch afterwards; otherwise advantages are
  biased towards zero.

  Unlike the original, this value does not forget everything before the last
  batch. A quantity that is drawn once per episode, such as a goal, has as few
  values in a batch as the batch has episodes. With ten of them such features
  can explain anything, and the next batch may be predicted worse than by its
  mean. On MT10 with a fixed policy and 5,000 steps per task, the mean over
  tasks of the explained variance (counted as -1 where it was less) was .13 with
  one batch alone and a ridge of 1e-5, .43 with a ridge of 1, and .54 with that
  ridge and the memory. A longer memory explains more (.57 with .8), but it
  describes policies that are long out of date.

  Weights and arithmetic are float64, since squares and cubes of very different
  size nearly cancel. The weights are variables, so that a checkpoint holds
  them, but they are not trainable.
  """

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      *,
      ridge: float,
      memory: float,
      name: str = 'linear_value',
  ):
    """Makes the variables.

    Args:
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      ridge: the weight of the squared norm of the weights in a fit.
      memory: the factor by which all earlier batches are multiplied in a fit,
        in [0, 1].
      name: the name of the module.
    """
    super().__init__(name=name)
    self._ridge = ridge
    self._memory = memory
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
    """Predicts the values of states.

    Args:
      observation: the observations, `[K, N, D]`.
      step: the index of each step within its episode, `[K, N]`; the first is 0.

    Returns:
      The values, `[K, N]` float32, in the unit of the targets. No gradient
      flows through them.

    Raises:
      ValueError: if the shapes are wrong.
    """
    self._check(observation, step=step)
    value = tf.matmul(_features(observation, step), self.weights)
    return tf.stop_gradient(tf.cast(tf.squeeze(value, axis=-1), tf.float32))

  def fit(
      self, observation: tf.Tensor, step: tf.Tensor, target: tf.Tensor
  ) -> None:
    """Adds a batch and computes the new weights of each task.

      w = argmin sum_i memory^i sum_n (target_in - w phi_in)^2 + ridge |w|^2

    Here i is the age of a batch: the number of fits since it was added. If a
    task's data are not finite, its weights become NaN.

    Args:
      observation: the observations, `[K, N, D]`.
      step: the index of each step within its episode, `[K, N]`; the first is 0.
      target: the values that would be right, `[K, N]`.

    Raises:
      ValueError: if the shapes are wrong.
    """
    self._check(observation, step=step, target=target)
    phi = _features(observation, step)  # [K, N, F]
    target = tf.cast(target, tf.float64)[..., tf.newaxis]
    self._gram.assign(
        self._memory * self._gram + tf.matmul(phi, phi, transpose_a=True)
    )
    self._moment.assign(
        self._memory * self._moment + tf.matmul(phi, target, transpose_a=True)
    )
    ridge = self._ridge * tf.eye(tf.shape(phi)[-1], dtype=tf.float64)
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
      tf.cast(observation, tf.float64), -_MAX_OBSERVATION, _MAX_OBSERVATION
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
  """The temperatures alpha of the tasks, `[K]`.

  A temperature is the worth of one nat of entropy, in units of reward.
  """

  def __init__(self, num_tasks: int, initial: float):
    """Makes the variable.

    Args:
      num_tasks: K, the number of tasks.
      initial: the initial temperature of every task, > 0.
    """
    super().__init__(name='temperatures')
    self.log = tf.Variable(
        tf.math.log(tf.fill([num_tasks], float(initial))), name='log'
    )

  def __call__(self) -> tf.Tensor:
    return tf.exp(self.log)


# The factor on the initial weights of the last layer, so that all values begin
# near 0.
_OUTPUT_SCALE = 1e-3


class TwinCritics(snt.Module):
  """The critics Q_1 and Q_2 of each task (Fujimoto et al. 2018)."""

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
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      action_size: A, the size of an action.
      architecture: how tasks share layers: 'shared', 'multi_head' or
        'separate', see `layers.perceptrons.TaskMLP`.
      observes_task: True to append the task's one-hot to the input.
      hidden_sizes: the number of units of each hidden layer; at least one
        layer.
      seed: the seed of the initial weights.
      name: the name of the module.

    Raises:
      ValueError: if the architecture is unknown, or there is no hidden layer.
    """
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
    """Returns the values of actions.

    Args:
      observation: the observations, `[K, N, D]`.
      action: the actions in the unit box [-1, 1]^A, `[K, N, A]`.

    Returns:
      Q_1 and Q_2, `[2, K, N]`.
    """
    return tf.squeeze(
        self._net(tf.concat([observation, action], axis=-1)), axis=-1
    )

  def follow(self, other: 'TwinCritics', rate: float) -> None:
    """Moves every variable towards the same variable of other critics.

      own + rate (other - own)

    Args:
      other: the critics to follow, of the same shape.
      rate: the share of the distance to move, in [0, 1].
    """
    for own, source in zip(self.trainable_variables, other.trainable_variables):
      own.assign_add(rate * (source - own))
