"""Boxes of actions that a policy's first noise hardly explores."""

import dataclasses
import re
import warnings

from distillery.agents.a2c import builder as a2c_builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.core import specs as core_specs
from distillery.agents.distral import builder as distral_builder
from distillery.agents.distral import config as distral_config
from distillery.agents.dnc import builder as dnc_builder
from distillery.agents.dnc import config as dnc_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.agents.trpo import builder as trpo_builder
from distillery.agents.trpo import config as trpo_config
from distillery.distributed import nodes
from dm_env import specs
import numpy as np
import pytest

# The agents whose actions are in the units of the box.
GAUSSIAN = {
    'distral': (distral_builder.DistralBuilder, distral_config.DistralConfig()),
    'a2c': (a2c_builder.A2CBuilder, a2c_config.A2CConfig()),
    'trpo': (trpo_builder.TRPOBuilder, trpo_config.TRPOConfig()),
    'dnc': (dnc_builder.DnCBuilder, dnc_config.DnCConfig()),
}
WORDS = (
    r'^actions are at first drawn around 0 .* initial_std=1.0, which hardly '
    r"explores BoundedArray.*'action'.*; rescale them to .*RescaleAction\.$"
)


def make(agent, low, high, **changes):
  """Makes a builder; returns its warnings."""
  make_builder, config = agent
  action_spec = (
      specs.DiscreteArray(4)
      if low is None
      else specs.BoundedArray((2,), np.float32, low, high, name='action')
  )
  with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter('always')
    make_builder(
        dataclasses.replace(config, **changes),
        core_specs.AgentSpec(
            num_tasks=2,
            num_test_tasks=0,
            action_spec=action_spec,
            observation_spec=specs.Array((3,), np.float32),
        ),
    )
  return [str(warning.message) for warning in found]


@pytest.mark.parametrize('name', GAUSSIAN)
def test_every_gaussian_policy_is_warned_of(name):
  (message,) = make(GAUSSIAN[name], 0.0, 1000.0)
  assert re.search(WORDS, message)
  assert not make(GAUSSIAN[name], -1.0, 1.0)


@pytest.mark.parametrize(
    'low, high, num',
    [
        (0.0, 1000.0, 1),
        (-0.05, 0.05, 1),
        (100.0, 101.0, 1),
        (-101.0, -100.0, 1),
        ([-1.0, -50.0], [1.0, 50.0], 1),
        (20.0, np.inf, 1),
        (-np.inf, -20.0, 1),
        (-2.0, 2.0, 0),
        (-0.4, 0.4, 0),
        (0.0, 1.0, 0),
        (-np.inf, np.inf, 0),
        (0.0, np.inf, 0),
        (None, None, 0),
    ],
)
def test_narrow_boxes_cause_a_warning(low, high, num):
  assert len(make(GAUSSIAN['distral'], low, high)) == num


def test_a_width_that_fits_the_box_is_fine():
  assert not make(GAUSSIAN['a2c'], -500.0, 500.0, initial_std=300.0)
  assert not make(GAUSSIAN['a2c'], -0.05, 0.05, initial_std=0.05)


def test_an_agent_that_acts_in_the_unit_box_causes_no_warning():
  assert not make((sac_builder.SACBuilder, sac_config.SACConfig()), 0.0, 1000.0)


def test_nodes_of_a_program_do_not_say_it_again(monkeypatch):
  monkeypatch.setenv(nodes.NODE_VARIABLE, 'learner/0')
  assert not make(GAUSSIAN['trpo'], 0.0, 1000.0)
