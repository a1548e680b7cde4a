"""Defines the learner of PEARL."""

from typing import Dict, Iterator, Mapping, Optional, Tuple

from acme.utils import counting
from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core import specs
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import episodes
from distillery.agents.core.replay import transitions
from distillery.agents.pearl import config as pearl_config
from distillery.agents.pearl import losses
from distillery.agents.pearl import networks as pearl_networks
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]


class PearlLearner(learners.Learner):
  """The learner of soft actor-critic with a latent of each task.

  Rakelly et al. 2019, algorithm 1.

    z ~ q(z|c) = product over c of N(mu(s, a, r), s^2(s, a, r))

  | loss                         | moves            | held fixed               |
  |------------------------------|------------------|--------------------------|
  | losses.critic_loss           | critics, encoder | target critics, policy,  |
  |                              |                  | alpha                    |
  | kl_weight losses.latent_loss | encoder          |                          |
  | losses.actor_loss            | policy           | critics, z, alpha        |
  | losses.temperature_loss      | log alpha        | policy                   |
  """

  def __init__(
      self,
      config: pearl_config.PearlConfig,
      networks: pearl_networks.PearlNetworks,
      spec: specs.AgentSpec,
      seed: int,
      *,
      iterator: Iterator[Mapping[str, tf.Tensor]],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimisers.

    Args:
      config: the agent's config, with the settings of losses and optimisers.
      networks: the networks that are trained.
      spec: the description of the tasks; actions are bounded.
      seed: the seed of everything random in a step.
      iterator: yields episodes `[K, E, T, W]` of the kinds 'context' and
        'replay', see `episodes.make_iterator`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._networks = networks
    self._spec = spec
    self._seed = seed
    self._families = spec.families or ('',) * spec.num_tasks
    self._target_entropy = (
        config.entropy_per_dimension * spec.action_spec.shape[0]
    )
    self._trained = {
        'critics': [
            *networks.critics.trainable_variables,
            *networks.encoder.trainable_variables,
        ],
        'policy': networks.policy.trainable_variables,
        'temperatures': networks.temperatures.trainable_variables,
    }
    self._optimizers = {
        name: optimizers.adam(
            config.learning_rate, variables, epsilon=config.adam_epsilon
        )
        for name, variables in self._trained.items()
    }
    super().__init__(
        variables={'policy': pearl_networks.acting_variables(networks)},
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
  def _step(self, batch: Mapping[str, tf.Tensor], step: tf.Tensor) -> Metrics:
    """Makes U updates, then draws the latents that act in the next block."""
    config, networks, spec = self._config, self._networks, self._spec
    width = transitions.width(spec)
    batch_checks.check_rows(
        batch, spec.num_tasks, {'context': width, 'replay': width}
    )
    networks.policy.start()
    contexts, replay = batch['context'], batch['replay']
    replay = tf.reshape(replay, [spec.num_tasks, -1, replay.shape[-1]])

    num_updates = config.updates_per_step
    first = tf.cast(step, tf.int64) * (num_updates + 1)

    def update(i: tf.Tensor) -> Metrics:
      seed = learners.stream(self._seed, first + i)
      return self._update(contexts, replay, seed)

    metrics = learners.mean_of_updates(update, num_updates)
    self._draw_latents(
        contexts, learners.stream(self._seed, first + num_updates)
    )
    return metrics

  def _update(
      self, contexts: tf.Tensor, replay: tf.Tensor, seed: tf.Tensor
  ) -> Metrics:
    """Updates all networks once, from M of the tasks.

    Args:
      contexts: episodes for the encoder, float32 `[K, E, T, W]`.
      replay: steps for critics and policy, float32 `[K, E * T, W]`.
      seed: the seed of all random draws, int64 [2].

    Returns:
      The metrics.
    """
    config, networks = self._config, self._networks
    seeds = tf.random.split(seed, 5)
    context, batch = self._draw(contexts, replay, seeds)
    noise = tf.random.stateless_normal([2, *batch.action.shape], seeds[3])
    latent_noise = tf.random.stateless_normal(
        [config.tasks_per_update, config.latent_size], seeds[4]
    )
    temperature = tf.repeat(networks.temperatures(), config.tasks_per_update)

    # Critics and encoder.
    with tf.GradientTape() as tape:
      posterior = pearl_networks.infer(networks, context)
      latent = posterior.mean + posterior.std * latent_noise
      with tape.stop_recording():
        target = losses.critic_target(
            networks,
            batch,
            latent,
            noise[0],
            temperature,
            gamma=config.discount,
        )
      critic_loss, q = losses.critic_loss(networks, batch, latent, target)
      kl = losses.latent_loss(posterior)
      loss = tf.reduce_mean(critic_loss + config.kl_weight * kl)
    self._minimize('critics', loss, tape)

    # Policy.
    with tf.GradientTape() as tape:
      actor_loss, sample = losses.actor_loss(
          networks, batch, tf.stop_gradient(latent), noise[1], temperature
      )
      actor_loss = tf.reduce_mean(actor_loss)
    self._minimize('policy', actor_loss, tape)

    # Temperature.
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(
          losses.temperature_loss(
              networks, sample.log_prob, target_entropy=self._target_entropy
          )
      )
    self._minimize('temperatures', loss, tape)

    # Target critics.
    networks.target_critics.follow(networks.critics, config.target_rate)
    return {
        'critic_loss': tf.reduce_mean(critic_loss),
        'actor_loss': actor_loss,
        'q': tf.reduce_mean(q),
        'entropy': -tf.reduce_mean(sample.log_prob),
        'temperature': temperature[0],
        'latent_kl': tf.reduce_mean(kl),
        'latent_std': tf.reduce_mean(
            tf.math.reduce_std(posterior.mean, axis=0)
        ),
        'reward': tf.reduce_mean(batch.reward) / config.reward_scale,
    }

  def _draw(
      self, contexts: tf.Tensor, replay: tf.Tensor, seeds: tf.Tensor
  ) -> Tuple[transitions.Transitions, transitions.Transitions]:
    """Draws M tasks, and of each a context and a batch, `[M, N, ...]`."""
    config = self._config
    tasks = episodes.draw_tasks(
        self._families, config.tasks_per_update, seeds[0]
    )
    context = self._unpack(
        episodes.draw_contexts(
            tf.gather(contexts, tasks), config.context_size, seeds[1]
        )
    )
    batch = self._unpack(
        episodes.draw_rows(
            tf.gather(replay, tasks),
            config.batch_size,
            seeds[2],
            replay.shape[1],
        )
    )
    return context, batch

  def _draw_latents(self, contexts: tf.Tensor, seed: tf.Tensor) -> None:
    """Draws a latent from the prior and one from the posterior in each task.

    Args:
      contexts: episodes for the encoder, float32 `[K, E, T, W]`.
      seed: the seed of all random draws, int64 [2].
    """
    config, latents = self._config, self._networks.latents
    seeds = tf.random.split(seed, 2)
    posterior = pearl_networks.infer(
        self._networks,
        self._unpack(
            episodes.draw_contexts(contexts, config.context_size, seeds[0])
        ),
    )
    prior, noise = tf.unstack(
        tf.random.stateless_normal([2, *latents.prior.shape], seeds[1])
    )
    latents.prior.assign(prior)
    latents.posterior.assign(posterior.mean + posterior.std * noise)

  def _unpack(self, rows: tf.Tensor) -> transitions.Transitions:
    return transitions.unpack_scaled(
        rows, self._spec, self._config.reward_scale
    )

  def _minimize(
      self, name: str, loss: tf.Tensor, tape: tf.GradientTape
  ) -> None:
    self._optimizers[name].minimize(loss, self._trained[name], tape=tape)
