"""The networks of DAMSEL: policy, encoder, model, and families' components."""

from typing import Dict, NamedTuple

from distillery.agents.core import specs
from distillery.agents.core.replay import transitions
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import experts as damsel_experts
from distillery.networks.layers import conditioned_mlp
from distillery.networks.layers import normalizer
import numpy as np
import sonnet as snt
import tensorflow as tf


class Latents(snt.Module):
  """The latents of the tasks: their components, and those inferred last.

  The component f_k of a task stands for its family. The components of any two
  families have the same distance. They are never trained. Both variables have
  one row a task, `[K, L]`.
  """

  def __init__(self, components: np.ndarray):
    """Makes the variables.

    Args:
      components: the component of each task's family, float32 `[K, L]`.
    """
    super().__init__(name='latents')
    self.components = tf.Variable(
        components, trainable=False, name='components', dtype=tf.float32
    )
    self.inferred = tf.Variable(
        components, trainable=False, name='inferred', dtype=tf.float32
    )


class Scales(snt.Module):
  """The means and standard deviations of observations and of their changes.

  They are computed from the experts' episodes. These exist from the beginning
  and cover all places that the agent has to reach. The agent itself hardly
  moves at first: with its own statistics, observations far from its mean would
  be clipped.
  """

  def __init__(
      self,
      experts: damsel_experts.Experts,
      config: damsel_config.DamselConfig,
  ):
    """Makes the constants.

    Args:
      experts: the episodes from which means and deviations are computed.
      config: the agent's config, with the lower bounds of the deviations. Its
        `reward_scale` takes the place of one over the rewards' deviation.
    """
    super().__init__(name='scales')
    size = experts.observation.shape[-1]
    self.observation = normalizer.RunningNormalizer(
        1, size, min_std=config.min_observation_std, name='observation'
    )
    self.observation.update(experts.observation.reshape(1, -1, size))
    # The scales of the change in each entry, then the scale of the reward.
    self.change = normalizer.RunningNormalizer(
        1, size + 1, min_std=config.min_change_std, name='change'
    )
    change = np.diff(experts.observation, axis=2).reshape(1, -1, size)
    self.change.update(
        np.concatenate([change, np.zeros_like(change[..., :1])], axis=-1)
    )
    self.change.inverse_std[..., -1].assign(
        config.reward_scale * tf.ones([1, 1])
    )


class DamselNetworks(NamedTuple):
  """The networks of a DAMSEL agent, with their latents and scales.

  Attributes:
    policy: the network from standardised observations `[M, N, D]` and latents
      `[M, L]` to actions before tanh, `[M, N, A]`.
    encoder: the network from the features of a context, `[M, N, X]`, to
      `[M, N, L]`. The latent is the mean over N, so the order of the context
      does not matter (see `infer`).
    model: the network from standardised observations, actions and latents to
      standardised `changes`, `[M, N, D + 1]`.
    latents: the latents of the tasks.
    scales: the scales of the networks' inputs, and of the model's targets.
  """

  policy: conditioned_mlp.ConditionedMLP
  encoder: conditioned_mlp.ConditionedMLP
  model: conditioned_mlp.ConditionedMLP
  latents: Latents
  scales: Scales


def changes(rows: transitions.Transitions) -> tf.Tensor:
  """Returns the change s' - s of each step and its reward, `[..., D + 1]`.

  The change is used because s' alone is nearly s. The reward is included
  because only the reward shows the goal of a task.
  """
  return tf.concat(
      [rows.next_observation - rows.observation, rows.reward[..., tf.newaxis]],
      axis=-1,
  )


def state_and_action(
    networks: DamselNetworks, rows: transitions.Transitions
) -> tf.Tensor:
  """Returns the model's input apart from the latent.

  Args:
    networks: the networks; their scales standardise the observations.
    rows: steps `[M, N, ...]`, with actions in the unit box.

  Returns:
    Standardised observations and actions, `[M, N, D + A]`.
  """
  return tf.concat(
      [networks.scales.observation(rows.observation), rows.action], axis=-1
  )


def infer(networks: DamselNetworks, rows: transitions.Transitions) -> tf.Tensor:
  """Infers z, the mean of q(s, a, r, s' - s) over a context.

  Args:
    networks: the networks; the encoder is q.
    rows: the context of each task, steps `[M, N, ...]` with actions in the unit
      box.

  Returns:
    The latents z, `[M, L]`.
  """
  features = tf.concat(
      [state_and_action(networks, rows), networks.scales.change(changes(rows))],
      axis=-1,
  )
  nothing = tf.zeros([features.shape[0], 0])
  return tf.reduce_mean(networks.encoder(features, nothing), axis=1)


def act(
    networks: DamselNetworks, observation: tf.Tensor, latent: tf.Tensor
) -> tf.Tensor:
  """Computes the policy's actions pi(s, z).

  Args:
    networks: the networks; the policy is pi.
    observation: the observations s, `[M, N, D]`.
    latent: the latents z, `[M, L]`.

  Returns:
    The actions in the unit box, `[M, N, A]`.
  """
  return tf.tanh(
      networks.policy(networks.scales.observation(observation), latent)
  )


def acting_variables(
    networks: DamselNetworks,
) -> Dict[str, tf.Variable]:
  """Returns the variables for acting and adapting without TensorFlow, by name.

  See `adaptation`.
  """
  found = {}
  for name in ('policy', 'encoder'):
    for key, variable in getattr(networks, name).acting_variables().items():
      found[f'{name}/{key}'] = variable
  for name in ('observation', 'change'):
    scale = getattr(networks.scales, name)
    found[f'{name}_mean'] = scale.mean
    found[f'{name}_inverse_std'] = scale.inverse_std
  found['components'] = networks.latents.components
  found['inferred'] = networks.latents.inferred
  return found


def make_networks(
    spec: specs.AgentSpec,
    config: damsel_config.DamselConfig,
    components: np.ndarray,
    experts: damsel_experts.Experts,
    seed: int,
) -> DamselNetworks:
  """Makes the default networks.

  Args:
    spec: the tasks' observations and actions, and their number K.
    config: the sizes of the layers and of the latents.
    components: the component f of each task's family, `[K, L]`.
    experts: the episodes of the experts, which set the scales.
    seed: the seed of the initial weights.

  Returns:
    The networks, with new weights.
  """
  (observation_size,), (action_size,) = (
      spec.observation_spec.shape,
      spec.action_spec.shape,
  )
  policy_seed, encoder_seed, model_seed = np.random.SeedSequence(seed).spawn(3)
  both = observation_size + action_size
  return DamselNetworks(
      policy=conditioned_mlp.ConditionedMLP(
          observation_size,
          config.latent_size,
          config.policy_hidden_sizes,
          action_size,
          output_scale=1e-2,
          seed=policy_seed,
          name='policy',
      ),
      encoder=conditioned_mlp.ConditionedMLP(
          both + observation_size + 1,
          0,
          config.encoder_hidden_sizes,
          config.latent_size,
          output_scale=1e-1,
          seed=encoder_seed,
          name='encoder',
      ),
      model=conditioned_mlp.ConditionedMLP(
          both,
          config.latent_size,
          config.model_hidden_sizes,
          observation_size + 1,
          output_scale=1e-2,
          seed=model_seed,
          name='model',
      ),
      latents=Latents(components),
      scales=Scales(experts, config),
  )
