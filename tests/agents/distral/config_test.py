"""Tests of the values that the config refuses, and of alpha and beta."""

import math

from distillery.agents.core import specs as core_specs
from distillery.agents.distral import builder
from distillery.agents.distral import config as distral_config
from dm_env import specs
import numpy as np
import pytest

NAN = float('nan')


def make(**changes):
  return distral_config.DistralConfig(**changes)


@pytest.mark.parametrize('value', [0, -1])
@pytest.mark.parametrize(
    'name',
    [
        'num_epochs',
        'num_minibatches',
        'reward_scale',
        'clip_ratio',
        'learning_rate',
        'max_gradient_norm',
    ],
)
def test_numbers_not_positive_are_refused(name, value):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: value})


@pytest.mark.parametrize(
    'name',
    [
        'reward_scale',
        'clip_ratio',
        'learning_rate',
        'max_gradient_norm',
        'kl_cost',
        'entropy_cost',
        'logits_alpha',
    ],
)
def test_nan_is_refused(name):
  with pytest.raises(ValueError, match=name):
    make(**{name: NAN})


@pytest.mark.parametrize('value', [-1e-9, math.inf])
@pytest.mark.parametrize('name', ['kl_cost', 'entropy_cost', 'narrowing_steps'])
def test_costs_are_not_negative(name, value):
  with pytest.raises(ValueError, match=f'^{name} must not be negative'):
    make(**{name: value})


@pytest.mark.parametrize('value', [-0.01, 1.01])
def test_the_logits_are_mixed_in_shares(value):
  with pytest.raises(ValueError, match=r'^logits_alpha must be in \[0, 1\], g'):
    make(logits_alpha=value)


def test_values_of_an_endless_task_are_finite():
  with pytest.raises(ValueError, match='^discount must be below 1, got 1'):
    make(discount=1.0)


@pytest.mark.parametrize('narrowed_std', [0.05, 2.0])
def test_deviations_narrow_within_their_bounds(narrowed_std):
  with pytest.raises(ValueError, match='^narrowed_std must lie between'):
    make(narrowed_std=narrowed_std, narrowing_steps=10)
  make(narrowed_std=narrowed_std)  # Never narrows.


def test_minibatches_divide_a_block():
  with pytest.raises(
      ValueError, match='num_minibatches=4 does not divide the 6 steps'
  ):
    make(envs_per_task=2, unroll_length=3, num_minibatches=4)
  make(envs_per_task=2, unroll_length=3, num_minibatches=3)


@pytest.mark.parametrize(
    'changes', [dict(regularizer='bonus'), dict(architecture='shared')]
)
def test_a_kl_cost_without_effect_is_refused(changes):
  with pytest.raises(ValueError, match='has no effect with .*; set it to 0'):
    make(**changes)
  make(kl_cost=0.0, **changes)


@pytest.mark.parametrize(
    'changes',
    [
        dict(architecture='shared', kl_cost=0.0),
        dict(optimization='alternating'),
    ],
)
def test_a_centroid_cost_without_effect_is_refused(changes):
  with pytest.raises(ValueError, match='^centroid_cost=0.1 has no effect with'):
    make(centroid_cost=0.1, **changes)
  make(**changes)


def test_with_a_centroid_cost_alone_pi_0_is_evaluated():
  spec = core_specs.AgentSpec(
      2,
      0,
      specs.Array([3], np.float32),
      specs.BoundedArray([1], np.float32, -1.0, 1.0),
  )
  alone = dict(architecture='separate', kl_cost=0.0)
  for changes, policies in (
      (alone, ('task',)),
      (dict(alone, centroid_cost=0.1), ('task', 'shared')),
  ):
    made = builder.DistralBuilder(make(**changes), spec)
    assert made.evaluated_policies == policies


@pytest.mark.parametrize(
    'name', ['architecture', 'regularizer', 'optimization']
)
def test_unknown_choices_are_refused(name):
  with pytest.raises(ValueError, match=f"^{name} must be one of .*'x'"):
    make(**{name: 'x'})


def test_one_policy_for_all_tasks_has_nothing_to_alternate_with():
  with pytest.raises(ValueError, match="architecture='shared'"):
    make(architecture='shared', kl_cost=0.0, optimization='alternating')


@pytest.mark.parametrize(
    'kl_cost, entropy_cost, alpha, beta',
    [
        (0.03, 0.01, 0.75, 25.0),
        (0.02, 0.0, 1.0, 50.0),
        (0.0, 0.02, 0.0, 50.0),
        (0.0, 0.0, 0.0, math.inf),
    ],
)
def test_alpha_and_beta(kl_cost, entropy_cost, alpha, beta):
  config = make(kl_cost=kl_cost, entropy_cost=entropy_cost)
  assert config.alpha == pytest.approx(alpha)
  # An inverse temperature: larger costs, smaller beta.
  assert config.beta == pytest.approx(beta)
  assert config.alpha / config.beta == pytest.approx(kl_cost)
  assert (1.0 - config.alpha) / config.beta == pytest.approx(entropy_cost)


def test_discrete_actions_have_no_noise_to_color():
  spec = core_specs.AgentSpec(
      2, 0, specs.Array([3], np.float32), specs.DiscreteArray(4)
  )
  with pytest.raises(
      ValueError, match=r'noise_colors=\(0.5,\) has no effect on'
  ):
    builder.DistralBuilder(make(noise_colors=(0.5,)), spec)
  builder.DistralBuilder(make(), spec)
