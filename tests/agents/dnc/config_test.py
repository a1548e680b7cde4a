"""Tests of what the config and the builder refuse and warn of."""

import warnings

from distillery.agents.core import specs as core_specs
from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from dm_env import specs
from helpers import small_dnc as small
import numpy as np
import pytest


def make(**changes):
  return dnc_config.DnCConfig(**changes)


@pytest.mark.parametrize('value', [0, -1, float('nan')])
@pytest.mark.parametrize(
    'name',
    [
        'max_kl',
        'penalty_states',
        'distillation_period',
        'distillation_epochs',
        'distillation_minibatches',
        'distillation_learning_rate',
    ],
)
def test_numbers_not_positive_are_refused(name, value):
  with pytest.raises(ValueError, match=f'^{name} must be positive, got'):
    make(**{name: value})


@pytest.mark.parametrize('value', [-1e-9, float('inf'), float('nan')])
def test_the_penalty_is_not_negative(value):
  with pytest.raises(ValueError, match='^penalty must not be negative, got'):
    make(penalty=value)


@pytest.mark.parametrize('name', ['variant', 'mode'])
def test_unknown_choices_are_refused(name):
  with pytest.raises(ValueError, match=f"^{name} must be one of .*'x'"):
    make(**{name: 'x'})


@pytest.mark.parametrize(
    'changes, sentence',
    [
        (
            dict(distillation_minibatches=4),
            '4 does not divide the 6 steps of each con',
        ),
        (
            dict(penalty_states=7),
            'penalty_states=7 is more than the 6 steps of each con',
        ),
    ],
)
def test_settings_that_exceed_a_block_are_refused(changes, sentence):
  fits = dict(
      envs_per_task=2,
      unroll_length=3,
      penalty_states=6,
      distillation_minibatches=3,
  )
  make(**fits)
  with pytest.raises(ValueError, match=sentence):
    make(**{**fits, **changes})


@pytest.mark.parametrize('mode', ['paper', 'release'])
@pytest.mark.parametrize('variant', ['vanilla', 'centralized'])
def test_no_penalty_is_worth_a_warning(variant, mode):
  with pytest.warns(
      UserWarning, match=f"^penalty=0 leaves variant='{variant}' unconstr"
  ):
    make(penalty=0.0, variant=variant, mode=mode)


@pytest.mark.parametrize(
    'changes', [dict(penalty=0.0, variant='unconstrained'), dict(penalty=1e-9)]
)
def test_no_warning_without_need(changes):
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    assert make(**changes).penalty == changes['penalty']


def test_one_context_is_none():
  with pytest.raises(
      ValueError, match='DnC needs at least two contexts, got 1: .*--num_cont'
  ):
    small.make_builder(small.make_config(), num_tasks=1)
  small.make_builder(small.make_config(), num_tasks=2)


@pytest.mark.parametrize(
    'changes, behaviours',
    [
        (dict(), ('task',)),
        (dict(central_trpo=True), ('task', 'shared')),
        (dict(mode='release'), ('task', 'shared')),
    ],
)
def test_the_behaviours_depend_on_the_settings(changes, behaviours):
  made = small.make_builder(small.make_config(**changes))
  assert tuple(made.behaviours) == behaviours
  assert tuple(made.evaluated_policies) == ('task', 'shared')
  assert [table.name for table in made.make_tables(apart=False)] == list(
      behaviours
  )


@pytest.mark.parametrize(
    'changes, spec, sentence',
    [
        (dict(), dict(num_test_tasks=5), 'observes_task: .* has 5 test tasks'),
        (
            dict(unroll_length=750),
            dict(horizon=500),
            'unroll_length=750 would cut episodes of 500 steps',
        ),
    ],
)
def test_tasks_that_do_not_fit(changes, spec, sentence):
  common = dict(
      num_tasks=2,
      num_test_tasks=0,
      action_spec=small.CONTINUOUS,
      observation_spec=specs.Array((3,), np.float32),
  )
  builder.DnCBuilder(make(**changes), core_specs.AgentSpec(**common))
  with pytest.raises(ValueError, match=sentence):
    builder.DnCBuilder(
        make(**changes), core_specs.AgentSpec(**{**common, **spec})
    )
  helpful = dict(observes_task=False, baseline='neural')
  builder.DnCBuilder(
      make(**changes, **helpful), core_specs.AgentSpec(**{**common, **spec})
  )
