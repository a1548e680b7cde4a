"""Which tasks the agents with trust regions refuse, and what they make."""

import dataclasses

from distillery.agents.core import specs as core_specs
from distillery.agents.core.trust_region import builder as trust_region_builder
from distillery.agents.core.trust_region import config as trust_region_config
from distillery.agents.core.trust_region import networks
from dm_env import specs
import numpy as np
import pytest

CONTINUOUS = specs.BoundedArray((2,), np.float32, -1.0, [1.0, 3.0])
SPEC = core_specs.AgentSpec(
    num_tasks=3,
    num_test_tasks=0,
    observation_spec=specs.Array((5,), np.float32),
    action_spec=CONTINUOUS,
    horizon=50,
)
CONFIG = trust_region_config.TrustRegionConfig(
    unroll_length=100, hidden_sizes=(4,)
)


class Builder(trust_region_builder.TrustRegionBuilder):
  """A builder with the parts that an agent adds."""

  evaluated_policies = ('shared',)
  behaviours = ('shared', 'task')

  def make_networks(self, seed):
    return networks.make_networks(self.spec, self.config, 'shared', seed)

  def make_learner(self, networks, client, counter, seed):
    raise NotImplementedError


def make(spec_changes=None, **changes):
  return Builder(
      dataclasses.replace(CONFIG, **changes),
      SPEC._replace(**(spec_changes or {})),
  )


@pytest.mark.parametrize('unroll_length', [25, 75, 101])
def test_a_linear_baseline_needs_complete_episodes(unroll_length):
  with pytest.raises(
      ValueError,
      match=(
          f'^unroll_length={unroll_length} would cut episodes of 50 steps'
          '.*; want a multiple of 50, or --baseline=neural'
      ),
  ):
    make(unroll_length=unroll_length)
  make(unroll_length=unroll_length, baseline='neural', value_minibatches=1)
  make(dict(horizon=None), unroll_length=unroll_length)  # They vary.
  make(unroll_length=50)


def test_a_policy_that_observes_the_task_has_no_held_out_tasks():
  with pytest.raises(
      ValueError,
      match=(
          '^observes_task: .*; want --noobserves_task with a suite that has 2 '
          'test tasks'
      ),
  ):
    make(dict(num_test_tasks=2))
  make(dict(num_test_tasks=2), observes_task=False)


def test_discrete_actions_have_no_noise_to_color():
  discrete = dict(action_spec=specs.DiscreteArray(4))
  with pytest.raises(
      ValueError, match=r'^noise_colors=\(0.5,\) has no effect on'
  ):
    make(discrete, noise_colors=(0.5,))
  make(discrete)


def test_a_queue_a_behaviour_holds_one_block_of_its_shape():
  tables = make(envs_per_task=2).make_tables(apart=False)
  assert [table.name for table in tables] == ['shared', 'task']
  for table in tables:
    assert table.info.max_size == 1
    assert table.info.signature['action'].shape == (3, 100, 2, 2)


@pytest.mark.parametrize('observes_task, inputs', [(True, 8), (False, 5)])
def test_the_policy_sees_the_task_if_it_is_to(observes_task, inputs):
  made = make(observes_task=observes_task).make_networks(0)
  assert made.policy.shared_variables()[0].shape[-1] == 4
  assert inputs in [
      variable.shape[-2] for variable in made.policy.shared_variables()[:-1]
  ]


def test_the_acting_policy_has_the_bounds_and_the_noise_color():
  builder = make(noise_colors=(0.5,))
  policy = builder.make_policy(builder.make_networks(0), 'shared')
  assert policy == dataclasses.replace(
      policy,
      which='shared',
      low=(-1.0, -1.0),
      high=(1.0, 3.0),
      noise_colors=(0.5,),
  )
