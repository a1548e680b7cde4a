"""Defines the learner of DnC, which makes one compiled step for each block."""

from typing import Callable, Dict, Iterator, Mapping, Optional, Union

from acme.utils import counting
from distillery.agents.core import errors
from distillery.agents.core import optimizers
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks as replay_blocks
from distillery.agents.core.trust_region import critics
from distillery.agents.core.trust_region import learner as trust_region_learner
from distillery.agents.dnc import config as dnc_config
from distillery.agents.dnc import losses
from distillery.agents.dnc import networks as dnc_networks
from distillery.ops import minibatches
from distillery.ops.trust_region import families
from distillery.ops.trust_region import step as trust_region
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

Metrics = Dict[str, tf.Tensor]


class DnCLearner(trust_region_learner.TrustRegionLearner):
  """The learner of K local policies, each with a trust region of its own.

    L_i = -mean( pi_i(a|s) / pi_i,old(a|s) A(s, a) ) + alpha penalty_i

  | loss                         | moves                                       |
  |------------------------------|---------------------------------------------|
  | L_i                          | pi_i alone                                  |
  | distillation                 | pi_c alone; every R steps, each pi_i is     |
  |                              | then reset to pi_c                          |
  | surrogate loss of the        | pi_c alone; with `central_trpo` or          |
  | central policy's own block   | mode='release'                              |
  """

  _config: dnc_config.DnCConfig
  _networks: dnc_networks.DnCNetworks

  def __init__(
      self,
      config: dnc_config.DnCConfig,
      networks: dnc_networks.DnCNetworks,
      seed: int,
      *,
      iterator: Iterator[Mapping[str, replay_blocks.Block]],
      counter: Optional[counting.Counter] = None,
  ):
    """Initialises the learner.

    Args:
      config: the agent's config, with the settings of trust regions and
        distillation.
      networks: the networks that are trained.
      seed: the seed of everything random in a step.
      iterator: yields a block `[K, T, E, ...]` of each behaviour, by its name.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._optimizer = optimizers.adam(
        config.distillation_learning_rate,
        networks.policy.shared_variables(),
        epsilon=config.adam_epsilon,
    )
    super().__init__(
        config,
        networks,
        seed,
        checkpointables={
            'distillation_optimizer': self._optimizer,
            'central_critic': networks.central_critic,
        },
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(
      self, blocks: Mapping[str, replay_blocks.Block], step: tf.Tensor
  ) -> Metrics:
    """Makes a step of every policy, and distils when it is due.

    Args:
      blocks: the blocks by the name of the policy that acted: 'task', and
        'shared' if the central policy acts.
      step: the number of steps before this one, int32 [].

    Returns:
      The metrics.
    """
    policy, critic = self._networks.policy, self._networks.critic
    block = self._own_block(blocks)
    for each in blocks.values():
      self._check_block(each)
    samples = block.samples()
    observation = samples.observation

    # Local policies.
    estimate = critic.estimate(block)
    acted = _frozen(policy.task(observation))
    if self._config.mode == 'release' and self._is_pairwise:
      result = self._step_in_turn(samples, estimate, step)
    else:
      result = self._step_locals(samples, estimate, step)
    metrics = {
        'reward': tf.reduce_mean(block.reward),
        'entropy': tf.reduce_mean(policy.task(observation).entropy()),
        **estimate.metrics(),
        **trust_region_learner.trust_region_metrics(result),
    }

    # Central policy.
    if 'shared' in blocks:
      central = self._step_central(blocks['shared'], step)
      metrics['central_kl'] = central.kl[0]
      metrics['central_failure'] = central.failure

    # Values.
    self._learn_values(samples, estimate, step)

    # Distillation.
    target = _frozen(policy.task(observation))
    metrics['kl_to_central'] = tf.reduce_mean(
        target.kl(families.parameters(policy.shared(observation)))
    )
    self._distill_when_due(
        observation, acted if self._config.mode == 'release' else target, step
    )
    return metrics

  def _own_block(
      self, batch: Mapping[str, replay_blocks.Block]
  ) -> replay_blocks.Block:
    """Returns the block in which the local policies acted."""
    batch_checks.check_names(batch, ['task'])
    return batch['task']

  @property
  def _is_pairwise(self) -> bool:
    """Returns whether a local policy's penalty depends on the other ones."""
    return self._config.variant == 'vanilla' and bool(self._config.penalty)

  def _step_locals(
      self,
      samples: replay_blocks.Block,
      estimate: critics.Estimate,
      step: tf.Tensor,
      moves: Union[float, tf.Tensor] = 1.0,
  ) -> trust_region.TrustRegionResult:
    """Makes a step of all local policies at once.

    Args:
      samples: the samples of the block, `[K, N, ...]`.
      estimate: their advantages.
      step: the number of this step.
      moves: 1 for policies that move and 0 for those that stay, `[K]` or [].

    Returns:
      The result of each region.
    """
    policy = self._networks.policy
    num_tasks = policy.num_tasks
    penalty = self._make_penalty(samples.observation, step)
    return self._trust_region_step(
        policy.task_variables(),
        num_regions=num_tasks,
        loss=lambda pi: moves
        * (
            losses.surrogate_loss(pi, samples, estimate.advantage, num_tasks)
            + penalty()
        ),
        policy=lambda: policy.task(samples.observation),
    )

  def _step_in_turn(
      self,
      samples: replay_blocks.Block,
      estimate: critics.Estimate,
      step: tf.Tensor,
  ) -> trust_region.TrustRegionResult:
    """Makes the local policies' steps in turn.

    The penalty of each depends on where the policies before it have moved.
    """
    num_contexts = self._networks.policy.num_tasks
    float_zeros = tf.zeros([num_contexts], tf.float64)
    int_zeros = tf.zeros([num_contexts], tf.int32)
    result = trust_region.TrustRegionResult(
        float_zeros,
        float_zeros,
        float_zeros,
        tf.zeros([num_contexts], tf.bool),
        int_zeros,
        int_zeros,
    )
    for i in tf.range(num_contexts):
      moves = tf.range(num_contexts) == i
      one = self._step_locals(
          samples, estimate, step, tf.cast(moves, tf.float64)
      )
      result = trust_region.TrustRegionResult(
          *(tf.where(moves, new, old) for new, old in zip(one, result))
      )
    return result

  def _make_penalty(
      self, observation: tf.Tensor, step: tf.Tensor
  ) -> Callable[[], tf.Tensor]:
    """Makes a function that computes alpha times the penalty, `[K]`.

    It uses the policies as they are when it is called.
    """
    config, policy = self._config, self._networks.policy
    num_contexts, num_samples, size = observation.shape
    if config.variant == 'unconstrained' or not config.penalty:
      return lambda: tf.constant(0.0, tf.float64)
    order = minibatches.orders(
        self._stream(step, 1),
        num_contexts,
        num_samples,
        num_epochs=1,
        num_minibatches=1,
    )[0, :, : config.penalty_states]
    states = tf.gather(observation, order, batch_dims=1)  # [K, M, D]
    if config.variant == 'centralized':
      central = _frozen(policy.shared(states))
      penalty = lambda: losses.central_penalty(
          families.parameters(policy.task(states)), central
      )
    else:
      penalty = self._pairwise(states)
    return lambda: config.penalty * tf.cast(penalty(), tf.float64)

  def _pairwise(self, states: tf.Tensor) -> Callable[[], tf.Tensor]:
    """Makes a function that computes the pairwise penalty, `[K]`.

    It uses the policies as they are when it is called; the other policies of
    each pair are as they are now.

    Args:
      states: the states of each context, `[K, M, D]`.
    """
    policy, (num_contexts, num_states, size) = (
        self._networks.policy,
        states.shape,
    )
    # Every policy is evaluated in the states of every context.
    shape = [num_contexts, num_contexts, num_states]
    everywhere = tf.reshape(
        tf.broadcast_to(states, [*shape, size]), [num_contexts, -1, size]
    )
    origin = tf.reshape(
        tf.broadcast_to(tf.range(num_contexts)[:, tf.newaxis], shape),
        [num_contexts, -1],
    )
    pairs = lambda parameters: losses.pairs(parameters, num_contexts)
    old = pairs(_frozen(policy.task(everywhere, origin)))
    penalty = (
        losses.released_penalty
        if self._config.mode == 'release'
        else losses.pairwise_penalty
    )
    return lambda: penalty(
        pairs(families.parameters(policy.task(everywhere, origin))), old
    )

  def _step_central(
      self, block: replay_blocks.Block, step: tf.Tensor
  ) -> trust_region.TrustRegionResult:
    """Makes a trust-region step of pi_c from a block in which it acted."""
    critic = self._networks.central_critic
    samples = block.samples()
    estimate = critic.estimate(block)
    policy = self._networks.policy
    result = self._trust_region_step(
        policy.shared_variables(),
        num_regions=1,
        loss=lambda pi: losses.surrogate_loss(
            pi, samples, estimate.advantage, 1
        ),
        policy=lambda: policy.shared(samples.observation),
    )
    critic.fit(samples, estimate.value_target, self._stream(step, 2))
    return result

  def _distill_when_due(
      self, observation: tf.Tensor, target: families.Parameters, step: tf.Tensor
  ) -> None:
    """Moves pi_c to the local policies and, at a period's end, resets them.

    Args:
      observation: the states of each context, `[K, N, D]`.
      target: the parameters of the local policies in these states.
      step: the number of this step.
    """
    config = self._config
    is_release = config.mode == 'release'
    # The released code distils in the first step, the paper only after R steps.
    due = (step + (0 if is_release else 1)) % config.distillation_period == 0
    if due:
      self._distill(observation, target, step, config.distillation_epochs)
      self._reset()
    elif is_release or config.variant == 'centralized':
      self._distill(observation, target, step, 1)

  def _distill(
      self,
      observation: tf.Tensor,
      target: families.Parameters,
      step: tf.Tensor,
      num_epochs: int,
  ) -> None:
    """Moves pi_c to the local policies by passes over minibatches."""
    config, policy = self._config, self._networks.policy
    variables = policy.shared_variables()
    loss = (
        losses.released_distillation_loss
        if config.mode == 'release'
        else losses.distillation_loss
    )
    orders = minibatches.orders(
        self._stream(step, 3),
        *observation.shape[:2],
        num_epochs=num_epochs,
        num_minibatches=config.distillation_minibatches,
    )
    for i in tf.range(orders.shape[0]):
      states, *parameters = (
          tf.gather(x, orders[i], batch_dims=1) for x in (observation, *target)
      )
      with tf.GradientTape() as tape:
        # A minibatch has the same number of states of every context.
        value = tf.reduce_mean(
            loss(
                type(target)(*parameters),
                families.parameters(policy.shared(states)),
            )
        )
      self._optimizer.apply_gradients(
          zip(
              tape.gradient(value, variables, unconnected_gradients='zero'),
              variables,
          )
      )
      policy.project()

  def _report(self, metrics: Mapping[str, np.ndarray]) -> Dict[str, float]:
    metrics = dict(metrics)
    if 'central_failure' in metrics:
      try:
        super()._report({'failure': metrics.pop('central_failure')})
      except errors.NonFiniteError as error:
        raise errors.NonFiniteError(f'central policy: {error}') from None
    return super()._report(metrics)

  def _reset(self) -> None:
    """Makes every local policy equal to the central one.

    The local policies keep their standard deviations in mode 'release'.
    """
    policy = self._networks.policy
    kept = [
        variable
        for variable in policy.task_variables()
        if self._config.mode == 'release' and 'std' in variable.name
    ]
    values = [tf.identity(variable) for variable in kept]
    policy.reset_tasks()
    for variable, value in zip(kept, values):
      variable.assign(value)


def _frozen(policy: tfd.Distribution) -> families.Parameters:
  """Returns a policy's parameters as they are now, without a gradient."""
  parameters = families.parameters(policy)
  return type(parameters)(*map(tf.stop_gradient, parameters))
