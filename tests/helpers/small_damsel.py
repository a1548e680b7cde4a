"""A small DAMSEL agent for tests, on three of its tasks or on random rows."""

import dataclasses
import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.damsel import builder
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import experts as damsel_experts
from distillery.agents.damsel import learning
from distillery.agents.damsel import networks as damsel_networks
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.damsel import controllers as damsel_controllers
from dm_env import specs
import numpy as np
import tensorflow as tf

D, A, L, T = 3, 2, 4, 6  # Observation, action, latent, episode.
FAMILIES = ('x', 'y', 'x', 'z', 'y', 'x')
K = len(FAMILIES)
W = 2 * D + A + 2
ACTION = specs.BoundedArray((A,), np.float32, [-1.0, -3.0], [1.0, 1.0])
SPEC = core_specs.AgentSpec(
    K, 0, specs.Array((D,), np.float32), ACTION, horizon=T, families=FAMILIES
)


def make_config(**changes):
  return dataclasses.replace(
      damsel_config.DamselConfig(
          unroll_length=T,
          latent_size=L,
          policy_hidden_sizes=(8,),
          encoder_hidden_sizes=(7,),
          model_hidden_sizes=(6,),
          tasks_per_update=4,
          expert_batch_size=5,
          context_size=4,
          context_episodes=3,
          episodes_per_step=2,
          updates_per_step=1,
          steps_per_block=1,
          prior_share=0.0,
          learning_rate=1e-2,
      ),
      **changes,
  )


def make_experts(num_episodes=2, num_tasks=K):
  rng = np.random.default_rng(0)
  return damsel_experts.Experts(
      *(
          rng.uniform(-1.0, 1.0, (num_tasks, num_episodes, T, width)).astype(
              np.float32
          )
          for width in (D, A)
      ),
      {'tasks': []},
  )


def make_networks(config=None, seed=0):
  """With weights of a size that matters."""
  config = config or make_config()
  networks = damsel_networks.make_networks(
      SPEC,
      config,
      builder.components(FAMILIES, config.latent_size, config.single_prior),
      make_experts(),
      seed,
  )
  rng = np.random.default_rng(seed)
  for module in (networks.policy, networks.encoder, networks.model):
    for variable in module.trainable_variables:
      variable.assign(rng.normal(0.0, 0.5, variable.shape))
  return networks


def make_batch(seed=0, same_rows=False):
  """Episodes of every task: contexts and experts."""
  rng = np.random.default_rng(seed)
  size = (K, 1, 1) if same_rows else (K, 2, T)
  return {
      name: tf.constant(
          np.broadcast_to(
              rng.uniform(-1.0, 1.0, (*size, width)), (K, 2, T, width)
          ),
          tf.float32,
      )
      for name, width in (('context', W), ('expert', D + A))
  }


def make_learner(config, networks, batch=None, **kwargs):
  return learning.DamselLearner(
      config,
      networks,
      SPEC,
      0,
      iterator=itertools.repeat(make_batch() if batch is None else batch),
      **kwargs,
  )


def values(networks):
  return {
      f'{name}/{variable.name}/{i}': variable.numpy()
      for name, module in networks._asdict().items()
      for i, variable in enumerate(module.variables)
  }


def make_suite(per_family=1):
  """The first tasks of each family of DAMSEL."""
  suite = suites.make_suite('DAMSEL', seed=0)
  tasks = [
      task
      for split in ('train', 'test')
      for family in ('push', 'door', 'drawer')
      for task in [
          task
          for task in suite.tasks
          if (task.split, task.family) == (split, family)
      ][4 : 4 + per_family]
  ]
  return base.TaskSuite(
      name='Three',
      tasks=tuple(tasks),
      info=suite.info,
      horizon=suite.horizon,
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
  )


def collect(suite=None, **changes):
  """Scripted experts of a suite, and whose tasks failed."""
  return damsel_experts.collect(
      suite or make_suite(),
      lambda index, task: damsel_controllers.Controller(task.factory.target),
      **{
          'source': 'scripted',
          'num_episodes': 1,
          'noise_std': 0.3,
          'seed': 0,
          **changes,
      },
  )
