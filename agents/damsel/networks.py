"""DAMSEL's networks: policy, encoder, model, and the families' components."""

from typing import NamedTuple

from distillery.agents.core import specs
from distillery.agents.core.replay import transitions
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import experts as damsel_experts
from distillery.networks.layers import conditioned_mlp
from distillery.networks.layers import normalizer
import numpy as np
import sonnet as snt
import tensorflow as tf

# Of observations, metres, and of what a step changes in them.
_MIN_STD, _MIN_CHANGE_STD = 5e-2, 1e-3


class Latents(snt.Module):
  """What stands for the tasks: components, and what was inferred last.

  A component f_k belongs to a family, distinct and as far from each other as
  from any; never trained. Variables have a row a task, `[K, L]`.
  """

  def __init__(self, components: np.ndarray):
    super().__init__(name='latents')
    self.components = tf.Variable(
        components, trainable=False, name='components', dtype=tf.float32
    )
    self.inferred = tf.Variable(
        components, trainable=False, name='inferred', dtype=tf.float32
    )


class Scales(snt.Module):
  """Means and deviations of the experts' observations and of their changes.

  Of the experts, who are there from the beginning and go wherever the agent has
  to: it hardly moves at first, and what is far from its own mean would be
  clipped away.
  """

  def __init__(self, experts: damsel_experts.Experts, reward_scale: float):
    """Makes the constants; `reward_scale` stands for a reward's deviation."""
    super().__init__(name='scales')
    size = experts.observation.shape[-1]
    self.observation = normalizer.RunningNormalizer(
        1, size, min_std=_MIN_STD, name='observation'
    )
    self.observation.update(experts.observation.reshape(1, -1, size))
    # Of the change in each entry, then of the reward.
    self.change = normalizer.RunningNormalizer(
        1, size + 1, min_std=_MIN_CHANGE_STD, name='change'
    )
    change = np.diff(experts.observation, axis=2).reshape(1, -1, size)
    self.change.update(
        np.concatenate([change, np.zeros_like(change[..., :1])], axis=-1)
    )
    self.change.inverse_std[..., -1].assign(reward_scale * tf.ones([1, 1]))


class DamselNetworks(NamedTuple):
  """What is trained, and what it is trained with.

  Attributes:
    policy: standardised observations `[M, N, D]` and latents `[M, L]` to what
      tanh brings into the unit box, `[M, N, A]`.
    encoder: `context_features` `[M, N, X]` to `[M, N, L]`; a context's latent
      is the mean over N, whatever the order (see `infer`).
    model: standardised observations and actions, and latents, to standardised
      `changes`, `[M, N, D + 1]`.
    latents: of the tasks.
    scales: of what the three are given.
  """

  policy: conditioned_mlp.ConditionedMLP
  encoder: conditioned_mlp.ConditionedMLP
  model: conditioned_mlp.ConditionedMLP
  latents: Latents
  scales: Scales


def changes(rows: transitions.Transitions) -> tf.Tensor:
  """What a step led to: s' - s, and r; `[..., D + 1]`.

  The change, since s' alone would be told by s, and the reward alone tells what
  a task asks for.
  """
  return tf.concat(
      [rows.next_observation - rows.observation, rows.reward[..., tf.newaxis]],
      axis=-1,
  )


def state_and_action(
    networks: DamselNetworks, rows: transitions.Transitions
) -> tf.Tensor:
  """What the model goes by, `[M, N, D + A]`; actions in the unit box."""
  return tf.concat(
      [networks.scales.observation(rows.observation), rows.action], axis=-1
  )


def infer(networks: DamselNetworks, rows: transitions.Transitions) -> tf.Tensor:
  """z = mean over a context of q(s, a, r, s' - s), `[M, L]`."""
  features = tf.concat(
      [state_and_action(networks, rows), networks.scales.change(changes(rows))],
      axis=-1,
  )
  nothing = tf.zeros([features.shape[0], 0])
  return tf.reduce_mean(networks.encoder(features, nothing), axis=1)


def act(
    networks: DamselNetworks, observation: tf.Tensor, latent: tf.Tensor
) -> tf.Tensor:
  """pi(s, z) in the unit box, `[M, N, A]`."""
  return tf.tanh(
      networks.policy(networks.scales.observation(observation), latent)
  )


def make_networks(
    spec: specs.AgentSpec,
    config: damsel_config.DamselConfig,
    components: np.ndarray,
    experts: damsel_experts.Experts,
    seed: int,
) -> DamselNetworks:
  """Makes the default networks.

  Args:
    spec: of the tasks.
    config: sizes.
    components: f of each task's family, `[K, L]`.
    experts: of the tasks.
    seed: of the initial weights.
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
      scales=Scales(experts, config.reward_scale),
  )
