"""What A2C begins with."""

from distillery.agents.a2c import builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.core import builders
from distillery.agents.core import saving
from dm_env import specs
import numpy as np
import pytest

SPEC = builders.AgentSpec(
    2, 0, specs.Array((5,), np.float32),
    specs.BoundedArray((3,), np.float32, -1., 1.))


def make_builder(**changes):
  return builder.A2CBuilder(
      a2c_config.A2CConfig(hidden_sizes=(6, 4), **changes), SPEC)


def write_run(run_dir, checkpointables):
  run_dir.mkdir()
  saving.finish(saving.begin(
      run_dir, 100, checkpointables, {}, {}, {'env_steps': 100, 'wall_s': 1.}))
  return str(run_dir)


def weights(module):
  return [variable.numpy() for variable in module.trainable_variables]


@pytest.mark.parametrize('has_value', [True, False])
def test_tuning_begins_with_what_the_run_has_learned(tmp_path, has_value):
  """A run of A2C has values; a distilled student has none."""
  learned = make_builder().make_networks(seed=1)
  for module in (learned.policy, learned.value):
    for variable in module.trainable_variables:
      variable.assign_add(np.ones(variable.shape))
  parts = {'policy': learned.policy,
           **({'value': learned.value} if has_value else {})}
  run = write_run(tmp_path / 'run', parts)
  fresh = make_builder().make_networks(seed=2)
  made = make_builder(initial_run=run).make_networks(seed=2)
  assert made.value_is_new != has_value
  want = learned if has_value else fresh
  for module, wanted in ((made.policy, learned.policy),
                         (made.value, want.value)):
    for value, other in zip(weights(module), weights(wanted)):
      np.testing.assert_array_equal(value, other)
