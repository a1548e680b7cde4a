"""Defines the learner of DAMSEL."""

from typing import Dict, Iterator, Mapping, Optional

from acme.utils import counting
from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core import specs
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import episodes
from distillery.agents.core.replay import transitions
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import losses
from distillery.agents.damsel import networks as damsel_networks
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]


class DamselLearner(learners.Learner):
  """The learner that imitates experts from inferred latents (algorithm 1).

  | loss           | weight           | moves           | held fixed    |
  |----------------|------------------|-----------------|---------------|
  | imitation_loss | 1                | policy, encoder | expert        |
  | model_loss     | model_weight     | model, encoder  | what happened |
  | component_loss | component_weight | encoder         | components    |

  In tasks that are imitated from their component, L_BC moves only the policy.
  """

  def __init__(
      self,
      config: damsel_config.DamselConfig,
      networks: damsel_networks.DamselNetworks,
      spec: specs.AgentSpec,
      seed: int,
      *,
      iterator: Iterator[Mapping[str, tf.Tensor]],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimiser.

    Args:
      config: the agent's config, with the settings of losses and optimiser.
      networks: the networks that are trained.
      spec: the description of the tasks.
      seed: the seed of everything random in a step.
      iterator: yields episodes `[K, E, T, W]` of the kinds 'context' and
        'expert', see `episodes.make_iterator`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._networks = networks
    self._spec = spec
    self._seed = seed
    self._trained = [
        variable
        for module in (networks.policy, networks.encoder, networks.model)
        for variable in module.trainable_variables
    ]
    self._optimizer = optimizers.adam(
        config.learning_rate, self._trained, epsilon=config.adam_epsilon
    )
    super().__init__(
        variables={'policy': damsel_networks.acting_variables(networks)},
        checkpointables={**networks._asdict(), 'optimizer': self._optimizer},
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(self, batch: Mapping[str, tf.Tensor], step: tf.Tensor) -> Metrics:
    """Makes U updates, then infers the latents that act in the next block."""
    config, networks = self._config, self._networks
    num_tasks = self._spec.num_tasks
    batch_checks.check_rows(
        batch,
        num_tasks,
        {
            'context': transitions.width(self._spec),
            'expert': (
                self._spec.observation_spec.shape[0]
                + self._spec.action_spec.shape[0]
            ),
        },
    )
    contexts, experts = batch['context'], batch['expert']
    experts = tf.reshape(experts, [num_tasks, -1, experts.shape[-1]])

    num_updates = config.updates_per_step
    first = tf.cast(step, tf.int64) * (num_updates + 1)

    def update(i: tf.Tensor) -> Metrics:
      seed = learners.stream(self._seed, first + i)
      return self._update(contexts, experts, seed)

    metrics = learners.mean_of_updates(update, num_updates)
    context = episodes.draw_contexts(
        contexts,
        config.context_size,
        learners.stream(self._seed, first + num_updates),
    )
    networks.latents.inferred.assign(
        damsel_networks.infer(networks, self._unpack(context))
    )
    return metrics

  def _update(
      self, contexts: tf.Tensor, experts: tf.Tensor, seed: tf.Tensor
  ) -> Metrics:
    """Updates policy, encoder and model once, from M of the tasks.

    Args:
      contexts: episodes for the encoder, float32 `[K, E, T, W]`.
      experts: steps of the experts, float32 `[K, E * T, D + A]`.
      seed: the seed of all random draws, int64 [2].

    Returns:
      The metrics.
    """
    config, networks = self._config, self._networks
    seeds = tf.random.split(seed, 4)

    # Batch.
    tasks = episodes.draw_tasks(
        self._spec.families, config.tasks_per_update, seeds[0]
    )
    context = self._unpack(
        episodes.draw_contexts(
            tf.gather(contexts, tasks), config.context_size, seeds[1]
        )
    )
    observation, expert_action = tf.split(
        episodes.draw_rows(
            tf.gather(experts, tasks),
            config.expert_batch_size,
            seeds[2],
            experts.shape[1],
        ),
        [*self._spec.observation_spec.shape, *self._spec.action_spec.shape],
        axis=-1,
    )
    expert_action = specs.to_unit_box(
        expert_action, *specs.action_bounds(self._spec.action_spec)
    )
    component = tf.gather(networks.latents.components, tasks)
    acts_by_component = (
        tf.random.stateless_uniform([len(tasks), 1], seeds[3])
        < config.prior_share
    )

    # Losses.
    with tf.GradientTape() as tape:
      latent = damsel_networks.infer(networks, context)
      imitation = losses.imitation_loss(
          damsel_networks.act(
              networks,
              observation,
              tf.where(acts_by_component, component, latent),
          ),
          expert_action,
      )
      model = losses.model_loss(
          networks.model(
              damsel_networks.state_and_action(networks, context), latent
          ),
          networks.scales.change(damsel_networks.changes(context)),
      )
      distance = losses.component_loss(latent, component)
      # In the ablation the latents are not drawn to any component.
      weight = 0.0 if config.single_prior else config.component_weight
      loss = tf.reduce_mean(
          imitation + config.model_weight * model + weight * distance
      )

    # Step.
    self._optimizer.minimize(loss, self._trained, tape=tape)
    return {
        'imitation_loss': tf.reduce_mean(imitation),
        'model_loss': tf.reduce_mean(model),
        'component_distance': tf.reduce_mean(tf.sqrt(distance)),
        'latent_std': tf.reduce_mean(tf.math.reduce_std(latent, axis=0)),
    }

  def _unpack(self, rows: tf.Tensor) -> transitions.Transitions:
    # Rewards stay as they are: `networks.scales.change` scales them.
    return transitions.unpack_scaled(rows, self._spec, reward_scale=1.0)
