"""Defines the learner of SAC."""

from typing import Dict, Iterator, Mapping, Optional

from acme.utils import counting
from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core import specs
from distillery.agents.core.replay import transitions
from distillery.agents.sac import config as sac_config
from distillery.agents.sac import losses
from distillery.agents.sac import networks as sac_networks
from distillery.ops import checks
import numpy as np
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]


class SACLearner(learners.Learner):
  """The learner of critics, policy and temperatures, with U updates a step.

  | loss                    | moves         | held fixed                      |
  |-------------------------|---------------|---------------------------------|
  | losses.critic_loss      | critics       | target critics, policy, alpha   |
  | losses.actor_loss       | policy        | critics (their gradient is used |
  |                         |               | only through the action), alpha |
  | losses.temperature_loss | log alpha [K] | policy                          |
  """

  def __init__(
      self,
      config: sac_config.SACConfig,
      networks: sac_networks.SACNetworks,
      spec: specs.AgentSpec,
      seed: int,
      *,
      iterator: Iterator[tf.Tensor],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimisers.

    Args:
      config: the agent's config, with the settings of losses and optimisers.
      networks: the networks that are trained.
      spec: the description of the tasks; actions are bounded.
      seed: the seed of the actions that the policy draws for the losses.
      iterator: yields rows of transitions, `[U, K, N, W]`, see
        `transitions.make_iterator`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._networks = networks
    self._spec = spec
    self._seed = seed
    self._target_entropy = (
        config.entropy_per_dimension * spec.action_spec.shape[0]
    )
    self._optimizers = {
        name: optimizers.adam(
            rate,
            getattr(networks, name).trainable_variables,
            epsilon=config.adam_epsilon,
        )
        for name, rate in (
            ('policy', config.learning_rate),
            ('critics', config.learning_rate),
            ('temperatures', config.temperature_learning_rate),
        )
    }
    super().__init__(
        variables={'policy': networks.policy.acting_variables()},
        checkpointables={
            **networks._asdict(),
            **{
                f'{name}_optimizer': optimizer
                for name, optimizer in self._optimizers.items()
            },
        },
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(self, batch: tf.Tensor, step: tf.Tensor) -> Metrics:
    """Makes U updates from rows `[U, K, N, W]`; averages their metrics."""
    checks.has_shape(
        'SACLearner',
        [None, self._spec.num_tasks, None, transitions.width(self._spec)],
        batch=batch,
    )
    self._networks.policy.start()
    num_updates = batch.shape[0]
    first = tf.cast(step, tf.int64) * num_updates

    def update(i: tf.Tensor) -> Metrics:
      return self._update(batch[i], learners.stream(self._seed, first + i))

    return learners.mean_of_updates(update, num_updates)

  def _update(self, rows: tf.Tensor, seed: tf.Tensor) -> Metrics:
    """Updates all networks once, from rows `[K, N, W]`."""
    config, networks = self._config, self._networks
    batch = self._unpack(rows)
    noise = tf.random.stateless_normal([2, *batch.action.shape], seed)
    temperature = networks.temperatures()

    # Critics.
    target = losses.critic_target(
        networks, batch, noise[0], temperature, gamma=config.discount
    )
    with tf.GradientTape() as tape:
      critic_loss, q = losses.critic_loss(networks, batch, target)
      loss = self._reduce(critic_loss)
    self._apply('critics', tape, loss)

    # Policy.
    with tf.GradientTape() as tape:
      actor_loss, sample = losses.actor_loss(
          networks, batch, noise[1], temperature
      )
      loss = self._reduce(actor_loss)
    self._apply('policy', tape, loss)

    # Temperatures. Each task has its own, so the sum keeps them independent.
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(
          losses.temperature_loss(
              networks, sample.log_prob, target_entropy=self._target_entropy
          )
      )
    self._optimizers['temperatures'].minimize(
        loss, networks.temperatures.trainable_variables, tape=tape
    )

    # Target critics.
    networks.target_critics.follow(networks.critics, config.target_rate)
    return {
        'critic_loss': tf.reduce_mean(critic_loss),
        'actor_loss': tf.reduce_mean(actor_loss),
        'q': tf.reduce_mean(q),
        'entropy': -tf.reduce_mean(sample.log_prob),
        'temperatures': temperature,
        'reward': tf.reduce_mean(batch.reward) / config.reward_scale,
    }

  def _report(self, metrics: Mapping[str, np.ndarray]) -> Dict[str, float]:
    temperatures = metrics['temperatures']
    return super()._report(
        {
            **{
                name: value
                for name, value in metrics.items()
                if name != 'temperatures'
            },
            # They come before their mean, so that an error names the
            # temperature that is not finite.
            **{
                f'temperature/{name}': value
                for name, value in zip(self._spec.task_names, temperatures)
            },
            'temperature': temperatures.mean(),
        }
    )

  def _unpack(self, rows: tf.Tensor) -> transitions.Transitions:
    return transitions.unpack_scaled(
        rows, self._spec, self._config.reward_scale
    )

  def _reduce(self, loss: tf.Tensor) -> tf.Tensor:
    """Reduces losses `[K]` to their mean, or to the sum for separate agents."""
    if self._config.architecture == 'separate':
      return tf.reduce_sum(loss)
    return tf.reduce_mean(loss)

  def _apply(self, name: str, tape: tf.GradientTape, loss: tf.Tensor) -> None:
    variables = getattr(self._networks, name).trainable_variables
    is_apart = self._config.architecture == 'separate'
    optimizers.apply_clipped(
        self._optimizers[name],
        tape.gradient(loss, variables),
        variables,
        self._config.max_gradient_norm,
        num_tasks=self._spec.num_tasks if is_apart else None,
    )
