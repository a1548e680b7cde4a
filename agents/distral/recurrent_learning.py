"""The learner of Distral for columns with an LSTM: one update a block."""

from typing import Dict, Iterator, Optional

from acme.utils import counting
from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks
from distillery.agents.distral import config as distral_config
from distillery.agents.distral import losses
from distillery.networks.policies import recurrent
from distillery.ops import advantages
import tensorflow as tf


class RecurrentDistralLearner(learners.Learner):
  """The learner of pi_0, pi_k and V_k with a memory, from queued blocks.

  A block starts with the `state` that the policy remembered. The gradient goes
  back through the T steps of the block (Mnih et al. 2016).
  """

  def __init__(
      self,
      config: distral_config.DistralConfig,
      policy: recurrent.RecurrentColumnPolicy,
      *,
      iterator: Iterator[blocks.Block],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimisers.

    Args:
      config: the agent's config, with the settings of losses and optimisers.
      policy: the policies and values that are trained.
      iterator: yields blocks `[K, T, E, ...]`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._policy = policy
    self._shared_optimizer = optimizers.adam(
        config.learning_rate,
        policy.shared_variables(),
        epsilon=config.adam_epsilon,
    )
    self._task_optimizer = optimizers.adam(
        config.learning_rate,
        policy.task_variables(),
        epsilon=config.adam_epsilon,
    )
    self._value_optimizer = optimizers.adam(
        config.value_learning_rate,
        policy.value_variables(),
        epsilon=config.adam_epsilon,
    )
    super().__init__(
        variables={'policy': policy.acting_variables()},
        checkpointables={
            'policy': policy,
            'shared_optimizer': self._shared_optimizer,
            'task_optimizer': self._task_optimizer,
            'value_optimizer': self._value_optimizer,
        },
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Dict[str, tf.Tensor]:
    """Makes one update from one block."""
    del step  # Nothing is random.
    config, policy = self._config, self._policy
    batch_checks.check_block(
        block, policy.num_tasks, (*batch_checks.STEPS, 'state', 'episode_step')
    )
    samples, shape = block.samples(), block.reward.shape
    with tf.GradientTape() as tape:
      output = policy.unroll(
          block.observation,
          block.next_observation,
          block.state,
          tf.equal(block.episode_step, 0),
      )
      regularization = losses.reward_regularizer(
          output.task,
          output.shared,
          samples.action,
          regularizer=config.regularizer,
          kl_cost=config.kl_cost,
          entropy_cost=config.entropy_cost,
      )
      result = advantages.generalized_advantages(
          config.reward_scale * block.reward
          + tf.reshape(regularization, shape),
          block.discount,
          block.episode_end,
          tf.reshape(output.value, shape),
          tf.reshape(output.next_value, shape),
          gamma=config.discount,
          lambda_=config.gae_lambda,
      )
      advantage, value_target = (
          tf.reshape(x, output.value.shape) for x in result
      )
      advantage_std = tf.math.reduce_std(advantage, axis=1)
      scale = tf.ones_like(advantage[:, :1])
      if config.normalize_advantages:
        advantage, scale = advantages.standardize(
            advantage, min_std=config.min_advantage_std
        )
      terms = losses.policy_loss(
          output.task,
          output.shared,
          samples.action,
          samples.log_prob,
          advantage,
          regularizer=config.regularizer,
          kl_cost=config.kl_cost,
          entropy_cost=config.entropy_cost,
          clip_ratio=config.clip_ratio,
      )
      value_loss = losses.value_loss(output.value, value_target)
      # The sum of the tasks' means, so that all tasks have the same weight.
      loss = tf.reduce_sum(
          tf.reduce_mean(
              terms.policy_gradient
              + scale * terms.direct
              + config.value_cost * value_loss,
              axis=1,
          )
      )
    self._apply(tape, loss)
    return {
        'reward': tf.reduce_mean(block.reward),
        'regularization': tf.reduce_mean(regularization),
        'value': tf.reduce_mean(output.value),
        'value_explained': tf.reduce_mean(
            advantages.explained(output.value, value_target)
        ),
        'value_loss': tf.reduce_mean(value_loss),
        'advantage_std': tf.reduce_mean(advantage_std),
        **losses.diagnostics(terms),
    }

  def _apply(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
    """Makes one gradient step of all variables."""
    policy, max_norm = self._policy, self._config.max_gradient_norm
    variables = (
        policy.shared_variables(),
        policy.task_variables(),
        policy.value_variables(),
    )
    shared, task, value = tape.gradient(
        loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    optimizers.apply_clipped(
        self._shared_optimizer, shared, variables[0], max_norm
    )
    optimizers.apply_clipped(
        self._task_optimizer,
        task,
        variables[1],
        max_norm,
        num_tasks=policy.num_tasks,
    )
    self._value_optimizer.apply_gradients(zip(value, variables[2]))
