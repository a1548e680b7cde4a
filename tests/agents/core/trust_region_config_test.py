"""What the settings of a trust region refuse."""

import dataclasses
import math

from distillery.agents.core import trust_region_config
import pytest

NAN = float('nan')


def make(**changes):
  return trust_region_config.TrustRegionConfig(**changes)


@pytest.mark.parametrize('value', [0, -1])
@pytest.mark.parametrize('name', [
    'envs_per_task', 'unroll_length', 'value_learning_rate', 'value_epochs',
    'value_minibatches', 'max_kl', 'cg_iterations', 'min_std',
    'min_observation_std',
])
def test_what_must_be_positive(name, value):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: value})


@pytest.mark.parametrize('name', [
    'value_learning_rate', 'max_kl', 'min_std', 'min_observation_std',
    'damping', 'noise_color', 'discount', 'gae_lambda', 'backtrack_ratio',
    'initial_std', 'max_std',
])
def test_nan_is_refused(name):
  with pytest.raises(ValueError, match=name):
    make(**{name: NAN})


@pytest.mark.parametrize('name', ['damping', 'max_backtracks', 'noise_color'])
def test_what_must_not_be_negative(name):
  with pytest.raises(ValueError, match=f'^{name} must not be negative, got'):
    make(**{name: -1})
  make(**{name: 0})


@pytest.mark.parametrize('value', [-.01, 1.01])
@pytest.mark.parametrize('name', ['discount', 'gae_lambda'])
def test_what_must_be_a_share(name, value):
  with pytest.raises(ValueError, match=rf'^{name} must be in \[0, 1\], got'):
    make(**{name: value})


@pytest.mark.parametrize('value', [-.1, 0., 1., math.inf])
def test_a_step_that_is_not_accepted_becomes_shorter(value):
  with pytest.raises(
      ValueError, match=r'^backtrack_ratio must be in \(0, 1\), got'):
    make(backtrack_ratio=value)


def test_only_a_critic_that_knows_the_time_goes_without_a_discount():
  make(discount=1., baseline='linear')
  with pytest.raises(ValueError, match='^discount must be below 1, got 1'):
    make(discount=1., baseline='neural')


@pytest.mark.parametrize('sizes', [(0,), (64, -1)])
@pytest.mark.parametrize('name', ['hidden_sizes', 'value_hidden_sizes'])
def test_layers_have_units(name, sizes):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: sizes})


@pytest.mark.parametrize('changes', [
    dict(initial_std=.005), dict(initial_std=2.), dict(max_std=.5),
    dict(min_std=1.5),
])
def test_initial_std_lies_within_its_bounds(changes):
  with pytest.raises(ValueError, match='^initial_std must lie between'):
    make(**changes)


def test_minibatches_divide_a_block():
  sizes = dict(envs_per_task=2, unroll_length=3)
  with pytest.raises(
      ValueError, match='^value_minibatches=4 does not divide the 6 steps'):
    make(baseline='neural', value_minibatches=4, **sizes)
  make(baseline='neural', value_minibatches=3, **sizes)
  make(baseline='linear', value_minibatches=4, **sizes)  # It has none.
  assert make(**sizes).batch_size == 6


def test_unknown_baselines_are_refused():
  with pytest.raises(ValueError, match="^baseline must be one of .*'x'"):
    make(baseline='x')


def test_it_is_frozen():
  with pytest.raises(dataclasses.FrozenInstanceError):
    make().max_kl = 1.
