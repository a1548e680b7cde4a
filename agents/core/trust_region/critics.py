"""Estimates advantages with critics, and fits these to returns afterwards."""

import abc
from typing import Dict, NamedTuple, Tuple, Union

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


class Estimate(NamedTuple):
  """A critic's estimates for a block, each float32 `[K, N]`."""

  # The advantages, with mean 0 and standard deviation 1 in each task.
  advantage: tf.Tensor
  # The returns that the critic is fitted to, in units of reward.
  value_target: tf.Tensor
  # The values that the critic predicted, in units of reward.
  value: tf.Tensor

  def metrics(self) -> Metrics:
    """Returns the mean value, and the share of the targets that it explains."""
    return {
        'value': tf.reduce_mean(self.value),
        'value_explained': tf.reduce_mean(
            advantages.explained(self.value, self.value_target)
        ),
    }


class Critic(snt.Module, abc.ABC):
  """The base class of critics: a value function V_k for each task."""

  def __init__(self, config: trust_region_config.TrustRegionConfig, name: str):
    """Initialises the critic.

    Args:
      config: the agent's config, with the settings of the advantages.
      name: the name of the module.
    """
    super().__init__(name=name)
    self._discount = config.discount
    self._gae_lambda = config.gae_lambda
    self._min_advantage_std = config.min_advantage_std

  def estimate(self, block: blocks.Block) -> Estimate:
    """Returns the estimates for a block, before the critic is fitted to it.

    The advantages of each task are standardised on their own.
    """
    value, next_value = self._values(block.samples())
    shape = block.reward.shape

    def returns(lambda_: float) -> advantages.Advantages:
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
            min_std=self._min_advantage_std,
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
    """Fits V_k to the targets of `estimate`.

    Args:
      samples: the block's `samples()`, `[K, N, ...]`.
      value_target: the targets, float32 `[K, N]`, in units of reward.
      seed: the seed of the minibatches, int64 [2].
    """

  @property
  @abc.abstractmethod
  def _target_lambda(self) -> float:
    """Returns the lambda of the returns that V_k is fitted to."""

  @abc.abstractmethod
  def _values(self, samples: blocks.Block) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns V(s_t) and V(s_{t+1}) of samples `[K, N, ...]`, each `[K, N]`."""


class LinearCritic(Critic):
  """A critic by ridge regression on features with the time (`LinearValue`).

  The time tells the critic how near the end of an episode is. So the value
  after the last step is 0, both for terminated and for truncated episodes.
  """

  def __init__(
      self,
      value: value_networks.LinearValue,
      config: trust_region_config.TrustRegionConfig,
  ):
    """Initialises the critic.

    Args:
      value: the linear values of all tasks.
      config: the agent's config, with the settings of the advantages.
    """
    super().__init__(config, 'linear_critic')
    self._value = value

  # The targets are the real returns. If they bootstrapped from a regression on
  # few episodes, they would contain its errors.
  _target_lambda = 1.0

  def _values(self, samples: blocks.Block) -> Tuple[tf.Tensor, tf.Tensor]:
    step = samples.episode_step
    value = self._value(samples.observation, step)
    next_value = self._value(samples.next_observation, step + 1)
    return value, tf.where(samples.episode_end, 0.0, next_value)

  def fit(
      self, samples: blocks.Block, value_target: tf.Tensor, seed: tf.Tensor
  ) -> None:
    del seed
    self._value.fit(samples.observation, samples.episode_step, value_target)


class NeuralCritic(Critic):
  """A critic with a network for each task (`StackedValue`), trained by Adam.

  It bootstraps from the last observation of a truncated episode. Its outputs
  are standardised by the mean and standard deviation of the targets so far.
  """

  def __init__(
      self,
      value: values.StackedValue,
      num_tasks: int,
      config: trust_region_config.TrustRegionConfig,
  ):
    """Makes the optimiser and the statistics of the targets.

    Args:
      value: the value networks of all tasks.
      num_tasks: K, the number of tasks.
      config: the agent's config, with the settings of the neural baseline.
    """
    super().__init__(config, 'neural_critic')
    self._value = value
    self._num_epochs = config.value_epochs
    self._num_minibatches = config.value_minibatches
    self._targets = normalizer.RunningNormalizer(
        num_tasks, 1, min_std=config.min_advantage_std, name='targets'
    )
    self._optimizer = optimizers.adam(
        config.value_learning_rate,
        value.trainable_variables,
        epsilon=config.adam_epsilon,
    )

  @property
  def _target_lambda(self) -> float:
    return self._gae_lambda

  def _values(self, samples: blocks.Block) -> Tuple[tf.Tensor, tf.Tensor]:
    return tuple(
        self._targets.mean[..., 0] + self._scale * self._value(observation)
        for observation in (samples.observation, samples.next_observation)
    )

  @property
  def _scale(self) -> tf.Tensor:
    return 1.0 / self._targets.inverse_std[..., 0]  # [K, 1]

  def fit(
      self, samples: blocks.Block, value_target: tf.Tensor, seed: tf.Tensor
  ) -> None:
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
    for i in tf.range(orders.shape[0]):
      x, y = (
          tf.gather(z, orders[i], batch_dims=1) for z in (observation, target)
      )
      with tf.GradientTape() as tape:
        # Tasks share no weights, so the sum does not mix their gradients.
        loss = tf.reduce_sum(
            tf.reduce_mean(0.5 * tf.square(self._value(x) - y), axis=1)
        )
      self._optimizer.minimize(loss, self._value.trainable_variables, tape=tape)


def make_critic(
    config: trust_region_config.TrustRegionConfig,
    num_tasks: int,
    observation_size: int,
    seed: Union[int, np.random.SeedSequence],
) -> Critic:
  """Makes the critic that a config asks for.

  Args:
    config: the agent's config.
    num_tasks: K, the number of tasks.
    observation_size: D, the size of an observation.
    seed: the seed of the critic's initial weights.

  Returns:
    The critic.
  """
  if config.baseline == 'linear':
    return LinearCritic(
        value_networks.LinearValue(
            num_tasks,
            observation_size,
            ridge=config.linear_ridge,
            memory=config.linear_memory,
        ),
        config,
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
