"""The networks of PEARL: those of SAC, given a latent, and the encoder."""

from typing import Any, Dict, NamedTuple

from distillery.agents.core import specs
from distillery.agents.core.replay import transitions
from distillery.agents.pearl import config as pearl_config
from distillery.networks import values
from distillery.networks.layers import conditioned_mlp
from distillery.networks.policies import squashed
from distillery.ops import checks
from distillery.ops import gaussians
import numpy as np
import sonnet as snt
import tensorflow as tf


class Latents(snt.Module):
  """The latents that act in the next block; each learner step draws new ones.

  Each task has one from the prior and one from the posterior.
  """

  def __init__(self, num_tasks: int, latent_size: int):
    """Makes the variables, each `[K, L]`.

    Args:
      num_tasks: K, the number of tasks.
      latent_size: L, the size of a latent.
    """
    super().__init__(name='latents')
    self.prior, self.posterior = (
        tf.Variable(
            tf.zeros([num_tasks, latent_size]), trainable=False, name=name
        )
        for name in ('prior', 'posterior')
    )


class PearlNetworks(NamedTuple):
  """The networks of a PEARL agent.

  Policy and critics take observations followed by latents, `[M, N, D + L]`.

  Attributes:
    policy: the policy.
    critics: the twin critics.
    target_critics: the target networks of the critics.
    encoder: the network from (s, a, r) `[M, N, D + A + 1]` to one factor of the
      posterior, `[M, N, 2 L]`: its mean, and its variance before a softplus.
    temperatures: the one temperature, which all tasks share.
    latents: the latents that act.
  """

  policy: squashed.SquashedPolicy
  critics: values.TwinCritics
  target_critics: values.TwinCritics
  encoder: conditioned_mlp.ConditionedMLP
  temperatures: values.Temperatures
  latents: Latents


def infer(
    networks: PearlNetworks, context: transitions.Transitions
) -> gaussians.DiagGaussian:
  """Infers q(z|c), a product over the context's transitions.

  Args:
    networks: the networks; the encoder is used.
    context: the context of each task, transitions `[M, N, ...]` with actions in
      the unit box and scaled rewards.

  Returns:
    The posterior of each task's latent, a Gaussian `[M, L]`.
  """
  features = tf.concat(
      [context.observation, context.action, context.reward[..., tf.newaxis]],
      axis=-1,
  )
  nothing = tf.zeros([features.shape[0], 0])
  mean, raw = tf.split(networks.encoder(features, nothing), 2, axis=-1)
  return gaussians.product(
      mean, tf.maximum(tf.nn.softplus(raw), pearl_config.MIN_VARIANCE)
  )


def with_latent(observation: tf.Tensor, latent: tf.Tensor) -> tf.Tensor:
  """Appends each task's latent to its observations.

  Args:
    observation: the observations, `[M, N, D]`.
    latent: the latent of each task, `[M, L]`.

  Returns:
    The observations followed by the latents, `[M, N, D + L]`.

  Raises:
    ValueError: if an argument has another shape.
  """
  checks.has_shape('with_latent', [None, None, None], observation=observation)
  checks.has_shape('with_latent', [observation.shape[0], None], latent=latent)
  rows = tf.broadcast_to(
      latent[:, tf.newaxis],
      [*tf.unstack(tf.shape(observation)[:2]), latent.shape[-1]],
  )
  return tf.concat([observation, rows], axis=-1)


def acting_variables(networks: PearlNetworks) -> Dict[str, tf.Variable]:
  """Returns the variables for acting and adapting without TensorFlow, by name.

  See `adaptation`.
  """
  return {
      **networks.policy.acting_variables(),
      **{
          f'encoder/{name}': variable
          for name, variable in networks.encoder.acting_variables().items()
      },
      'prior': networks.latents.prior,
      'posterior': networks.latents.posterior,
  }


def make_networks(
    spec: specs.AgentSpec, config: pearl_config.PearlConfig, seed: int
) -> PearlNetworks:
  """Makes the default networks.

  Args:
    spec: the tasks' observations and actions, and their number K.
    config: the sizes of the layers and of the latents.
    seed: the seed of the initial weights.

  Returns:
    The networks; the target critics have the critics' initial weights.
  """
  (observation_size,), (action_size,) = (
      spec.observation_spec.shape,
      spec.action_spec.shape,
  )
  sizes = (
      config.tasks_per_update,
      observation_size + config.latent_size,
      action_size,
  )
  # The networks tell tasks apart by the latent alone.
  common: Dict[str, Any] = dict(architecture='shared', observes_task=False)
  policy_seed, critics_seed, encoder_seed = np.random.SeedSequence(seed).spawn(
      3
  )
  critics, target_critics = (
      values.TwinCritics(
          *sizes,
          hidden_sizes=config.critic_hidden_sizes,
          seed=critics_seed,
          name=name,
          **common,
      )
      for name in ('critics', 'target_critics')
  )
  return PearlNetworks(
      policy=squashed.SquashedPolicy(
          *sizes, hidden_sizes=config.hidden_sizes, seed=policy_seed, **common
      ),
      critics=critics,
      target_critics=target_critics,
      encoder=conditioned_mlp.ConditionedMLP(
          observation_size + action_size + 1,
          0,
          config.encoder_hidden_sizes,
          2 * config.latent_size,
          output_scale=1e-1,
          seed=encoder_seed,
          name='encoder',
      ),
      temperatures=values.Temperatures(1, config.initial_temperature),
      latents=Latents(spec.num_tasks, config.latent_size),
  )
