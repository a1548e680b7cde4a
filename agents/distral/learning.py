"""Distral's learner: one compiled step a block of unrolls."""

from typing import Callable, Dict, NamedTuple, Sequence, Tuple

from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks
from distillery.agents.distral import config as distral_config
from distillery.agents.distral import losses
from distillery.agents.distral import networks as distral_networks
from distillery.ops import advantages
from distillery.ops import minibatches
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]


class Batch(NamedTuple):
  """What a gradient step needs of each sample, task-major: `[K, N, ...]`."""

  observation: tf.Tensor
  action: tf.Tensor
  behaviour_log_prob: tf.Tensor
  advantage: tf.Tensor
  value_target: tf.Tensor
  # The task's objective is multiplied by it; the same for all its samples.
  objective_scale: tf.Tensor


class DistralLearner(learners.Learner):
  """Learns pi_0, pi_k and V_k from the blocks of a queue.

  | loss                | moves in 'joint'     | moves in 'alternating'     |
  |---------------------|----------------------|----------------------------|
  | `_policy_loss`      | pi_0 and the columns | the columns, first         |
  | `_centroid_loss`    |                      | pi_0, after all the epochs |
  | `losses.value_loss` | V_k                  | V_k, with the columns      |
  """

  def __init__(
      self,
      config: distral_config.DistralConfig,
      networks: distral_networks.DistralNetworks,
      seed: int,
      **kwargs,
  ):
    """Makes the optimisers.

    Args:
      config: the losses' and optimisers' settings.
      networks: what is trained.
      seed: of the minibatches' shuffling.
      **kwargs: of `learners.Learner`.
    """
    self._config = config
    self._networks = networks
    self._seed = seed
    self._shared_optimizer = optimizers.adam(
        config.learning_rate, networks.policy.shared_variables()
    )
    self._task_optimizer = optimizers.adam(
        config.learning_rate, networks.policy.task_variables()
    )
    self._value_optimizer = optimizers.adam(
        config.value_learning_rate, networks.value.trainable_variables
    )
    super().__init__(
        variables={'policy': networks.policy.acting_variables()},
        checkpointables={
            'policy': networks.policy,
            'value': networks.value,
            'shared_optimizer': self._shared_optimizer,
            'task_optimizer': self._task_optimizer,
            'value_optimizer': self._value_optimizer,
        },
        **kwargs,
    )

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Metrics:
    """All epochs on one block; `step` counts blocks, int32 []."""
    policy = self._networks.policy
    batch_checks.check_block(block, policy.num_tasks, batch_checks.STEPS)
    batch, metrics = self._make_batch(block)
    orders = minibatches.orders(
        learners.stream(self._seed, step),
        *batch.advantage.shape,
        num_epochs=self._config.num_epochs,
        num_minibatches=self._config.num_minibatches,
    )
    if self._config.optimization == 'joint':
      metrics.update(
          self._epochs(
              batch,
              orders,
              self._policy_loss,
              policy.shared_variables(),
              policy.task_variables(),
              train_value=True,
          )
      )
    else:
      metrics.update(
          self._epochs(
              batch,
              orders,
              self._policy_loss,
              [],
              policy.task_variables(),
              train_value=True,
          )
      )
      metrics.update(
          self._epochs(
              batch,
              orders,
              self._centroid_loss,
              policy.shared_variables(),
              [],
              train_value=False,
          )
      )
    policy.project(self._max_std(batch, step))
    # Only now, so that a block is learned from with the very function that
    # acted in it.
    policy.observe(batch.observation)
    self._networks.value.observe(batch.observation)
    return metrics

  def _max_std(self, batch: Batch, step: tf.Tensor) -> tf.Tensor:
    """Upper bound of the standard deviation for the next block.

    Noise that is wide at first and narrow in the end: a task is found by the
    one, and done precisely by the other. Left to the gradient alone it stays
    wide for millions of steps.
    """
    config = self._config
    if not config.narrowing_steps:
      return tf.constant(config.max_std)
    env_steps = tf.cast(step + 1, tf.float32) * tf.cast(
        tf.size(batch.advantage), tf.float32
    )
    share = tf.minimum(env_steps / config.narrowing_steps, 1.0)
    return config.max_std + share * (config.narrowed_std - config.max_std)

  def _make_batch(self, block: blocks.Block) -> Tuple[Batch, Metrics]:
    """Computes advantages and targets of regularised rewards, `[K, N]`."""
    config, networks = self._config, self._networks
    samples, shape = block.samples(), block.reward.shape
    observation, action = samples.observation, samples.action
    regularization = losses.reward_regularizer(
        networks.policy.task(observation),
        networks.policy.shared(observation),
        action,
        regularizer=config.regularizer,
        kl_cost=config.kl_cost,
        entropy_cost=config.entropy_cost,
    )
    value = networks.value(observation)
    next_value = networks.value(samples.next_observation)
    result = advantages.generalized_advantages(
        config.reward_scale * block.reward + tf.reshape(regularization, shape),
        block.discount,
        block.episode_end,
        tf.reshape(value, shape),
        tf.reshape(next_value, shape),
        gamma=config.discount,
        lambda_=config.gae_lambda,
    )
    advantage, value_target = (tf.reshape(x, value.shape) for x in result)
    advantage_std = tf.math.reduce_std(advantage, axis=1, keepdims=True)
    scale = tf.ones_like(advantage_std)
    if config.normalize_advantages:
      advantage, scale = advantages.standardize(
          advantage, min_std=losses.MIN_ADVANTAGE_STD
      )
    batch = Batch(
        observation=observation,
        action=action,
        behaviour_log_prob=samples.log_prob,
        advantage=advantage,
        value_target=value_target,
        objective_scale=tf.broadcast_to(scale, tf.shape(advantage)),
    )
    return batch, {
        'reward': tf.reduce_mean(block.reward),
        'regularization': tf.reduce_mean(regularization),
        'value': tf.reduce_mean(value),
        'value_explained': tf.reduce_mean(
            advantages.explained(value, value_target)
        ),
        'advantage_std': tf.reduce_mean(advantage_std),
    }

  def _epochs(
      self,
      batch: Batch,
      orders: tf.Tensor,
      policy_loss: Callable[[Batch], Tuple[tf.Tensor, Metrics]],
      shared_variables: Sequence[tf.Variable],
      task_variables: Sequence[tf.Variable],
      *,
      train_value: bool,
  ) -> Metrics:
    """A gradient step for each row of `orders`; metrics of the last one."""

    def update(indices):
      minibatch = tf.nest.map_structure(
          lambda x: tf.gather(x, indices, batch_dims=1), batch
      )
      metrics = self._update_policy(
          minibatch, policy_loss, shared_variables, task_variables
      )
      if train_value:
        metrics.update(self._update_value(minibatch))
      return metrics

    for i in tf.range(orders.shape[0] - 1):
      update(orders[i])
    return update(orders[-1])

  def _update_policy(
      self, batch, policy_loss, shared_variables, task_variables
  ) -> Metrics:
    with tf.GradientTape() as tape:
      loss, metrics = policy_loss(batch)
    shared_gradients, task_gradients = tape.gradient(
        loss,
        (shared_variables, task_variables),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    max_norm = self._config.max_gradient_norm
    optimizers.apply_clipped(
        self._shared_optimizer, shared_gradients, shared_variables, max_norm
    )
    optimizers.apply_clipped(
        self._task_optimizer,
        task_gradients,
        task_variables,
        max_norm,
        num_tasks=self._networks.policy.num_tasks,
    )
    return metrics

  def _update_value(self, batch) -> Metrics:
    value, scale = self._networks.value, self._networks.value.scale
    with tf.GradientTape() as tape:
      # In units of the network's output, where a step size means the same
      # whatever gamma is. Tasks share no weight, so the sum keeps them apart.
      loss = tf.reduce_sum(
          tf.reduce_mean(
              losses.value_loss(
                  value(batch.observation) / scale, batch.value_target / scale
              ),
              1,
          )
      )
    variables = value.trainable_variables
    self._value_optimizer.apply_gradients(
        zip(tape.gradient(loss, variables), variables)
    )
    return {'value_loss': loss / batch.advantage.shape[0]}

  def _policy_loss(self, batch: Batch) -> Tuple[tf.Tensor, Metrics]:
    """Sum over tasks of the mean over samples of Distral's two terms."""
    config, policy = self._config, self._networks.policy
    terms = losses.policy_loss(
        policy.task(batch.observation),
        policy.shared(batch.observation),
        batch.action,
        batch.behaviour_log_prob,
        batch.advantage,
        regularizer=config.regularizer,
        kl_cost=config.kl_cost,
        entropy_cost=config.entropy_cost,
        clip_ratio=config.clip_ratio,
    )
    # Advantages were divided by their deviation; so is the rest of a task's
    # objective, or the costs would no longer be in units of its reward.
    loss = terms.policy_gradient + batch.objective_scale * terms.direct
    return tf.reduce_sum(tf.reduce_mean(loss, axis=1)), losses.diagnostics(
        terms
    )

  def _centroid_loss(self, batch: Batch) -> Tuple[tf.Tensor, Metrics]:
    policy = self._networks.policy
    loss = losses.centroid_loss(
        policy.task(batch.observation), policy.shared(batch.observation)
    )
    return tf.reduce_sum(tf.reduce_mean(loss, axis=1)), {
        'centroid_loss': tf.reduce_mean(loss)
    }
