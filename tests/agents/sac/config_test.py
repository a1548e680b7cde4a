"""Tests of what SAC's config and builder refuse and warn of."""

import warnings

from distillery.agents.sac import builder
from distillery.agents.sac import config as sac_config
from dm_env import specs
from helpers import small_sac as small
import numpy as np
import pytest


def make(**changes):
  return sac_config.SACConfig(**changes)


@pytest.mark.parametrize('value', [0, -1, float('nan')])
@pytest.mark.parametrize(
    'name',
    [
        'batch_size',
        'samples_per_insert',
        'updates_per_step',
        'replay_size',
        'random_steps',
        'reward_scale',
        'learning_rate',
        'temperature_learning_rate',
        'max_gradient_norm',
        'target_rate',
        'initial_temperature',
    ],
)
def test_numbers_not_positive_are_refused(name, value):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: value})


@pytest.mark.parametrize(
    'changes, words',
    [
        (
            dict(architecture='two_column'),
            "architecture must be one of .*'two_co",
        ),
        (dict(discount=1.0), 'discount must be below 1, got 1'),
        (dict(target_rate=1.5), r'target_rate must be in \[0, 1\], got 1.5'),
        (dict(hidden_sizes=()), 'hidden_sizes must have at least one layer'),
        (
            dict(critic_hidden_sizes=()),
            'critic_hidden_sizes must have at least',
        ),
        (
            dict(entropy_per_dimension=float('nan')),
            'entropy_per_dimension must',
        ),
        (dict(noise_colors=(0.0, -1.0)), 'noise_colors must not be negative'),
        (dict(envs_per_task=0), 'envs_per_task must be positive, got 0'),
        (dict(unroll_length=-1), 'unroll_length must be positive, got -1'),
        (dict(hidden_sizes=(8, 0)), 'hidden_sizes must be positive, got'),
        (
            dict(critic_hidden_sizes=(-8,)),
            'critic_hidden_sizes must be positive',
        ),
        (dict(architecture='separate'), 'observes_task: .*--noobserves_task'),
    ],
)
def test_refuses(changes, words):
  with pytest.raises(ValueError, match=f'^{words}'):
    make(**changes)


def test_an_entropy_of_the_wrong_sign_is_worth_a_warning():
  with pytest.warns(UserWarning, match='^entropy_per_dimension=1.0 has the'):
    make(entropy_per_dimension=1.0)
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    assert make(entropy_per_dimension=-0.5).entropy_per_dimension == -0.5


@pytest.mark.parametrize(
    'changes, words',
    [
        (
            dict(batch_size=13),
            'batch_size=13 cannot be shared out equally among 3',
        ),
        (
            dict(replay_size=3),
            'replay_size=3 is less than the 4 transitions of a',
        ),
        (
            dict(random_steps=3),
            'random_steps=3 is less than the 4 transitions of',
        ),
        (
            dict(replay_size=7, random_steps=8),
            'random_steps=8 do not fit into a',
        ),
        (
            dict(samples_per_insert=1.5),
            'samples_per_insert=1.5 asks for 1.5 learn',
        ),
        (
            dict(samples_per_insert=0.1),
            'samples_per_insert=0.1 asks for 0.1 learn',
        ),
        (
            dict(samples_per_insert=float('inf')),
            'samples_per_insert=inf asks for',
        ),
    ],
)
def test_batches_that_do_not_fit(changes, words):
  with pytest.raises(ValueError, match=f'^{words}'):
    builder.SACBuilder(small.make_config(**changes), small.make_spec())


@pytest.mark.parametrize(
    'action_spec',
    [
        specs.DiscreteArray(3),
        specs.Array((2,), np.float32),
        specs.BoundedArray((2,), np.float32, -1.0, np.inf),
    ],
)
def test_actions_have_bounds(action_spec):
  with pytest.raises(ValueError, match='^SAC needs continuous actions with fi'):
    builder.SACBuilder(
        small.make_config(), small.make_spec(action_spec=action_spec)
    )


def test_bounds_leave_room():
  spec = small.make_spec(
      action_spec=specs.BoundedArray((2,), np.float32, [-1.0, 1.0], [1.0, 1.0])
  )
  with pytest.raises(ValueError, match='^actions must have room between'):
    builder.SACBuilder(small.make_config(), spec)


def test_a_ratio_may_be_rounded():
  """55 transitions of a block, sampled 1.1 times: 60.500000000000007."""
  config = small.make_config(
      unroll_length=50,
      samples_per_insert=1.1,
      batch_size=3 * 55,
      random_steps=55,
  )
  made = builder.SACBuilder(config, small.make_spec())
  assert made.num_learner_steps(10**6) == 1


def test_held_out_tasks_need_a_policy_without_the_task():
  spec = small.make_spec(num_test_tasks=2)
  for changes in (dict(), dict(observes_task=False, architecture='separate')):
    with pytest.raises(ValueError, match='--architecture=shared .* 2 test tas'):
      builder.SACBuilder(small.make_config(**changes), spec)
  made = builder.SACBuilder(small.make_config(observes_task=False), spec)
  assert made.evaluated_policies == ('shared',)


def test_learns_after_the_random_steps_and_keeps_to_its_ratio():
  made = builder.SACBuilder(
      small.make_config(
          random_steps=20,
          samples_per_insert=3.0,
          architecture='separate',
          observes_task=False,
      ),
      small.make_spec(),
  )
  assert [made.num_learner_steps(n) for n in (12, 59, 60, 72)] == [0, 0, 3, 3]
  assert made.behaviours == made.evaluated_policies == ('task',)
  assert [table.name for table in made.make_tables(apart=False)] == [
      f'transitions_{k}' for k in range(small.K)
  ]


def test_its_policy_acts_as_the_config_says():
  made = builder.SACBuilder(
      small.make_config(noise_colors=(0.7,)), small.make_spec()
  )
  policy = made.make_policy(made.make_networks(0), 'shared')
  assert (policy.noise_colors, policy.low, policy.high) == (
      (0.7,),
      (-2.0, 0.0),
      (2.0, 1.0),
  )
