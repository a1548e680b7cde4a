"""Small PEARL learners on random episodes."""

import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.pearl import builder
from distillery.agents.pearl import config as pearl_config
from distillery.agents.pearl import learning
from dm_env import specs
import numpy as np
import tensorflow as tf

K, M, N, D, A, L, T = 4, 3, 5, 3, 2, 2, 6
W = 2 * D + A + 2
# Not the unit box.
ACTION = specs.BoundedArray((A,), np.float32, [-2.0, 0.0], [2.0, 1.0])
SPEC = core_specs.AgentSpec(
    K,
    0,
    specs.Array((D,), np.float32),
    ACTION,
    horizon=T,
    families=tuple('xyxy'),
)


def make_config(**changes):
  return pearl_config.PearlConfig(
      **{
          **dict(
              unroll_length=T,
              latent_size=L,
              hidden_sizes=(8,),
              critic_hidden_sizes=(9,),
              encoder_hidden_sizes=(6,),
              tasks_per_update=M,
              batch_size=N,
              context_size=4,
              context_episodes=2,
              episodes_per_step=2,
              updates_per_step=1,
              steps_per_block=1,
              random_steps=T,
              discount=0.9,
              reward_scale=2.0,
              learning_rate=1e-2,
              initial_temperature=0.3,
          ),
          **changes,
      }
  )


def make_networks(config, seed=0):
  """With parameters that are neither small nor alike."""
  networks = builder.PearlBuilder(config, SPEC).make_networks(seed)
  rng = np.random.default_rng(seed)
  for module in networks[:-1]:  # The latents are nothing that is trained.
    for variable in module.trainable_variables:
      variable.assign(0.5 * rng.normal(size=variable.shape))
  return networks


def make_batch(seed=1):
  """Episodes of every task; all rows of one are the same, whichever is drawn.

  Tasks too, so that it matters not which are drawn either.
  """
  rng = np.random.default_rng(seed)
  low, high = ACTION.minimum, ACTION.maximum
  return {
      kind: tf.constant(
          np.broadcast_to(
              np.concatenate(
                  [
                      rng.normal(size=D),
                      rng.uniform(low, high),
                      rng.normal(size=1),
                      [1.0],
                      rng.normal(size=D),
                  ]
              ),
              (K, 2, T, W),
          ),
          tf.float32,
      )
      for kind in ('context', 'replay')
  }


def make_learner(config, networks, batch=None, seed=0):
  return learning.PearlLearner(
      config,
      networks,
      SPEC,
      seed,
      iterator=itertools.repeat(make_batch() if batch is None else batch),
  )


def values(networks):
  """Copies of everything that may move, by name."""
  return {
      f'{name}/{i}': variable.numpy()
      for name, module in networks._asdict().items()
      for i, variable in enumerate(module.variables)
  }
