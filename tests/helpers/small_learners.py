"""Small learners on random blocks, and what to look at in them."""

import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.distral import config as distral_config
from distillery.agents.distral import learning
from distillery.agents.distral import networks as distral_networks
from dm_env import specs
from helpers import random_blocks
import numpy as np

T, K, E, D, A = 6, 2, 3, 4, 2
OBSERVATION = specs.Array((D,), np.float32)
CONTINUOUS = specs.BoundedArray((A,), np.float32, -1.0, 1.0)
DISCRETE = specs.DiscreteArray(3)


def make_config(**changes):
  """Small, A2C, and with every term of the objective of a size to be seen."""
  settings = dict(
      envs_per_task=E,
      unroll_length=T,
      kl_cost=0.2,
      entropy_cost=0.3,
      discount=0.9,
      num_epochs=1,
      num_minibatches=1,
      hidden_sizes=(5,),
      value_hidden_sizes=(5,),
      learning_rate=1e-2,
      value_learning_rate=1e-2,
      max_gradient_norm=1e6,
      reward_scale=0.5,
  )
  settings.update(changes)
  return distral_config.DistralConfig(**settings)


def make_spec(action_spec):
  return core_specs.AgentSpec(
      num_tasks=K,
      num_test_tasks=0,
      observation_spec=OBSERVATION,
      action_spec=action_spec,
      horizon=T,
      families=('',) * K,
  )


def make_networks(config, action_spec=CONTINUOUS, seed=0):
  """With parameters that are neither small nor alike."""
  networks = distral_networks.make_networks(
      K, OBSERVATION, action_spec, config, seed
  )
  rng = np.random.default_rng(seed)
  policy = networks.policy.acting_variables()
  for variable in (
      *(
          policy[name]
          for name in policy
          if not name.endswith(('/mean', '/inverse_std'))
      ),
      *networks.value.trainable_variables,
  ):
    variable.assign(0.4 * rng.normal(size=variable.shape))
  return networks


def make_block(networks, action_spec=CONTINUOUS, seed=0):
  """Makes a random block `[T, K, E, ...]` in which the task policies acted."""
  rng = np.random.default_rng(seed)
  observation = rng.normal(size=(T, K, E, D)).astype(np.float32)
  action, log_prob = random_blocks.act(
      networks.policy, 'task', observation, rng
  )
  end = rng.uniform(size=(T, K, E)) < 0.3
  step = np.zeros(end.shape, np.int32)
  for t in range(1, T):
    step[t] = np.where(end[t - 1], 0, step[t - 1] + 1)
  terminates = end & (rng.uniform(size=end.shape) < 0.5)
  return dict(
      observation=observation,
      action=action,
      log_prob=log_prob,
      next_observation=rng.normal(size=observation.shape).astype(np.float32),
      reward=rng.normal(size=end.shape).astype(np.float32),
      discount=1.0 - terminates.astype(np.float32),
      episode_step=step,
      episode_end=end,
      success=np.zeros_like(end),
  )


def make_learner(config, networks, block, seed=0):
  return learning.DistralLearner(
      config,
      networks,
      seed,
      iterator=itertools.repeat(random_blocks.block_of(block)),
  )


def run(config, action_spec=CONTINUOUS, seed=0, num_steps=1, change=None):
  """Networks and learner after steps on a block that `change` may alter."""
  networks = make_networks(config, action_spec)
  block = make_block(networks, action_spec)
  if change is not None:
    change(block)
  learner = make_learner(config, networks, block, seed)
  for _ in range(num_steps):
    learner.step()
  return networks, learner


def trained(networks):
  """Copies of what gradient steps may move, by whose it is."""
  return {
      name: [variable.numpy() for variable in variables]
      for name, variables in dict(
          shared=networks.policy.shared_variables(),
          task=networks.policy.task_variables(),
          value=networks.value.trainable_variables,
      ).items()
  }


def moved(before, after):
  """Names of those of which every variable has changed; the rest has not."""
  result = set()
  for name in before:
    changes = [(a != b).any() for a, b in zip(before[name], after[name])]
    assert len(set(changes)) <= 1, f'some of {name} moved, not all'
    if changes and changes[0]:
      result.add(name)
  return result


def gradients(learner, name):
  """Returns the gradients of Adam's first step, from its first moments."""
  adam = learner.checkpointables[f'{name}_optimizer']
  moments = [v for v in adam.variables if v.name.startswith('m/')]
  assert adam.iterations == (1 if moments else 0)
  return [v.numpy() / (1.0 - adam.beta_1) for v in moments]


def settings(architecture, regularizer, optimization='joint'):
  has_kl = architecture != 'shared' and regularizer != 'bonus'
  return dict(
      architecture=architecture,
      regularizer=regularizer,
      optimization=optimization,
      kl_cost=0.2 if has_kl else 0.0,
  )
