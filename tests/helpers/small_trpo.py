"""Small TRPO learners on random blocks."""

import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from distillery.agents.trpo import learning
from dm_env import specs
from helpers import random_blocks
import numpy as np
import tensorflow as tf

T, K, E, D, A = 8, 2, 3, 3, 2
CONTINUOUS = specs.BoundedArray((A,), np.float32, -1.0, 1.0)
DISCRETE = specs.DiscreteArray(3)


def make_config(**changes):
  """A linear policy, and conjugate gradients that are carried to the end."""
  settings = dict(
      envs_per_task=E,
      unroll_length=T,
      discount=0.9,
      gae_lambda=0.8,
      hidden_sizes=(),
      value_hidden_sizes=(5,),
      value_epochs=2,
      value_minibatches=2,
      cg_iterations=30,
  )
  settings.update(changes)
  return trpo_config.TRPOConfig(**settings)


def make_networks(config, action_spec=CONTINUOUS):
  """With parameters, and statistics, that are neither small nor alike."""
  networks = builder.TRPOBuilder(
      config,
      core_specs.AgentSpec(
          num_tasks=K,
          num_test_tasks=0,
          observation_spec=specs.Array((D,), np.float32),
          action_spec=action_spec,
      ),
  ).make_networks(0)
  rng = np.random.default_rng(0)
  for variable in networks.policy.shared_variables():
    variable.assign_add(0.3 * rng.normal(size=variable.shape))
  networks.policy.project()
  networks.policy.observe(
      tf.constant(2.0 + 3.0 * rng.normal(size=(K, 20, D)), tf.float32)
  )
  return networks


def make_block(networks, seed=0):
  """Makes a random block `[T, K, E, ...]` in which the shared policy acted."""
  rng = np.random.default_rng(seed)
  observation = rng.normal(size=(T, K, E, D)).astype(np.float32)
  action, log_prob = random_blocks.act(
      networks.policy, 'shared', observation, rng
  )
  end = np.zeros((T, K, E), bool)
  end[T // 2 - 1] = end[T - 1] = True
  terminates = end & (rng.uniform(size=end.shape) < 0.5)
  return dict(
      observation=observation,
      action=action,
      log_prob=log_prob,
      next_observation=rng.normal(size=observation.shape).astype(np.float32),
      reward=rng.normal(size=end.shape).astype(np.float32),
      discount=1.0 - terminates.astype(np.float32),
      episode_step=np.broadcast_to(
          np.arange(T, dtype=np.int32)[:, np.newaxis, np.newaxis] % (T // 2),
          end.shape,
      ),
      episode_end=end,
      success=np.zeros_like(end),
  )


def make_learner(config, networks, block, seed=0):
  return learning.TRPOLearner(
      config,
      networks,
      seed,
      checkpointables={},
      iterator=itertools.repeat(random_blocks.block_of(block)),
  )


def run(config, action_spec=CONTINUOUS, seed=0, num_steps=1, change=None):
  """Networks and learner after steps on a block that `change` may alter."""
  networks = make_networks(config, action_spec)
  block = make_block(networks)
  if change is not None:
    change(block)
  learner = make_learner(config, networks, block, seed)
  for _ in range(num_steps):
    learner.step()
  return networks, learner


def policy_arrays(networks):
  return [variable.numpy() for variable in networks.policy.shared_variables()]


def critic_arrays(networks):
  return [variable.numpy() for variable in networks.critic.variables]
