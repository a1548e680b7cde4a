"""PEARL's learner."""

from typing import Dict, List, Mapping

from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core import specs
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import episodes
from distillery.agents.core.replay import transitions
from distillery.agents.pearl import config as pearl_config
from distillery.agents.pearl import networks as pearl_networks
from distillery.ops import gaussians
from distillery.ops import soft_q
import tensorflow as tf

Metrics = Dict[str, tf.Tensor]


class PearlLearner(learners.Learner):
  """Soft actor-critic with a latent of each task (Rakelly et al. 2019, alg. 1).

    z ~ q(z|c) = product over c of N(mu(s, a, r), s^2(s, a, r))

  | loss                      | moves            | held fixed                  |
  |---------------------------|------------------|-----------------------------|
  | soft_q.critic_loss        | critics, encoder | target critics, policy,     |
  |                           |                  | alpha                       |
  | kl_weight KL(q || N(0,1)) | encoder          |                             |
  | soft_q.actor_loss         | policy           | critics, z, alpha           |
  | soft_q.temperature_loss   | log alpha        | policy                      |
  """

  def __init__(
      self,
      config: pearl_config.PearlConfig,
      networks: pearl_networks.PearlNetworks,
      spec: specs.AgentSpec,
      seed: int,
      **kwargs,
  ):
    """Makes the optimisers.

    Args:
      config: the losses' and the optimisers' settings.
      networks: what is trained.
      spec: of the tasks; its actions are bounded.
      seed: of what is drawn in a step.
      **kwargs: of `learners.Learner`; the iterator gives 'context' and
        'replay', see `episodes.make_iterator`.
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
        name: optimizers.adam(config.learning_rate, variables)
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
        **kwargs,
    )

  @tf.function
  def _step(self, batch: Mapping[str, tf.Tensor], step: tf.Tensor) -> Metrics:
    """U updates; then new latents to act from."""
    config, networks, spec = self._config, self._networks, self._spec
    width = transitions.width(spec)
    batch_checks.check_rows(
        batch, spec.num_tasks, {'context': width, 'replay': width}
    )
    networks.policy.start()
    contexts, replay = batch['context'], batch['replay']
    replay = tf.reshape(replay, [spec.num_tasks, -1, replay.shape[-1]])

    def seed(i):
      return tf.stack(
          [
              tf.constant(self._seed, tf.int64),
              tf.cast(step, tf.int64) * (config.updates_per_step + 1) + i,
          ]
      )

    total = self._update(contexts, replay, seed(0))
    for i in tf.range(1, config.updates_per_step, dtype=tf.int64):
      metrics = self._update(contexts, replay, seed(i))
      total = {name: total[name] + metrics[name] for name in total}
    self._draw_latents(contexts, seed(config.updates_per_step))
    return {
        name: value / config.updates_per_step for name, value in total.items()
    }

  def _update(
      self, contexts: tf.Tensor, replay: tf.Tensor, seed: tf.Tensor
  ) -> Metrics:
    """One update of everything, of M tasks."""
    config, networks = self._config, self._networks
    seeds = tf.random.split(seed, 5)
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
    noise = tf.random.stateless_normal([2, *batch.action.shape], seeds[3])
    latent_noise = tf.random.stateless_normal(
        [len(tasks), config.latent_size], seeds[4]
    )
    temperature = tf.repeat(networks.temperatures(), len(tasks))

    with tf.GradientTape() as tape:
      posterior = pearl_networks.infer(networks, context)
      latent = posterior.mean + posterior.std * latent_noise
      with tape.stop_recording():
        target = self._target(batch, latent, temperature, noise[0])
      q = networks.critics(
          pearl_networks.with_latent(batch.observation, latent), batch.action
      )
      critic_loss = soft_q.critic_loss(q, target)
      kl = gaussians.kl_from_standard(posterior)
      loss = tf.reduce_mean(critic_loss + config.kl_weight * kl)
    self._apply('critics', tape, loss)

    state = pearl_networks.with_latent(
        batch.observation, tf.stop_gradient(latent)
    )
    with tf.GradientTape() as tape:
      sample = networks.policy.sample(state, noise[1])
      actor_loss = tf.reduce_mean(
          soft_q.actor_loss(
              networks.critics(state, sample.action),
              sample.log_prob,
              temperature,
          )
      )
    self._apply('policy', tape, actor_loss)

    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(
          soft_q.temperature_loss(
              tf.repeat(networks.temperatures.log, len(tasks)),
              sample.log_prob,
              target_entropy=self._target_entropy,
          )
      )
    self._apply('temperatures', tape, loss)

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

  def _target(
      self,
      batch: transitions.Transitions,
      latent: tf.Tensor,
      temperature: tf.Tensor,
      noise: tf.Tensor,
  ) -> tf.Tensor:
    """What Q(s, a, z) is to be, `[M, N]`."""
    networks = self._networks
    state = pearl_networks.with_latent(batch.next_observation, latent)
    following = networks.policy.sample(state, noise)
    return soft_q.critic_target(
        batch.reward,
        batch.discount,
        networks.target_critics(state, following.action),
        following.log_prob,
        temperature,
        gamma=self._config.discount,
    )

  def _draw_latents(self, contexts: tf.Tensor, seed: tf.Tensor) -> None:
    """Of each task one from the prior and one from the posterior."""
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

  def _apply(self, name: str, tape: tf.GradientTape, loss: tf.Tensor) -> None:
    variables: List[tf.Variable] = self._trained[name]
    self._optimizers[name].apply_gradients(
        zip(tape.gradient(loss, variables), variables)
    )
