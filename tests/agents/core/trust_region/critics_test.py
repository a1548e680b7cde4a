"""Critics: what they say of a block by hand, and whose targets they take."""

import dataclasses
import functools

from distillery.agents.core.replay import blocks as replay_blocks
from distillery.agents.core.trust_region import config as trust_region_config
from distillery.agents.core.trust_region import critics
from distillery.networks import values as value_networks
from helpers import random_blocks
import numpy as np
import pytest
import tensorflow as tf

T, K, E, D = 4, 2, 1, 3
SEED = tf.constant([1, 2], tf.int64)
CONFIG = trust_region_config.TrustRegionConfig(
    envs_per_task=E,
    unroll_length=T,
    discount=0.5,
    gae_lambda=0.5,
    value_hidden_sizes=(8,),
    value_epochs=2,
    value_minibatches=2,
)


def make(baseline='linear', **changes):
  config = dataclasses.replace(CONFIG, baseline=baseline, **changes)
  return critics.make_critic(config, K, D, seed=0)


def make_block(**changes):
  """Two episodes of two steps; task 0's first terminates, the rest do not.

  Task 1 gets ten times as much, and 1 more. `changes` are by time.
  """
  reward = np.array([1.0, 2.0, 4.0, 8.0])
  end = np.array([False, True, False, True])
  rng = np.random.default_rng(0)
  block = dict(
      observation=rng.normal(size=(T, K, E, D)),
      next_observation=rng.normal(size=(T, K, E, D)),
      reward=np.stack([reward, 10.0 * reward + 1.0], axis=1)[..., np.newaxis],
      discount=np.ones([T, K, E]),
      episode_step=np.broadcast_to(
          np.array([0, 1, 0, 1])[:, np.newaxis, np.newaxis], [T, K, E]
      ),
      episode_end=np.broadcast_to(end[:, np.newaxis, np.newaxis], [T, K, E]),
  )
  block['discount'][1, 0] = 0.0
  block.update(changes)
  types = dict(episode_step=np.int32, episode_end=bool)
  return random_blocks.block_of(
      {
          name: np.asarray(array, types.get(name, np.float32))
          for name, array in block.items()
      }
  )


def standardised(advantage):
  """Computes it for one task, `[N]`."""
  advantage = np.array(advantage)
  return (advantage - advantage.mean()) / advantage.std()


def test_before_the_first_fit_a_linear_critic_expects_nothing():
  estimate = make().estimate(make_block())
  np.testing.assert_array_equal(estimate.value, np.zeros([K, T]))
  # Returns of whole episodes, gamma 1/2:  1 + 2/2, 2,  4 + 8/2, 8.
  np.testing.assert_allclose(
      estimate.value_target, [[2.0, 2.0, 8.0, 8.0], [21.5, 21.0, 81.5, 81.0]]
  )
  # Advantages, gamma lambda 1/4:  1 + 2/4, 2,  4 + 8/4, 8.
  np.testing.assert_allclose(
      estimate.advantage,
      [
          standardised([1.5, 2.0, 6.0, 8.0]),
          standardised([11.0 + 21.0 / 4.0, 21.0, 41.0 + 81.0 / 4.0, 81.0]),
      ],
      rtol=1e-5,
  )


@pytest.fixture(name='counts')
def fixture_counts():
  """A linear critic with V = 6 + 2 t for task 0 and V = 0 for task 1."""
  value = value_networks.LinearValue(K, D, ridge=1.0, memory=0.5)
  weights = np.zeros([K, 2 * D + 4, 1])
  weights[0, -4], weights[0, -1] = 200.0, 6.0  # Of t / 100, and of 1.
  value.weights.assign(weights)
  return critics.LinearCritic(value, CONFIG)


