"""Tests that learners refuse batches of another layout."""

import itertools

from distillery.agents.core.replay import blocks
from helpers import random_blocks
from helpers import small_damsel
from helpers import small_dnc
from helpers import small_learners
from helpers import small_pearl
from helpers import small_sac
from helpers import small_trpo
import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def fixture_eagerly(run_eagerly):
  """A batch is refused sooner than a step is compiled."""
  tf.config.run_functions_eagerly(True)


def without(name):
  def change(batch):
    batch[name] = None

  return change


def changed(name, function):
  def change(batch):
    batch[name] = function(batch[name])

  return change


def all_of(function):
  def change(batch):
    for name, array in batch.items():
      batch[name] = function(array)

  return change


# A change of a block `[K, T, E, ...]`, and the error message.
BLOCKS = [
    (without('discount'), 'batch: got none of discount, want observation, nex'),
    (without('log_prob'), 'batch: got none of log_prob, want '),
    (all_of(lambda x: np.swapaxes(x, 0, 1)), 'block: reward has shape'),
    (all_of(lambda x: x[:1]), 'block: reward has shape'),
    (all_of(lambda x: x[0]), 'block: (reward|observation) has shape'),
    (changed('reward', lambda x: x[..., np.newaxis]), 'block: reward has sha'),
    (changed('discount', lambda x: x[:1]), 'block: discount has shape'),
    (
        changed('discount', lambda x: x.astype(np.float64)),
        'block: discount has dtype float64, want float32',
    ),
    (
        changed('episode_end', lambda x: x.astype(np.float32)),
        'block: episode_end has dtype float32, want bool',
    ),
    (changed('episode_end', lambda x: x[..., :1]), 'block: episode_end has sh'),
    (changed('observation', lambda x: x[..., 0]), 'block: observation has sha'),
    (changed('observation', lambda x: x[..., :1]), ' has shape '),
    (
        changed('next_observation', lambda x: x[:, :, :1]),
        'block: next_observation has shape',
    ),
    (changed('action', lambda x: x[:, :, :1]), 'block: action has shape'),
    (changed('action', lambda x: x[..., :1]), 'action has shape'),
]


def repeated(block):
  return itertools.repeat(
      blocks.Block(
          **{
              name: None if array is None else tf.constant(array)
              for name, array in block.items()
          }
      )
  )


def make_distral():
  config = small_learners.make_config()
  networks = small_learners.make_networks(config)
  block = random_blocks.turned(small_learners.make_block(networks))
  return block, lambda: small_learners.learning.DistralLearner(
      config, networks, 0, iterator=repeated(block)
  )


def make_trpo():
  config = small_trpo.make_config(baseline='linear')
  networks = small_trpo.make_networks(config)
  block = random_blocks.turned(small_trpo.make_block(networks))
  return block, lambda: small_trpo.learning.TRPOLearner(
      config, networks, 0, checkpointables={}, iterator=repeated(block)
  )


def make_dnc():
  config = small_dnc.make_config()
  networks = small_dnc.make_networks(config)
  block = random_blocks.turned(small_dnc.make_block(networks.policy))
  return block, lambda: small_dnc.learning.DnCLearner(
      config,
      networks,
      0,
      iterator=({'task': each} for each in repeated(block)),
  )


@pytest.mark.parametrize('change, words', BLOCKS)
@pytest.mark.parametrize('make', [make_distral, make_trpo, make_dnc])
def test_a_block_of_other_tasks_is_refused(make, change, words):
  block, make_learner = make()
  change(block)
  learner = make_learner()
  before = [
      variable.numpy()
      for variable in learner.checkpointables['policy'].variables
  ]
  with pytest.raises(ValueError, match=words):
    learner.step()
  for variable, value in zip(
      learner.checkpointables['policy'].variables, before
  ):
    np.testing.assert_array_equal(variable, value)


def test_steps_are_asked_for_where_values_go_by_them():
  block, make_learner = make_trpo()
  block['episode_step'] = None
  with pytest.raises(ValueError, match='batch: got none of episode_step, want'):
    make_learner().step()


def test_a_batch_that_is_no_block_is_refused():
  block, _ = make_distral()
  config = small_learners.make_config()
  learner = small_learners.learning.DistralLearner(
      config,
      small_learners.make_networks(config),
      0,
      iterator=itertools.repeat(block),
  )
  with pytest.raises(ValueError, match='block: got a .*dict.*, want a distil'):
    learner.step()
  config = small_dnc.make_config()
  networks = small_dnc.make_networks(config)
  learner = small_dnc.learning.DnCLearner(
      config, networks, 0, iterator=itertools.repeat({'shared': block})
  )
  with pytest.raises(ValueError, match='batch: got none of task, want task'):
    learner.step()


@pytest.mark.parametrize(
    'change',
    [
        lambda x: x[..., :-1],
        lambda x: x[:, :1],
        lambda x: x[0],
        lambda x: np.swapaxes(x, 1, 2),
    ],
)
def test_transitions_of_other_tasks_are_refused(change):
  config = small_sac.make_config()
  learner = small_sac.make_learner(
      config, small_sac.make_networks(config), [change(small_sac.make_rows())]
  )
  with pytest.raises(ValueError, match='SACLearner: batch has shape .*, want'):
    learner.step()


@pytest.mark.parametrize(
    'small, kinds',
    [
        (small_damsel, ('context', 'expert')),
        (small_pearl, ('context', 'replay')),
    ],
)
def test_episodes_of_other_tasks_are_refused(small, kinds):
  config = small.make_config()
  for kind in kinds:
    for change in (
        lambda x: x[..., :-1],
        lambda x: x[:1],
        lambda x: x[:, 0],
        lambda x: tf.transpose(x, [1, 0, 2, 3]),
    ):
      batch = small.make_batch()
      batch[kind] = change(batch[kind])
      with pytest.raises(ValueError, match=f'batch: {kind} has shape .*, want'):
        small.make_learner(config, small.make_networks(config), batch).step()
    batch = small.make_batch()
    del batch[kind]
    with pytest.raises(ValueError, match=f'batch: got none of {kind}, want'):
      small.make_learner(config, small.make_networks(config), batch).step()
