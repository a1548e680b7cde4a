"""DnC's learner: one compiled step a block of unrolls."""

from typing import Callable, Dict, Mapping

from distillery.agents.core import errors
from distillery.agents.core import optimizers
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks as replay_blocks
from distillery.agents.core.trust_region import critics
from distillery.agents.core.trust_region import learner as trust_region_learner
from distillery.agents.dnc import config as dnc_config
from distillery.agents.dnc import losses
from distillery.agents.dnc import networks as dnc_networks
from distillery.ops import families
from distillery.ops import minibatches
from distillery.ops import trust_region
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

Metrics = Dict[str, tf.Tensor]


class DnCLearner(trust_region_learner.TrustRegionLearner):
  """Moves K local policies, each in a trust region of its own.

    L_i = -mean( pi_i(a|s) / pi_i,old(a|s) A(s, a) ) + alpha penalty_i

  | loss                         | moves                                       |
  |------------------------------|---------------------------------------------|
  | L_i                          | pi_i alone                                  |
  | distillation, now and then   | pi_c alone; then every pi_i is reset to it  |
  | surrogate of the centre's    | pi_c alone; only with `central_trpo`        |
  |   own block                  |                                             |
  """

  _config: dnc_config.DnCConfig
  _networks: dnc_networks.DnCNetworks

  def __init__(
      self,
      config: dnc_config.DnCConfig,
      networks: dnc_networks.DnCNetworks,
      seed: int,
      **kwargs,
  ):
    """Initialises the learner; arguments as `TrustRegionLearner`."""
    self._optimizer = optimizers.adam(
        config.distillation_learning_rate, networks.policy.shared_variables()
    )
    super().__init__(
        config,
        networks,
        seed,
        checkpointables={
            'distillation_optimizer': self._optimizer,
            'central_critic': networks.central_critic,
        },
        **kwargs,
    )

  @tf.function
  def _step(
      self, blocks: Mapping[str, replay_blocks.Block], step: tf.Tensor
  ) -> Metrics:
    """Makes a step of every local policy.

    Args:
      blocks: by the name of the policy that acted, 'task' and perhaps 'shared'.
      step: int32 [], how many steps came before.
    """
    policy, critic = self._networks.policy, self._networks.critic
    block = self._own_block(blocks)
    for each in blocks.values():
      self._check_block(each)
    samples = block.samples()
    observation = samples.observation
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
    if 'shared' in blocks:
      central = self._step_central(blocks['shared'], step)
      metrics['central_kl'] = central.kl[0]
      metrics['central_failure'] = central.failure
    self._learn_values(samples, estimate, step)
    target = _frozen(policy.task(observation))
    metrics['kl_to_central'] = tf.reduce_mean(
        target.kl(families.parameters(policy.shared(observation)))
    )
    self._distill_when_due(
        observation, acted if self._config.mode == 'release' else target, step
    )
    return metrics

  def _own_block(self, batch):
    batch_checks.check_names(batch, ['task'])
    return batch['task']

  @property
  def _is_pairwise(self) -> bool:
    """Whether where a local policy is matters to the others' objectives."""
    return self._config.variant == 'vanilla' and bool(self._config.penalty)

  def _step_locals(
      self,
      samples: replay_blocks.Block,
      estimate: critics.Estimate,
      step,
      moves=1.0,
  ) -> trust_region.TrustRegionResult:
    """All at once; those whose `moves` `[K]` is 0 stay where they are."""
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
      self, samples: replay_blocks.Block, estimate: critics.Estimate, step
  ) -> trust_region.TrustRegionResult:
    """One after the other, each penalised by where those before it are now."""
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
    """alpha times the penalty `[K]` of the policies as they are when called."""
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
    """The penalty `[K]` in states `[K, M, D]`, of the policies when called."""
    policy, (num_contexts, num_states, size) = (
        self._networks.policy,
        states.shape,
    )
    # Every policy in the states of every context.
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
      self, block: replay_blocks.Block, step
  ) -> trust_region.TrustRegionResult:
    """A trust-region step of the centre, on a block that it acted in."""
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

  def _distill_when_due(self, observation, target, step: tf.Tensor) -> None:
    """Moves pi_c to the local policies; resets those at a period's end.

    Args:
      observation: `[K, N, D]`.
      target: parameters of the local policies there.
      step: number of this step.
    """
    config = self._config
    is_release = config.mode == 'release'
    # The released code distills in the very first step; the paper after R.
    due = (step + (0 if is_release else 1)) % config.distillation_period == 0
    if due:
      self._distill(observation, target, step, config.distillation_epochs)
      self._reset()
    elif is_release or config.variant == 'centralized':
      self._distill(observation, target, step, 1)

  def _distill(self, observation, target, step, num_epochs: int) -> None:
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
        # As many states of each context as of the others.
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
    """Every local policy becomes the central one."""
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


def _frozen(policy: tfd.Distribution):
  """A policy's parameters as they are now, without gradient."""
  parameters = families.parameters(policy)
  return type(parameters)(*map(tf.stop_gradient, parameters))
