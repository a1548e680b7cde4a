"""Small SAC learners on random transitions."""

import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.sac import builder
from distillery.agents.sac import config as sac_config
from distillery.agents.sac import learning
from dm_env import specs
import numpy as np
import tensorflow as tf

K, N, D, A = 3, 4, 5, 2
OBSERVATION = specs.Array((D,), np.float32)
# Not the unit box.
ACTION = specs.BoundedArray((A,), np.float32, [-2.0, 0.0], [2.0, 1.0])


def make_spec(num_tasks=K, action_spec=ACTION, **changes):
  return core_specs.AgentSpec(
      **{
          **dict(
              num_tasks=num_tasks,
              num_test_tasks=0,
              observation_spec=OBSERVATION,
              action_spec=action_spec,
          ),
          **changes,
      }
  )


def make_config(num_tasks=K, **changes):
  return sac_config.SACConfig(
      **{
          **dict(
              unroll_length=N,
              batch_size=num_tasks * N,
              samples_per_insert=1.0,
              updates_per_step=1,
              random_steps=N,
              hidden_sizes=(8, 6),
              critic_hidden_sizes=(7,),
              learning_rate=1e-2,
              discount=0.9,
              temperature_learning_rate=1e-2,
              initial_temperature=0.3,
              max_gradient_norm=1e6,
          ),
          **changes,
      }
  )


def make_networks(config, spec=None, seed=0):
  """With parameters that are neither small nor alike."""
  networks = builder.SACBuilder(config, spec or make_spec()).make_networks(0)
  rng = np.random.default_rng(seed)
  for module in networks:
    for variable in module.trainable_variables:
      variable.assign(0.5 * rng.normal(size=variable.shape))
  return networks


def make_rows(num_updates=1, num_tasks=K, seed=1):
  """`[U, K, N, W]`; some transitions terminate."""
  rng = np.random.default_rng(seed)
  shape = (num_updates, num_tasks, N)
  unit = rng.uniform(size=(*shape, A))
  low, high = ACTION.minimum, ACTION.maximum
  return np.concatenate(
      [
          rng.normal(size=(*shape, D)),
          low + unit * (high - low),
          rng.normal(size=(*shape, 1)),
          rng.uniform(size=(*shape, 1)) < 0.7,
          rng.normal(size=(*shape, D)),
      ],
      axis=-1,
  ).astype(np.float32)


def make_learner(config, networks, rows, spec=None, seed=0):
  return learning.SACLearner(
      config,
      networks,
      spec or make_spec(),
      seed,
      iterator=itertools.cycle([tf.constant(x) for x in rows]),
  )


def values(networks):
  """Copies of everything that may move, by name."""
  return {
      f'{name}/{variable.name}': variable.numpy()
      for name, module in networks._asdict().items()
      for variable in module.trainable_variables
  }
