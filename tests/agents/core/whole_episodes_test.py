"""Blocks that cut episodes, where agents need them whole."""

import csv
import dataclasses
import functools

from distillery.agents.core import adaptation
from distillery.agents.core import whole_episodes
from distillery.agents.core.replay import blocks
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.dnc import builder as dnc_builder
from distillery.agents.dnc import config as dnc_config
from distillery.agents.pearl import builder as pearl_builder
from distillery.agents.trpo import builder as trpo_builder
from distillery.agents.trpo import config as trpo_config
from distillery.agents.trpo import learning
from distillery.environments import fakes
from distillery.environments.adapters import suites
from distillery.environments.pool import process_pool
from helpers import pool_helpers
from helpers import small_pearl
import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def fixture_eagerly(run_eagerly):
  """One block is sooner learned from than a step is compiled."""
  tf.config.run_functions_eagerly(True)


def block_of(*lengths, num_steps=6, discount=1.0):
  """[1, T, E]: environment e's episodes have `lengths[e]` steps."""
  step = np.stack([np.arange(num_steps) % n for n in lengths], -1)
  end = step == np.array(lengths) - 1
  return {
      'episode_step': step[np.newaxis],
      'episode_end': end[np.newaxis],
      'discount': np.where(end, discount, 1.0)[np.newaxis],
  }


@pytest.mark.parametrize(
    'lengths, words',
    [
        ((3, 3), ' is not the length of an episode; want 3.$'),
        ((4, 4), ' is not the length of an episode; want 4.$'),
        ((7, 7), ': no episode ended within these steps; want the number'),
        (
            (6, 3),
            ': got episodes of 3 and of at least 6 steps; want tasks whose',
        ),
        ((6, 9), ': got episodes of 6 and of at least 7 steps; want'),
        ((2, 7), ': got episodes of 2 and of at least 7 steps; want'),
    ],
)
def test_one_whole_episode_each(lengths, words):
  with pytest.raises(ValueError, match=f'^unroll_length=6{words}'):
    whole_episodes.check_one_each(block_of(*lengths))
  whole_episodes.check_one_each(block_of(6, 6))


@pytest.mark.parametrize(
    'block, limit',
    [
        (block_of(3, 3), 3),
        (block_of(4, 4), 4),
        (block_of(4, 9), 4),
        (block_of(7, 7), None),
        (block_of(3, 2), 0),
        (block_of(3, 3, discount=0.0), 0),
    ],
)
def test_time_limits_show_where_episodes_end(block, limit):
  assert whole_episodes.time_limit(block) == limit


def users_suite(**changes):
  """Episodes of ten steps; says not how many, unless it is to."""
  return suites.suite_from_factories(
      'Masses',
      {
          task.name: task.factory
          for task in fakes.point_mass_suite(3, horizon=10).tasks
      },
      **changes,
  )


def run(path, make_builder, agent, suite, resume=False, num_env_steps=1):
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='any',
          agent_config=agent,
          make_builder=make_builder,
          suite=suite,
          seed=0,
          num_env_steps=num_env_steps,
          num_workers=1,
          evaluate_every=1000,
          evaluation_episodes=1,
          checkpoint_every=1000,
          run_dir=run_directory.RunDirectory(path, resume=resume),
      )
  )


def learner_steps(path):
  with open(path / 'train.csv', newline='') as f:
    return [row['learner_steps'] for row in csv.DictReader(f)]


TRUST_REGIONS = pytest.mark.parametrize(
    'make_builder, make_config',
    [
        (trpo_builder.TRPOBuilder, trpo_config.TRPOConfig),
        (
            dnc_builder.DnCBuilder,
            functools.partial(
                dnc_config.DnCConfig,
                distillation_minibatches=1,
                penalty_states=4,
            ),
        ),
    ],
)
SMALL = dict(envs_per_task=1, hidden_sizes=(4,))


@TRUST_REGIONS
@pytest.mark.parametrize('unroll_length', [15, 4])
def test_a_linear_baseline_on_a_users_suite(
    tmp_path, make_builder, make_config, unroll_length
):
  agent = make_config(unroll_length=unroll_length, **SMALL)
  words = f'^unroll_length={unroll_length} would cut episodes of 10 steps'
  with pytest.raises(ValueError, match=words):
    run(tmp_path / 'a', make_builder, agent, users_suite(horizon=10))
  # An unknown length of episodes is seen when the first episodes end.
  with pytest.raises(ValueError, match=words):
    run(tmp_path / 'b', make_builder, agent, users_suite(), num_env_steps=36)


