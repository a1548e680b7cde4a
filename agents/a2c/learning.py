"""Defines the learner of A2C, which makes one compiled step for each block."""

from typing import (
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from acme.utils import counting
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


class Batch(NamedTuple):
  """The samples of a block, as an update needs them.

  Attributes:
    observation: the observations, float32 `[K, N, D]`.
    action: the actions, float32 `[K, N, A]`.
    behaviour_log_prob: the log-probability of each action under the policy that
      acted, float32 `[K, N]`.
    value_target: the n-step returns, float32 `[K, N]`.
  """

  observation: tf.Tensor
  action: tf.Tensor
  behaviour_log_prob: tf.Tensor
  value_target: tf.Tensor


class A2CLearner(learners.Learner):
  """The learner of pi_k and V_k, from the blocks of a queue.

  With order='turns', the tasks before task k have already moved the trunk when
  task k is updated, so the policy is no longer the one that acted. The ratio of
  probabilities corrects for that.
  """

  def __init__(
      self,
      config: a2c_config.A2CConfig,
      networks: a2c_networks.A2CNetworks,
      *,
      iterator: Iterator[blocks.Block],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimisers.

    Args:
      config: the agent's config, with the settings of losses and optimisers.
      networks: the networks that are trained.
      iterator: yields blocks `[K, T, E, ...]`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
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
        optimizers.rms_prop(
            config.learning_rate,
            part,
            decay=config.rms_prop_decay,
            epsilon=config.rms_prop_epsilon,
        )
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
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Metrics:
    """Updates trunk, heads and statistics from one block."""
    del step  # Nothing is random.
    batch_checks.check_block(
        block,
        self._networks.policy.num_tasks,
        (
            *batch_checks.STEPS,
            *['episode_step'] * self._config.normalize_rewards,
        ),
    )

    # Trunk.
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

    # Heads.
    # The head of a task does not affect the other tasks. So all heads can be
    # moved at the end, also with order='turns'.
    optimizers.apply_clipped(
        self._own_optimizer,
        own,
        self._own,
        self._config.max_gradient_norm,
        num_tasks=num_tasks,
    )
    # The statistics are updated last, so that the learner evaluates the same
    # function of the observations that acted in the block.
    if not self._config.initial_run:
      self._networks.policy.normalizer.update(batch.observation)
    return {'reward': tf.reduce_mean(block.reward), **metrics}

  def _make_batch(self, block: blocks.Block) -> Batch:
    """Computes the n-step returns of a block, as samples `[K, N, ...]`.

    A time limit does not terminate a task: the return includes the value of the
    state that follows.
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
    """Moves the trunk and computes the gradients of the heads.

    Args:
      batch: the samples of all tasks.
      weight: the weight of each task's loss, float32 `[K]`.

    Returns:
      The gradient of each variable of the heads, and the metrics.
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
      # The tasks' means are summed, so that each head learns as if it were
      # alone.
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
  """Returns the variables that are also in `wanted`, in their order."""
  references = {variable.ref() for variable in wanted}
  return [variable for variable in variables if variable.ref() in references]
