"""Tests of the values that the settings of trust regions refuse."""

import math

from distillery.agents.core.trust_region import config as trust_region_config
import pytest

NAN = float('nan')


def make(**changes):
  return trust_region_config.TrustRegionConfig(**changes)


@pytest.mark.parametrize('value', [0, -1])
@pytest.mark.parametrize(
    'name',
    [
        'value_epochs',
        'value_minibatches',
        'max_kl',
        'cg_iterations',
    ],
)
def test_numbers_not_positive_are_refused(name, value):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: value})


@pytest.mark.parametrize('name', ['max_kl', 'damping', 'backtrack_ratio'])
def test_nan_is_refused(name):
  with pytest.raises(ValueError, match=name):
    make(**{name: NAN})


@pytest.mark.parametrize('name', ['damping', 'max_backtracks'])
def test_negative_numbers_are_refused(name):
  with pytest.raises(ValueError, match=f'^{name} must not be negative, got'):
    make(**{name: -1})
  make(**{name: 0})


@pytest.mark.parametrize('value', [-0.1, 0.0, 1.0, math.inf])
def test_a_step_that_is_not_accepted_becomes_shorter(value):
  with pytest.raises(
      ValueError, match=r'^backtrack_ratio must be in \(0, 1\), got'
  ):
    make(backtrack_ratio=value)


def test_only_a_critic_that_knows_the_time_goes_without_a_discount():
  make(discount=1.0, baseline='linear')
  with pytest.raises(ValueError, match='^discount must be below 1, got 1'):
    make(discount=1.0, baseline='neural')


def test_minibatches_divide_a_block():
  sizes = dict(envs_per_task=2, unroll_length=3)
  with pytest.raises(
      ValueError, match='^value_minibatches=4 does not divide the 6 steps'
  ):
    make(baseline='neural', value_minibatches=4, **sizes)
  make(baseline='neural', value_minibatches=3, **sizes)
  make(baseline='linear', value_minibatches=4, **sizes)  # It has none.
  assert make(**sizes).batch_size == 6


def test_unknown_baselines_are_refused():
  with pytest.raises(ValueError, match="^baseline must be one of .*'x'"):
    make(baseline='x')
