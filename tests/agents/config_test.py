"""Tests of the values that the agents' configs refuse."""

import dataclasses

from distillery.agents.distral import config as distral_config
from distillery.agents.dnc import config as dnc_config
from distillery.agents.trpo import config as trpo_config
import pytest

NAN = float('nan')
CONFIGS = (
    distral_config.DistralConfig,
    trpo_config.TRPOConfig,
    dnc_config.DnCConfig,
)


@pytest.fixture(name='make', params=CONFIGS, ids=lambda config: config.__name__)
def fixture_make(request):
  return request.param


@pytest.mark.parametrize('value', [0, -1])
@pytest.mark.parametrize(
    'name',
    [
        'envs_per_task',
        'unroll_length',
        'value_learning_rate',
        'min_std',
        'min_observation_std',
    ],
)
def test_numbers_not_positive_are_refused(make, name, value):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: value})


@pytest.mark.parametrize(
    'name',
    [
        'value_learning_rate',
        'min_std',
        'min_observation_std',
        'discount',
        'gae_lambda',
        'initial_std',
        'max_std',
    ],
)
def test_nan_is_refused(make, name):
  with pytest.raises(ValueError, match=name):
    make(**{name: NAN})


@pytest.mark.parametrize('value', [-1e-9, float('inf'), NAN])
def test_noise_has_no_negative_color(make, value):
  with pytest.raises(ValueError, match='^noise_colors must not be negative'):
    make(noise_colors=(0.0, value))


@pytest.mark.parametrize('value', [-0.01, 1.01])
@pytest.mark.parametrize('name', ['discount', 'gae_lambda'])
def test_numbers_outside_zero_to_one_are_refused(make, name, value):
  with pytest.raises(ValueError, match=rf'^{name} must be in \[0, 1\], got'):
    make(**{name: value})


@pytest.mark.parametrize('sizes', [(0,), (64, -1)])
@pytest.mark.parametrize('name', ['hidden_sizes', 'value_hidden_sizes'])
def test_layers_have_units(make, name, sizes):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: sizes})


@pytest.mark.parametrize(
    'changes',
    [
        dict(initial_std=0.005),
        dict(initial_std=2.0),
        dict(max_std=0.5),
        dict(min_std=1.5),
    ],
)
def test_initial_std_lies_within_its_bounds(make, changes):
  with pytest.raises(ValueError, match='^initial_std must lie between'):
    make(**changes)


def test_it_is_frozen(make):
  with pytest.raises(dataclasses.FrozenInstanceError):
    make().discount = 1.0
