"""Every agent's networks begin with weights of their own."""

import importlib
import inspect
import itertools
import pathlib

from distillery.agents.core import builders
from distillery.agents.core import specs as core_specs
from distillery.agents.damsel import experts
from dm_env import specs
import numpy as np
import pytest
import tensorflow as tf

# A student of distillation has one network, which is one of A2C's.
AGENTS = sorted(
    {
        path.parent.name
        for path in (pathlib.Path(__file__).resolve().parents[2]).glob(
            'agents/*/config.py'
        )
    }
    - {'distillation'}
)
K, T, D, A = 3, 6, 5, 4
SEEDS = range(4)
# Settings that fit three tasks.
SETTINGS = {
    'damsel': dict(unroll_length=T, context_size=T, tasks_per_update=K),
    'pearl': dict(unroll_length=T, context_size=T, tasks_per_update=K),
    'sac': dict(batch_size=K * 128),
}
# The agents whose actions are continuous.
CONTINUOUS = ('a2c', 'damsel', 'pearl', 'sac')
# The networks that start as copies of others.
COPIES = ('target_critics',)
SPECS = [
    specs.BoundedArray((A,), np.float32, -1.0, 1.0),
    specs.DiscreteArray(A),
]


@pytest.fixture(name='make_networks')
def fixture_make_networks(tmp_path):
  """Makes an agent's networks as its defaults have them."""
  experts.write(
      str(tmp_path),
      experts.Experts(
          *(
              np.random.default_rng(0)
              .uniform(-1.0, 1.0, (K, 1, T, size))
              .astype(np.float32)
              for size in (D, A)
          ),
          {'tasks': list('xyz')},
      ),
  )

  def make_networks(agent, action_spec, seed):
    config, builder = (
        importlib.import_module(f'distillery.agents.{agent}.{module}')
        for module in ('config', 'builder')
    )
    (config_class,) = classes(config, object)
    (builder_class,) = classes(builder, builders.Builder)
    settings = SETTINGS.get(agent, {})
    if agent == 'damsel':
      settings = {**settings, 'experts': str(tmp_path)}
    return builder_class(
        config_class(**settings),
        core_specs.AgentSpec(
            num_tasks=K,
            num_test_tasks=0,
            observation_spec=specs.Array((D,), np.float32),
            action_spec=action_spec,
            horizon=settings.get('unroll_length'),
            families=tuple('xyz'),
        ),
    ).make_networks(seed)

  return make_networks


def classes(module, base):
  return [
      value
      for _, value in inspect.getmembers(module, inspect.isclass)
      if issubclass(value, base) and value.__module__ == module.__name__
  ]


def weight_matrices(networks):
  """By name, the matrix of each layer and task, in units of its norm."""
  result = {}
  for name, network in networks._asdict().items():
    if not isinstance(network, tf.Module) or name in COPIES:
      continue
    for i, variable in enumerate(network.variables):
      if (
          not variable.trainable
          or len(variable.shape) < 2
          or min(variable.shape[-2:]) == 1
      ):
        continue
      rows = variable.numpy().reshape([-1, *variable.shape[-2:]])
      for k, matrix in enumerate(rows):
        result[f'{name} {i} {variable.name}[{k}]'] = matrix / np.linalg.norm(
            matrix
        )
  return result


@pytest.mark.parametrize(
    'agent, action_spec',
    [
        (agent, spec)
        for agent in AGENTS
        for spec in SPECS
        if agent not in CONTINUOUS or spec is SPECS[0]
    ],
)
def test_no_two_share_a_weight_matrix(agent, action_spec, make_networks):
  matrices = {}
  for seed in SEEDS:
    found = weight_matrices(make_networks(agent, action_spec, seed))
    assert found
    matrices.update(
        {f'seed {seed}: {name}': matrix for name, matrix in found.items()}
    )
  assert not [
      f'{one} and {other}'
      for (one, a), (other, b) in itertools.combinations(matrices.items(), 2)
      if a.shape == b.shape and np.allclose(a, b, atol=1e-4)
  ]


@pytest.mark.parametrize('agent', AGENTS)
def test_the_seed_fixes_them(agent, make_networks):
  one, same = (
      weight_matrices(make_networks(agent, SPECS[0], 3)) for _ in range(2)
  )
  assert one.keys() == same.keys()
  for name, matrix in one.items():
    np.testing.assert_array_equal(matrix, same[name])