def test_nothing_is_worth_anything_after_a_linear_critics_last_step(counts):
  estimate = counts.estimate(make_block())
  np.testing.assert_allclose(estimate.value, [[6.0, 8.0, 6.0, 8.0], [0.0] * 4])
  # delta:  1 + 8/2 - 6 = -1,  2 - 8 = -6,  4 + 8/2 - 6 = 2,  8 - 8 = 0; the
  # second episode is truncated, and the first terminates.
  np.testing.assert_allclose(
      estimate.advantage[0],
      standardised([-1.0 - 6.0 / 4.0, -6.0, 2.0, 0.0]),
      rtol=1e-5,
  )
  # The returns are the real ones, whatever V is.
  np.testing.assert_allclose(estimate.value_target[0], [2.0, 2.0, 8.0, 8.0])


def test_a_linear_critic_bootstraps_where_a_block_cuts_an_episode(counts):
  end = np.zeros([T, K, E], bool)
  end[1] = True
  estimate = counts.estimate(make_block(episode_end=end))
  # V of the step after the last, the third of its episode: 6 + 2 * 2.
  np.testing.assert_allclose(
      estimate.value_target[0],
      [2.0, 2.0, 4.0 + (8.0 + 10.0 / 2.0) / 2.0, 8.0 + 10.0 / 2.0],
  )


def test_a_linear_critic_is_fitted_by_observation_and_time():
  rng = np.random.default_rng(1)
  critic, num_steps, num_envs = make(), 2_000, 2
  shape = (num_steps, K, num_envs)
  block = make_block(
      observation=rng.normal(size=(*shape, D)),
      next_observation=rng.normal(size=(*shape, D)),
      reward=np.zeros(shape),
      discount=np.ones(shape),
      episode_step=rng.integers(100, size=shape),
      episode_end=np.zeros(shape),
  )
  samples = block.samples()
  target = (
      samples.observation[..., 0]
      + tf.cast(samples.episode_step, tf.float32) / 10.0
  )
  critic.fit(samples, target * [[1.0], [-3.0]], SEED)
  np.testing.assert_allclose(
      critic.estimate(block).value, target * [[1.0], [-3.0]], atol=0.5
  )


def test_environments_of_a_task_keep_to_themselves():
  """Each environment's episodes are its own, and none is lost on the way."""
  block = make_block()
  other = block._replace(reward=block.reward[:, ::-1])
  both = replay_blocks.Block(
      *(tf.concat(pair, axis=2) for pair in zip(block[:-1], other[:-1]))
  )
  target = make().estimate(both).value_target.numpy().reshape(K, T, 2)
  np.testing.assert_allclose(
      target[..., 0], make().estimate(block).value_target
  )
  # 8 + 4/2, 4,  2 + 1/2, 1.
  np.testing.assert_allclose(target[0, :, 1], [10.0, 4.0, 2.5, 1.0])


@pytest.mark.parametrize('baseline', ['linear', 'neural'])
def test_advantages_are_standardised_task_by_task(baseline):
  advantage = make(baseline).estimate(make_block()).advantage.numpy()
  np.testing.assert_allclose(advantage.mean(axis=1), [0.0, 0.0], atol=1e-6)
  np.testing.assert_allclose(advantage.std(axis=1), [1.0, 1.0], rtol=1e-5)
  nothing = make(baseline).estimate(make_block(reward=np.zeros([T, K, E])))
  assert np.isfinite(nothing.advantage).all()


def expects(value):
  """A neural critic that expects as much everywhere, for each task."""
  critic = make('neural', value_learning_rate=1e-9)
  critic.fit(
      make_block().samples(),
      tf.broadcast_to(tf.constant(value)[:, tf.newaxis], [K, T]),
      SEED,
  )
  return critic


def test_a_neural_critic_bootstraps_where_an_episode_was_truncated():
  estimate = expects([6.0, 0.0]).estimate(make_block())
  np.testing.assert_allclose(estimate.value, [[6.0] * 4, [0.0] * 4], atol=1e-5)
  # delta:  1 + 6/2 - 6 = -2,  2 - 6 = -4 (terminated),  4 + 6/2 - 6 = 1,
  # 8 + 6/2 - 6 = 5 (truncated).
  advantage = np.array([-2.0 - 4.0 / 4.0, -4.0, 1.0 + 5.0 / 4.0, 5.0])
  np.testing.assert_allclose(
      estimate.advantage[0], standardised(advantage), rtol=1e-4
  )
  # Its targets are those of GAE, with the same lambda.
  np.testing.assert_allclose(
      estimate.value_target[0], advantage + 6.0, rtol=1e-4
  )


