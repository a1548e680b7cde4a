"""PEARL's networks: soft actor-critic's, given a latent, and its encoder."""

from typing import Dict, NamedTuple

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
  """What the tasks are acted in from, `[K, L]`: drawn anew in every step."""

  def __init__(self, num_tasks: int, latent_size: int):
    super().__init__(name='latents')
    self.prior, self.posterior = (
        tf.Variable(
            tf.zeros([num_tasks, latent_size]), trainable=False, name=name
        )
        for name in ('prior', 'posterior')
    )


class PearlNetworks(NamedTuple):
  """What is trained, and what the critics' targets come from.

  Attributes:
    policy: of observations followed by latents, `[M, N, D + L]`.
    critics: likewise.
    target_critics: likewise.
    encoder: (s, a, r) `[M, N, D + A + 1]` to the mean and, through a softplus,
      the variance of a factor of the posterior, `[M, N, 2 L]`.
    temperatures: one, of all tasks.
    latents: of the tasks.
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
  """q(z | c), a product over the context's transitions, `[M, L]`.

  Args:
    networks: the encoder among them.
    context: `[M, N, ...]`; actions in the unit box, rewards scaled.
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
  """`[M, N, D]` and `[M, L]` to `[M, N, D + L]`.

  Args:
    observation: of each task's rows.
    latent: of each task.

  Raises:
    ValueError: if the shapes are others.
  """
  checks.has_shape('with_latent', [None, None, None], observation=observation)
  checks.has_shape('with_latent', [observation.shape[0], None], latent=latent)
  rows = tf.broadcast_to(
      latent[:, tf.newaxis],
      [*tf.unstack(tf.shape(observation)[:2]), latent.shape[-1]],
  )
  return tf.concat([observation, rows], axis=-1)


def acting_variables(networks: PearlNetworks) -> Dict[str, tf.Variable]:
  """By name, what acts and adapts without TensorFlow; see `adaptation`."""
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
  """Makes the default networks; the target critics begin as the critics."""
  (observation_size,), (action_size,) = (
      spec.observation_spec.shape,
      spec.action_spec.shape,
  )
  sizes = (
      config.tasks_per_update,
      observation_size + config.latent_size,
      action_size,
  )
  # Who tells tasks apart is the latent.
  common = dict(architecture='shared', observes_task=False)
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
