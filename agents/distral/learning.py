"""Defines the learner of Distral, with one compiled step for each block."""

from typing import (
    Callable,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from acme.utils import counting
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
  """The samples of a block, as a gradient step needs them.

  Attributes:
    observation: the observations, float32 `[K, N, D]`.
    action: the actions, float32 `[K, N, A]`, or int32 `[K, N]` if discrete.
    behaviour_log_prob: the log-probability of each action under the policy that
      acted, float32 `[K, N]`.
    advantage: the advantages of regularised rewards, float32 `[K, N]`.
    value_target: the returns of regularised rewards, float32 `[K, N]`.
    objective_scale: the factor by which the advantages of a task were
      multiplied, the same for all its samples, float32 `[K, N]`.
  """

  observation: tf.Tensor
  action: tf.Tensor
  behaviour_log_prob: tf.Tensor
  advantage: tf.Tensor
  value_target: tf.Tensor
  objective_scale: tf.Tensor


# A function from a minibatch to the loss and metrics.
PolicyLoss = Callable[[Batch], Tuple[tf.Tensor, Metrics]]


class DistralLearner(learners.Learner):
  """The learner of pi_0, pi_k and V_k, from the blocks of a queue.

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
      *,
      iterator: Iterator[blocks.Block],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimisers.

    Args:
      config: the agent's config, with the settings of losses and optimisers.
      networks: the networks that are trained.
      seed: the seed of the order of the minibatches.
      iterator: yields blocks `[K, T, E, ...]`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._networks = networks
    self._seed = seed
    self._shared_optimizer = optimizers.adam(
        config.learning_rate,
        networks.policy.shared_variables(),
        epsilon=config.adam_epsilon,
    )
    self._task_optimizer = optimizers.adam(
        config.learning_rate,
        networks.policy.task_variables(),
        epsilon=config.adam_epsilon,
    )
    self._value_optimizer = optimizers.adam(
        config.value_learning_rate,
        networks.value.trainable_variables,
        epsilon=config.adam_epsilon,
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
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Metrics:
    """Makes all gradient steps from one block; `step` counts blocks."""
    policy = self._networks.policy
    batch_checks.check_block(block, policy.num_tasks, batch_checks.STEPS)

    # Advantages.
    batch, metrics = self._make_batch(block)
    orders = minibatches.orders(
        learners.stream(self._seed, step),
        *batch.advantage.shape,
        num_epochs=self._config.num_epochs,
        num_minibatches=self._config.num_minibatches,
    )

    # Policies and values.
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

    # Bounds and statistics.
    policy.project(self._max_std(batch, step))
    # The statistics are updated last, so that the learner evaluates the same
    # function of the observations that acted in the block.
    policy.observe(batch.observation)
    self._networks.value.observe(batch.observation)
    return metrics

  def _max_std(self, batch: Batch, step: tf.Tensor) -> tf.Tensor:
    """Returns the upper bound of the standard deviation for the next block.

    The noise is wide at first and narrow at the end: wide noise finds out how
    to solve a task, narrow noise does it precisely. The gradient alone would
    leave the noise wide for millions of steps.
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
    """Computes the advantages and value targets of regularised rewards.

    Returns:
      The samples `[K, N, ...]`, and metrics of the block.
    """
    config, networks = self._config, self._networks
    samples, shape = block.samples(), block.reward.shape
    observation, action = samples.observation, samples.action
    shared_policy, task_policy = networks.policy.both(observation)
    regularization = losses.reward_regularizer(
        task_policy,
        shared_policy,
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
          advantage, min_std=config.min_advantage_std
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
      policy_loss: PolicyLoss,
      shared_variables: Sequence[tf.Variable],
      task_variables: Sequence[tf.Variable],
      *,
      train_value: bool,
  ) -> Metrics:
    """Makes one gradient step for each minibatch.

    Args:
      batch: the samples of all tasks, `[K, N, ...]`.
      orders: the samples of each minibatch, int32 `[M, K, N / minibatches]`.
      policy_loss: the loss of the policies, from a minibatch.
      shared_variables: the variables of pi_0 that move.
      task_variables: the variables of the task columns that move.
      train_value: whether the values move too.

    Returns:
      The metrics of the last step.
    """

    def update(indices: tf.Tensor) -> Metrics:
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
      self,
      batch: Batch,
      policy_loss: PolicyLoss,
      shared_variables: Sequence[tf.Variable],
      task_variables: Sequence[tf.Variable],
  ) -> Metrics:
    """Moves the given variables of the policies once."""
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

  def _update_value(self, batch: Batch) -> Metrics:
    """Moves the values once."""
    value, scale = self._networks.value, self._networks.value.scale
    with tf.GradientTape() as tape:
      # The error is in units of the network's output, so that the effect of a
      # step size does not depend on gamma. Tasks share no weight, so the sum
      # keeps them independent.
      loss = tf.reduce_sum(
          tf.reduce_mean(
              losses.value_loss(
                  value(batch.observation) / scale, batch.value_target / scale
              ),
              1,
          )
      )
    self._value_optimizer.minimize(loss, value.trainable_variables, tape=tape)
    return {'value_loss': loss / batch.advantage.shape[0]}

  def _policy_loss(self, batch: Batch) -> Tuple[tf.Tensor, Metrics]:
    """Computes the policy loss, a sum over tasks of means over samples."""
    config, policy = self._config, self._networks.policy
    shared_policy, task_policy = policy.both(batch.observation)
    terms = losses.policy_loss(
        task_policy,
        shared_policy,
        batch.action,
        batch.behaviour_log_prob,
        batch.advantage,
        regularizer=config.regularizer,
        kl_cost=config.kl_cost,
        entropy_cost=config.entropy_cost,
        clip_ratio=config.clip_ratio,
    )
    # The advantages were divided by their deviation. The other term is divided
    # by it too, so that the costs stay in units of the task's reward.
    loss = terms.policy_gradient + batch.objective_scale * terms.direct
    if config.target_kl:
      loss = losses.held_near_behaviour(
          loss,
          task_policy.log_prob(batch.action),
          batch.behaviour_log_prob,
          config.target_kl,
      )
    if config.centroid_cost:
      loss += config.centroid_cost * losses.centroid_loss(
          task_policy, shared_policy
      )
    return tf.reduce_sum(tf.reduce_mean(loss, axis=1)), losses.diagnostics(
        terms
    )

  def _centroid_loss(self, batch: Batch) -> Tuple[tf.Tensor, Metrics]:
    """Computes the loss that moves pi_0 to the centroid of the tasks."""
    shared_policy, task_policy = self._networks.policy.both(batch.observation)
    loss = losses.centroid_loss(task_policy, shared_policy)
    return tf.reduce_sum(tf.reduce_mean(loss, axis=1)), {
        'centroid_loss': tf.reduce_mean(loss)
    }
