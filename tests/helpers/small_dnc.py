"""Small DnC learners on random blocks, and what to look at in them."""

import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from distillery.agents.dnc import learning
from distillery.ops.trust_region import families
from dm_env import specs
from helpers import random_blocks
import numpy as np

T, K, E, D, A = 12, 3, 2, 4, 2
N = T * E
OBSERVATION = specs.Array((D,), np.float32)
CONTINUOUS = specs.BoundedArray((A,), np.float32, -1.0, 1.0)
DISCRETE = specs.DiscreteArray(3)


def make_config(**changes):
  """Small, with a penalty of a size to be seen, in all states of a block."""
  settings = dict(
      envs_per_task=E,
      unroll_length=T,
      discount=0.9,
      hidden_sizes=(6,),
      # Conjugate gradients that converge: cut short, they magnify rounding.
      damping=0.1,
      cg_iterations=30,
      max_kl=0.05,
      penalty=0.5,
      penalty_states=N,
      distillation_period=3,
      distillation_epochs=2,
      distillation_minibatches=4,
      distillation_learning_rate=0.01,
      initial_std=0.7,
  )
  settings.update(changes)
  return dnc_config.DnCConfig(**settings)


def make_builder(config, action_spec=CONTINUOUS, num_tasks=K):
  return builder.DnCBuilder(
      config,
      core_specs.AgentSpec(
          num_tasks=num_tasks,
          num_test_tasks=0,
          observation_spec=OBSERVATION,
          action_spec=action_spec,
      ),
  )


def make_networks(config, action_spec=CONTINUOUS, num_tasks=K, seed=0):
  """With parameters that are neither small nor alike."""
  networks = make_builder(config, action_spec, num_tasks).make_networks(seed)
  rng = np.random.default_rng(seed)
  for variable in networks.policy.trainable_variables:
    variable.assign(variable + 0.3 * rng.normal(size=variable.shape))
  return networks


def make_block(policy, which='task', seed=0, spread=1.0):
  """Makes a random block `[T, K, E, ...]` in which the policy `which` acted.

  The states of contexts lie `spread` apart.
  """
  rng = np.random.default_rng([seed, which == 'task'])
  num_tasks = policy.num_tasks
  observation = (
      rng.normal(size=(T, num_tasks, E, D))
      + spread * np.arange(num_tasks)[:, np.newaxis, np.newaxis]
  )
  observation = observation.astype(np.float32)
  action, log_prob = random_blocks.act(policy, which, observation, rng)
  step = np.broadcast_to(
      np.arange(T)[:, np.newaxis, np.newaxis] % (T // 2), (T, num_tasks, E)
  )
  return dict(
      observation=observation,
      action=action,
      log_prob=log_prob,
      next_observation=rng.normal(size=observation.shape).astype(np.float32),
      reward=rng.normal(size=step.shape).astype(np.float32),
      discount=np.ones(step.shape, np.float32),
      episode_step=step.astype(np.int32),
      episode_end=step == T // 2 - 1,
      success=np.zeros(step.shape, bool),
  )


def fresh_blocks(networks, names, change=None, spread=1.0):
  """Endless blocks, each by the policies as they are when it is asked for."""
  for seed in itertools.count():
    blocks = {
        name: make_block(networks.policy, name, seed, spread) for name in names
    }
    if change is not None:
      change(blocks)
    yield {
        name: random_blocks.block_of(block) for name, block in blocks.items()
    }


def make_learner(config, networks, change=None, seed=0):
  names = make_builder(config, num_tasks=networks.policy.num_tasks).behaviours
  return learning.DnCLearner(
      config, networks, seed, iterator=fresh_blocks(networks, names, change)
  )


def run(config, num_steps=1, change=None, action_spec=CONTINUOUS, seed=0):
  """Networks and learner after steps on blocks that `change` may alter."""
  networks = make_networks(config, action_spec)
  learner = make_learner(config, networks, change, seed)
  for _ in range(num_steps):
    learner.step()
  return networks, learner


def copies(networks):
  """Copies of what steps may move, by whose it is."""
  return {
      name: [variable.numpy() for variable in variables]
      for name, variables in dict(
          local=networks.policy.task_variables(),
          central=networks.policy.shared_variables(),
      ).items()
  }


def moved(before, after):
  """Names of those of which any variable has changed."""
  return {
      name
      for name in before
      if any((a != b).any() for a, b in zip(before[name], after[name]))
  }


def rows(x):
  """`[T, K, E, ...]` to `[K, T * E, ...]`."""
  return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1, *x.shape[3:])


def kl(p, q):
  """KL(p || q) of arrays (mean, std), summed over the last axis."""
  return np.sum(
      np.log(q[1] / p[1])
      + (p[1] ** 2 + (p[0] - q[0]) ** 2) / (2.0 * q[1] ** 2)
      - 0.5,
      axis=-1,
  )


def parameters(policy):
  """(mean, std) of a Gaussian policy, float64."""
  return tuple(
      x.numpy().astype(np.float64) for x in families.parameters(policy)
  )
