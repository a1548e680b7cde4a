"""A2C's learner: one compiled step a block of short unrolls."""

from typing import Dict, List, NamedTuple, Sequence, Tuple

from distillery.agents.a2c import config as a2c_config
from distillery.agents.a2c import losses
from distillery.agents.a2c import networks as a2c_networks
from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks
from distillery.ops import advantages
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]
# Under RMSprop's root, as TensorFlow's implementations of A2C have it.
_EPSILON = 1e-5


class Batch(NamedTuple):
  """What an update needs of each sample, task-major: `[K, N, ...]`."""

  observation: tf.Tensor
  action: tf.Tensor
  behaviour_log_prob: tf.Tensor
  value_target: tf.Tensor


class A2CLearner(learners.Learner):
  """Learns pi_k and V_k from the blocks of a queue.

  In turns, a task's update is of data that was collected before those of the
  tasks before it; the ratio of probabilities makes up for that.
  """

  def __init__(
      self,
      config: a2c_config.A2CConfig,
      networks: a2c_networks.A2CNetworks,
      **kwargs,
  ):
    """Makes the optimisers.

    Args:
      config: the losses' and optimisers' settings.
      networks: what is trained.
      **kwargs: of `learners.Learner`.
    """
    self._config = config
    self._networks = networks
    policy, value = networks.policy, networks.value
    self._shared = [*policy.shared_variables(), *value.shared_variables()]
    self._own = [*policy.task_variables(), *value.task_variables()]
    if config.trainable != 'all':
      num_layers = {'last': 1, 'last_two': 2}[config.trainable]
      trained = [
          *policy.last_variables(num_layers),
          *(
              value.trainable_variables
              if networks.value_is_new
              else value.last_variables(1)
          ),
      ]
      self._shared, self._own = (
          _members(part, trained) for part in (self._shared, self._own)
      )
    self._shared_optimizer, self._own_optimizer = (
        optimizers.rms_prop(config.learning_rate, part, _EPSILON)
        for part in (self._shared, self._own)
    )
    super().__init__(
        variables={'policy': policy.acting_variables()},
        checkpointables={
            'policy': policy,
            'value': value,
            'reward_scale': networks.reward_scale,
            'shared_optimizer': self._shared_optimizer,
            'own_optimizer': self._own_optimizer,
        },
        jit_compile=True,
        **kwargs,
    )

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Metrics:
    del step  # Nothing is random.
    batch_checks.check_block(
        block,
        self._networks.policy.num_tasks,
        (
            *batch_checks.STEPS,
            *['episode_step'] * self._config.normalize_rewards,
        ),
    )
    batch = self._make_batch(block)
    num_tasks = self._networks.policy.num_tasks
    if self._config.order == 'joint':
      own, metrics = self._update_shared(batch, tf.ones([num_tasks]))
    else:
      own = [tf.zeros_like(variable) for variable in self._own]
      for task in range(num_tasks):
        of_task, metrics = self._update_shared(
            batch, tf.one_hot(task, num_tasks)
        )
        own = [total + part for total, part in zip(own, of_task)]
    # A task's head is nothing to the other tasks: in turns, too, all of them
    # can be moved at the end.
    optimizers.apply_clipped(
        self._own_optimizer,
        own,
        self._own,
        self._config.max_gradient_norm,
        num_tasks=num_tasks,
    )
    # Only now, so that a block is learned from with the very function that
    # acted in it.
    if not self._config.initial_run:
      self._networks.policy.normalizer.update(batch.observation)
    return {'reward': tf.reduce_mean(block.reward), **metrics}

  def _make_batch(self, block: blocks.Block) -> Batch:
    """Computes n-step returns; `[K, T, E]` to `[K, N]`.

    A time limit is no end: what comes after it is worth something.
    """
    config, networks = self._config, self._networks
    samples = block.samples()
    reward = block.reward
    if config.normalize_rewards:
      reward = networks.reward_scale(reward, block.episode_step)
    value, next_value = (
        tf.reshape(networks.value(observation), reward.shape)
        for observation in (samples.observation, samples.next_observation)
    )
    result = advantages.generalized_advantages(
        reward,
        block.discount,
        block.episode_end,
        value,
        next_value,
        gamma=config.discount,
        lambda_=1.0,
    )
    return Batch(
        observation=samples.observation,
        action=samples.action,
        behaviour_log_prob=samples.log_prob,
        value_target=tf.reshape(result.value_target, samples.reward.shape),
    )

  def _update_shared(
      self, batch: Batch, weight: tf.Tensor
  ) -> Tuple[List[tf.Tensor], Metrics]:
    """Moves the trunk; returns the gradients of the heads.

    Args:
      batch: of all tasks.
      weight: of each task's loss, `[K]`.
    """
    config, networks = self._config, self._networks
    with tf.GradientTape() as tape:
      terms = losses.terms(
          networks.policy.task(batch.observation),
          batch.action,
          batch.behaviour_log_prob,
          networks.value(batch.observation),
          batch.value_target,
      )
      of_task = tf.reduce_mean(
          terms.policy_gradient
          - config.entropy_cost * terms.entropy
          + config.value_cost * terms.value,
          axis=1,
      )
      # The sum of the tasks' means: a head learns as if it were alone.
      loss = tf.reduce_sum(weight * of_task)
    shared, own = tape.gradient(loss, (self._shared, self._own))
    optimizers.apply_clipped(
        self._shared_optimizer, shared, self._shared, config.max_gradient_norm
    )
    return own, {
        'policy_gradient_loss': tf.reduce_mean(terms.policy_gradient),
        'entropy': tf.reduce_mean(terms.entropy),
        'value_loss': tf.reduce_mean(terms.value),
        'value_target': tf.reduce_mean(batch.value_target),
    }


def _members(
    variables: Sequence[tf.Variable], wanted: Sequence[tf.Variable]
) -> List[tf.Variable]:
  """Those of `variables` that are wanted."""
  references = {variable.ref() for variable in wanted}
  return [variable for variable in variables if variable.ref() in references]
