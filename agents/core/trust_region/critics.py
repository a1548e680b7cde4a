"""Baselines of policy gradients: values of K tasks, used first, then fitted."""

import abc
from typing import Dict, NamedTuple, Union

from distillery.agents.core import optimizers
from distillery.agents.core.replay import blocks
from distillery.agents.core.trust_region import config as trust_region_config
from distillery.networks import values
from distillery.networks import values as value_networks
from distillery.networks.layers import normalizer
from distillery.ops import advantages
from distillery.ops import minibatches
import numpy as np
import sonnet as snt
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]

# Floor of the standard deviation of advantages, in units of reward.
_MIN_ADVANTAGE_STD = 1e-6


class Estimate(NamedTuple):
  """What a critic says of a block, by task: each `[K, N]`."""

  # Mean 0 and standard deviation 1 in each task.
  advantage: tf.Tensor
  value_target: tf.Tensor
  value: tf.Tensor

  def metrics(self) -> Metrics:
    """How large values are, and what share of the targets they explain."""
    return {
        'value': tf.reduce_mean(self.value),
        'value_explained': tf.reduce_mean(
            advantages.explained(self.value, self.value_target)
        ),
    }


class Critic(snt.Module, abc.ABC):
  """V_k, one for each task."""

  def __init__(self, discount: float, gae_lambda: float, name: str):
    super().__init__(name=name)
    self._discount = discount
    self._gae_lambda = gae_lambda

  def estimate(self, block: blocks.Block) -> Estimate:
    """Returns the advantages of a block by what was learned before it.

    Standardised for each task by itself.
    """
    value, next_value = self._values(block.samples())
    shape = block.reward.shape

    def returns(lambda_):
      return advantages.generalized_advantages(
          block.reward,
          block.discount,
          block.episode_end,
          tf.reshape(value, shape),
          tf.reshape(next_value, shape),
          gamma=self._discount,
          lambda_=lambda_,
      )

    return Estimate(
        advantage=advantages.standardize(
            tf.reshape(returns(self._gae_lambda).advantage, value.shape),
            min_std=_MIN_ADVANTAGE_STD,
        ).advantage,
        value_target=tf.reshape(
            returns(self._target_lambda).value_target, value.shape
        ),
        value=value,
    )

  @abc.abstractmethod
  def fit(
      self, samples: blocks.Block, value_target: tf.Tensor, seed: tf.Tensor
  ) -> None:
    """Moves V_k to the targets of `estimate`.

    Args:
      samples: a block's `samples()`, `[K, N, ...]`.
      value_target: `[K, N]`.
      seed: int32 [2].
    """

  @property
  @abc.abstractmethod
  def _target_lambda(self) -> float:
    """lambda of the returns that V_k is fitted to."""

  @abc.abstractmethod
  def _values(self, samples: blocks.Block):
    """Returns V(s_t) and V(s_{t+1}) of samples `[K, N, ...]`, each `[K, N]`."""


class LinearCritic(Critic):
  """Ridge regression on features that hold the time (`LinearValue`).

  As the time tells it how near the end is, nothing is worth anything after the
  last step of an episode, whether it was terminated or truncated.
  """

  def __init__(
      self,
      value: value_networks.LinearValue,
      discount: float,
      gae_lambda: float,
  ):
    super().__init__(discount, gae_lambda, 'linear_critic')
    self._value = value

  # What was really got: a regression that was fitted to few episodes would
  # hand its errors on if it were bootstrapped from.
  _target_lambda = 1.0

  def _values(self, samples):
    step = samples.episode_step
    value = self._value(samples.observation, step)
    next_value = self._value(samples.next_observation, step + 1)
    return value, tf.where(samples.episode_end, 0.0, next_value)

  def fit(self, samples, value_target, seed):
    del seed
    self._value.fit(samples.observation, samples.episode_step, value_target)


class NeuralCritic(Critic):
  """A network a task (`StackedValue`), trained by Adam.

  It bootstraps from the last observation of a truncated episode. Its outputs
  are in units of the targets seen so far: their mean and standard deviation.
  """

  def __init__(
      self,
      value: values.StackedValue,
      num_tasks: int,
      config: trust_region_config.TrustRegionConfig,
  ):
    super().__init__(config.discount, config.gae_lambda, 'neural_critic')
    self._value = value
    self._num_epochs = config.value_epochs
    self._num_minibatches = config.value_minibatches
    self._targets = normalizer.RunningNormalizer(
        num_tasks, 1, min_std=_MIN_ADVANTAGE_STD, name='targets'
    )
    self._optimizer = optimizers.adam(
        config.value_learning_rate, value.trainable_variables
    )

  @property
  def _target_lambda(self):
    return self._gae_lambda

  def _values(self, samples):
    return tuple(
        self._targets.mean[..., 0] + self._scale * self._value(observation)
        for observation in (samples.observation, samples.next_observation)
    )

  @property
  def _scale(self):
    return 1.0 / self._targets.inverse_std[..., 0]  # [K, 1]

  def fit(self, samples, value_target, seed):
    observation = samples.observation
    self._value.observe(observation)
    self._targets.update(value_target[..., tf.newaxis])
    target = (value_target - self._targets.mean[..., 0]) / self._scale
    orders = minibatches.orders(
        seed,
        *value_target.shape,
        num_epochs=self._num_epochs,
        num_minibatches=self._num_minibatches,
    )
    variables = self._value.trainable_variables
    for i in tf.range(orders.shape[0]):
      x, y = (
          tf.gather(z, orders[i], batch_dims=1) for z in (observation, target)
      )
      with tf.GradientTape() as tape:
        # Tasks share no weight, so the sum keeps them apart.
        loss = tf.reduce_sum(
            tf.reduce_mean(0.5 * tf.square(self._value(x) - y), axis=1)
        )
      self._optimizer.apply_gradients(
          zip(tape.gradient(loss, variables), variables)
      )


def make_critic(
    config: trust_region_config.TrustRegionConfig,
    num_tasks: int,
    observation_size: int,
    seed: Union[int, np.random.SeedSequence],
) -> Critic:
  """The critic that a config asks for; `seed` is of its initial weights."""
  if config.baseline == 'linear':
    return LinearCritic(
        value_networks.LinearValue(num_tasks, observation_size),
        config.discount,
        config.gae_lambda,
    )
  return NeuralCritic(
      values.StackedValue(
          num_tasks,
          observation_size,
          hidden_sizes=config.value_hidden_sizes,
          scale=1.0,
          min_observation_std=config.min_observation_std,
          seed=seed,
      ),
      num_tasks,
      config,
  )