def test_a_users_suite_with_complete_episodes_can_be_learned(tmp_path):
  agent = trpo_config.TRPOConfig(unroll_length=20, **SMALL)
  run(tmp_path / 'a', trpo_builder.TRPOBuilder, agent, users_suite())
  assert learner_steps(tmp_path / 'a') == ['1']
  neural = dataclasses.replace(
      agent,
      unroll_length=15,
      baseline='neural',
      value_minibatches=1,
      value_hidden_sizes=(4,),
  )
  run(tmp_path / 'b', trpo_builder.TRPOBuilder, neural, users_suite())
  assert learner_steps(tmp_path / 'b') == ['1']


def test_later_on_episodes_may_all_last_to_the_limit():
  made = learning.TRPOLearner.__new__(learning.TRPOLearner)
  made._check_block = lambda block: None  # These blocks have no more fields.

  def passed(lengths, num_steps):
    """How many blocks come through; each is a step."""
    made.num_steps = num_steps
    passing = made._check_first(
        blocks.Block(
            **{
                **dict.fromkeys(blocks.Block._fields),
                'reward': np.zeros([1, 6, 2]),
                **block_of(*each),
            }
        )
        for each in lengths
    )
    count = 0
    for _ in passing:
      made.num_steps += 1
      count += 1
    return count

  assert passed([(7, 7), (2, 3), (4, 4), (4, 4)], 0) == 4
  assert passed([(4, 4), (4, 4)], 10) == 2  # A resumed run.
  with pytest.raises(
      ValueError, match='unroll_length=6 would cut .* of 4 steps'
  ):
    passed([(7, 7), (4, 4)], 0)


@pytest.mark.slow
def test_pearl_on_a_users_suite(tmp_path):
  make = pearl_builder.PearlBuilder
  with pytest.raises(
      ValueError,
      match=('^unroll_length=6 is not the length of an episode; want 10.$'),
  ):
    run(
        tmp_path / 'a', make, small_pearl.make_config(), users_suite(horizon=10)
    )
  with pytest.raises(
      ValueError,
      match=(
          '^unroll_length=6: no episode ended within these steps; want the '
          'number of steps of an episode.$'
      ),
  ):
    run(tmp_path / 'b', make, small_pearl.make_config(), users_suite())
  with pytest.raises(
      ValueError,
      match=('^unroll_length=12 is not the length of an episode; want 10.$'),
  ):
    run(
        tmp_path / 'c',
        make,
        small_pearl.make_config(unroll_length=12, random_steps=12),
        users_suite(),
    )
  run(
      tmp_path / 'd',
      make,
      small_pearl.make_config(unroll_length=10, random_steps=100),
      users_suite(),
  )


class _Adapter:
  """Acts by the same policy again and again."""

  policy = pool_helpers.GaussianPolicy()

  def parameters(self, blocks):
    del blocks
    return pool_helpers.parameters_for(2)

  def latents(self, blocks):
    return np.zeros((2, len(blocks)))

  def inferred_families(self, blocks):
    del blocks


@pytest.mark.parametrize(
    'unroll_length, words',
    [
        (9, r'0 episodes of 2 tasks ended, after \[\] steps'),
        (20, r'4 episodes of 2 tasks ended, after \[10\] steps'),
    ],
)
def test_a_trajectory_is_a_complete_episode(unroll_length, words):
  suite = fakes.point_mass_suite(2, horizon=10)

  def adapt(unroll_length):
    with process_pool.Pool(
        suite.tasks,
        envs_per_task=1,
        unroll_length=unroll_length,
        num_workers=1,
        seed=0,
        observation_spec=suite.observation_spec,
        action_spec=suite.action_spec,
    ) as pool:
      adaptation.adapt(pool, _Adapter(), [task.name for task in suite.tasks], 2)

  adapt(10)
  with pytest.raises(
      ValueError,
      match=(
          f'^unroll_length={unroll_length} is not the length of every .*{words}'
      ),
  ):
    adapt(unroll_length)