def test_a_neural_critic_bootstraps_from_an_episodes_own_last_observation():
  critic = make('neural')
  block = make_block()
  critic.fit(block.samples(), tf.random.stateless_normal([K, T], [0, 0]), SEED)
  moved = block._replace(
      next_observation=tf.tensor_scatter_nd_update(
          block.next_observation, [[0, 3, 0]], [[9.0] * D]
      )
  )
  difference = (
      critic.estimate(moved).value_target - critic.estimate(block).value_target
  ).numpy()
  # Its own return and, half of the half, that of the step before it.
  assert abs(difference[0, 3]) > 1e-3
  np.testing.assert_allclose(
      difference[0, 2], difference[0, 3] / 4.0, rtol=1e-3
  )
  assert not difference[0, :2].any() and not difference[1].any()


@functools.cache
def errors_after(num_fits, **changes):
  """Mean squared error `[K]` of targets that the observation tells."""
  critic = make('neural', **{'value_learning_rate': 1e-2, **changes})
  block = make_block(
      **{
          # Told from each other only if they are standardised.
          name: 1000.0 + np.random.default_rng(2).normal(size=(16, K, 2, D))
          for name in ('observation', 'next_observation')
      },
      reward=np.zeros([16, K, 2]),
      discount=np.ones([16, K, 2]),
      episode_step=np.zeros([16, K, 2]),
      episode_end=np.zeros([16, K, 2]),
  )
  samples = block.samples()
  target = 100.0 + 50.0 * (samples.observation[..., 0] - 1000.0)
  fit = tf.function(critic.fit)
  for i in range(num_fits):
    fit(samples, target, tf.constant([0, i], tf.int64))
  return np.square(critic.estimate(block).value - target).mean(axis=1)


def test_a_neural_critic_moves_to_its_targets():
  before, after = errors_after(1), errors_after(40)
  assert (after < 0.1 * before).all() and (after < 100.0).all()


@pytest.mark.parametrize(
    'changes',
    [
        dict(value_learning_rate=2e-2),
        dict(value_epochs=3),
        dict(value_minibatches=4),
        dict(value_hidden_sizes=(4,)),
    ],
)
def test_a_neural_critic_uses_the_settings_of_its_steps(changes):
  assert (errors_after(2) != errors_after(2, **changes)).all()


def test_a_task_is_valued_by_its_own_targets_alone():
  target = tf.random.stateless_normal([K, T], [0, 0])
  for baseline in ('linear', 'neural'):
    values = []
    for scale in (1.0, 5.0):
      critic = make(baseline)
      critic.fit(make_block().samples(), target * [[1.0], [scale]], SEED)
      values.append(critic.estimate(make_block()).value.numpy())
    np.testing.assert_array_equal(values[0][0], values[1][0])
    assert (np.abs(values[0][1] - values[1][1]) > 1e-3).all()


def test_the_seed_of_a_fit_orders_a_neural_critics_samples():
  values = []
  for seed in (1, 1, 2):
    critic = make('neural')
    critic.fit(
        make_block().samples(),
        tf.random.stateless_normal([K, T], [0, 0]),
        tf.constant([seed, 0], tf.int64),
    )
    values.append(critic.estimate(make_block()).value.numpy())
  np.testing.assert_array_equal(values[0], values[1])
  assert (values[0] != values[2]).all()


def test_the_share_of_the_targets_that_is_explained():
  target = tf.constant([[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]])

  def explained(value):
    return critics.Estimate(target, target, value).metrics()['value_explained']

  np.testing.assert_allclose(explained(target), 1.0)
  np.testing.assert_allclose(explained(0.0 * target), 0.0, atol=1e-6)
  # Task 0 wholly, and of task 1 all but a quarter of its variance.
  np.testing.assert_allclose(
      explained(target * [[1.0], [0.5]]), (1.0 + 0.75) / 2.0, rtol=1e-5
  )
