"""Tests of what the learner computes from one block and from several."""

import itertools
import math

from distillery.agents.core import errors
from distillery.agents.distral import learning
from distillery.agents.distral import losses
from distillery.agents.distral import networks as distral_networks
from helpers import random_blocks
from helpers import small_learners as small
import numpy as np
import pytest
import tensorflow as tf

T, K, E, D = small.T, small.K, small.E, small.D


@pytest.mark.parametrize(
    'regularizer, added',
    [
        # Uniform policies over 3 actions: no KL, and an entropy of log 3.
        ('exact', 0.3 * math.log(3.0)),
        ('sampled', 0.3 * math.log(3.0)),
        ('bonus', 0.0),
    ],
)
def test_value_targets_by_hand(regularizer, added, monkeypatch):
  # gamma = 1/2, so that the network's output is half a value; V(o) = o_0.
  config = small.make_config(
      unroll_length=4,
      envs_per_task=2,
      discount=0.5,
      gae_lambda=1.0,
      reward_scale=0.1,
      value_hidden_sizes=(),
      **small.settings('two_column', regularizer),
  )
  networks = distral_networks.make_networks(
      K, small.OBSERVATION, small.DISCRETE, config, 0
  )
  for variable in networks.policy.trainable_variables:
    variable.assign(0.0 * variable)
  weight, _ = sorted(
      networks.value.trainable_variables,
      key=lambda variable: -variable.shape[1],
  )
  weight.assign(np.eye(D, 1)[np.newaxis].repeat(K, axis=0) / 2.0)

  # Step 1 is truncated, step 2 terminated, and the unroll ends after step 3.
  # Each of the K * E columns has its own values and rewards.
  column = np.arange(4.0).reshape(2, 2) / 8.0
  value = column + np.reshape([1.0, 2.0, 3.0, 4.0], [4, 1, 1])
  own_last, after_unroll = column - 1.0, column - 2.0
  reward = 10.0 * (1.0 + column)
  block = dict(
      observation=np.zeros((4, 2, 2, D), np.float32),
      next_observation=np.zeros((4, 2, 2, D), np.float32),
      action=np.zeros((4, 2, 2), np.int32),
      log_prob=np.full((4, 2, 2), -math.log(3.0), np.float32),
      reward=np.broadcast_to(reward, (4, 2, 2)).astype(np.float32),
      discount=np.ones((4, 2, 2), np.float32),
      episode_step=np.zeros((4, 2, 2), np.int32),
      episode_end=np.zeros((4, 2, 2), bool),
      success=np.zeros((4, 2, 2), bool),
  )
  block['observation'][..., 0] = value
  block['next_observation'][..., 0] = np.stack(
      [value[1], own_last, 0.0 * column - 4.5, after_unroll]
  )
  block['episode_end'][1:3] = True
  block['discount'][2] = 0.0
  block['episode_step'][1] = 1

  r = 1.0 + column + added
  expected = {}
  for v, target in zip(
      value,
      [
          r + 0.5 * (r + 0.5 * own_last),
          r + 0.5 * own_last,
          r,
          r + 0.5 * after_unroll,
      ],
  ):
    for k, e in np.ndindex(2, 2):
      expected[k, v[k, e]] = target[k, e]

  seen = []
  value_loss = losses.value_loss
  monkeypatch.setattr(
      losses,
      'value_loss',
      lambda value, target: (
          seen.append((value.numpy(), target.numpy())),
          value_loss(value, target),
      )[1],
  )
  small.make_learner(config, networks, block).step()
  ((outputs, targets),) = seen
  assert outputs.shape == targets.shape == (2, 8)
  found = {
      (k, 2.0 * outputs[k, i]): 2.0 * targets[k, i] for k, i in np.ndindex(2, 8)
  }
  assert found.keys() == expected.keys()
  for key, target in expected.items():
    np.testing.assert_allclose(found[key], target, rtol=1e-6)


def test_every_sample_is_used_once_an_epoch(monkeypatch):
  config = small.make_config(num_epochs=3, num_minibatches=2)
  seen, policy_loss = [], losses.policy_loss

  def spy(task, shared, action, behaviour_log_prob, *args, **kwargs):
    seen.append(behaviour_log_prob.numpy())
    return policy_loss(
        task, shared, action, behaviour_log_prob, *args, **kwargs
    )

  monkeypatch.setattr(losses, 'policy_loss', spy)
  small.run(config, num_steps=2)
  block = small.make_block(small.make_networks(config))
  expected = np.moveaxis(block['log_prob'], 1, 0).reshape(K, T * E)
  epochs = np.reshape(seen, (6, 2, K, T * E // 2)).transpose(0, 2, 1, 3)
  epochs = epochs.reshape(6, K, T * E)
  for epoch in epochs:
    np.testing.assert_array_equal(np.sort(epoch), np.sort(expected))
  for a, b in itertools.combinations(epochs, 2):  # in another order each time
    assert (a != b).any(axis=1).all()
  order = [np.searchsorted(np.sort(row), row) for row in epochs[0]]
  expected_order = [np.argsort(np.argsort(row)) for row in expected]
  assert any((a != b).any() for a, b in zip(order, expected_order))


def test_the_same_seed_gives_the_same_parameters():
  config = small.make_config(num_minibatches=3)
  first, again, other = (
      small.trained(small.run(config, seed=seed, num_steps=2)[0])
      for seed in (7, 7, 8)
  )
  assert not small.moved(first, again)
  assert small.moved(first, other) == {'shared', 'task', 'value'}


@pytest.mark.slow
def test_compiled(compiled):
  """Twice the same bit for bit, and nearly the same as eagerly."""
  networks, learner = small.run(
      small.make_config(num_epochs=2, num_minibatches=3), num_steps=2
  )
  variables = [
      variable
      for part in learner.checkpointables.values()
      for variable in part.variables
  ]
  before = [variable.numpy() for variable in variables]
  start = small.trained(networks)

  def train():
    for variable, array in zip(variables, before):
      variable.assign(array)
    learner.num_steps = 2
    learner.step()
    return small.trained(networks)

  first, again = train(), train()
  assert small.moved(start, first) == {'shared', 'task', 'value'}
  assert not small.moved(first, again)
  tf.config.run_functions_eagerly(True)
  for name, arrays in train().items():
    for a, b in zip(arrays, first[name]):
      np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('seed', [0, 2**31, 2**32 - 1])
def test_every_seed_of_a_launcher_is_accepted(seed):
  networks, _ = small.run(small.make_config(num_minibatches=2), seed=seed)
  assert all(
      np.isfinite(variable).all()
      for variable in networks.policy.trainable_variables
  )


@pytest.mark.parametrize(
    'name, metric',
    [
        ('reward', 'reward'),
        ('observation', 'regularization'),
        ('next_observation', 'value_explained'),
        ('log_prob', 'policy_gradient'),
    ],
)
def test_nan_is_an_error_that_names_a_metric(name, metric):
  def change(block):
    block[name][2, 1, 0] = np.nan

  with pytest.raises(
      errors.NonFiniteError,
      match=rf'^{metric}\w* is nan in learner step 0; smaller learning rates',
  ):
    small.run(small.make_config(), change=change)


def test_standard_deviations_stay_in_their_range():
  config = small.make_config(
      architecture='separate',
      learning_rate=5.0,
      min_std=0.8,
      initial_std=0.9,
      max_std=1.0,
  )
  networks, _ = small.run(config)
  observation = tf.zeros([K, 1, D])
  for policy in (networks.policy.task, networks.policy.shared):
    std = policy(observation).stddev().numpy()
    assert (std >= 0.8 - 1e-6).all() and (std <= 1.0 + 1e-6).all()


def test_the_learner_evaluates_the_function_that_acted():
  """Statistics move after the gradient steps: ratios of a fresh block are 1."""
  config = small.make_config(learning_rate=0.1)
  networks = small.make_networks(config)
  blocks = []
  learner = learning.DistralLearner(
      config, networks, 0, iterator=iter(lambda: blocks[-1], None)
  )

  def step_on(block):
    blocks.append(random_blocks.block_of(block))
    learner.step()

  for seed in range(3):
    step_on(small.make_block(networks, seed=seed))
    assert abs(learner.metrics['kl_to_behaviour']) < 1e-9
    assert learner.metrics['clipped_share'] == 0.0
  learner.step()  # on a stale one
  assert learner.metrics['kl_to_behaviour'] > 1e-3


def test_observation_statistics_are_those_of_the_blocks():
  config = small.make_config(num_epochs=3)
  networks, _ = small.run(config, num_steps=2)
  observation = small.make_block(small.make_networks(config))['observation']
  variables = networks.policy.acting_variables()
  np.testing.assert_allclose(
      variables['shared/mean'].numpy().ravel(),
      observation.mean(axis=(0, 1, 2)),
      rtol=1e-4,
      atol=1e-6,
  )
  (of_value,) = (
      v for v in networks.value.variables if v.name.endswith('mean:0')
  )
  for mean in (variables['task/mean'], of_value):
    np.testing.assert_allclose(
        mean.numpy()[:, 0], observation.mean(axis=(0, 2)), rtol=1e-4, atol=1e-6
    )
  np.testing.assert_allclose(
      variables['task/inverse_std'].numpy()[:, 0],
      1.0 / observation.std(axis=(0, 2)),
      rtol=1e-4,
  )


@pytest.mark.parametrize(
    'changes', [dict(), dict(optimization='alternating', regularizer='sampled')]
)
def test_it_learns_which_action_each_task_rewards(compiled, changes):
  config = small.make_config(
      kl_cost=0.02,
      entropy_cost=0.02,
      discount=0.0,
      reward_scale=1.0,
      num_epochs=4,
      learning_rate=0.02,
      **changes,
  )
  networks = distral_networks.make_networks(
      K, small.OBSERVATION, small.DISCRETE, config, 0
  )
  blocks = []
  learner = learning.DistralLearner(
      config,
      networks,
      0,
      iterator=iter(lambda: random_blocks.block_of(blocks.pop()), None),
  )
  for step in range(30):
    block = small.make_block(networks, small.DISCRETE, seed=step)
    # Task k rewards action k.
    rewarded = block['action'] == np.arange(K)[:, np.newaxis]
    blocks.append(dict(block, reward=rewarded.astype(np.float32)))
    learner.step()
  probabilities = (
      networks.policy.task(tf.zeros([K, 1, D])).probs_parameter().numpy()[:, 0]
  )
  assert (probabilities[np.arange(K), np.arange(K)] > 0.7).all()
  shared = (
      networks.policy.shared(tf.zeros([K, 1, D]))
      .probs_parameter()
      .numpy()[0, 0]
  )
  assert shared[2] < shared[:2].min()  # what no task wants, pi_0 wants least


@pytest.mark.parametrize('architecture', ['two_column', 'separate'])
def test_deviations_narrow_in_a_straight_line(architecture):
  """A block is 36 steps; the bound falls from 1.6 to 0.4 over three of them."""
  config = small.make_config(
      architecture=architecture,
      initial_std=1.5,
      max_std=1.6,
      narrowed_std=0.4,
      narrowing_steps=3 * T * K * E,
      learning_rate=1e-9,
  )
  networks = small.make_networks(config)
  variables = networks.policy.acting_variables()
  shared = variables['shared/log_std']
  (task,) = (
      variable
      for name, variable in variables.items()
      if name in ('task/log_std', 'task/max_log_std')
  )
  for log_std in (shared, task):
    log_std.assign(tf.fill(log_std.shape, math.log(1.5)))
  learner = small.make_learner(config, networks, small.make_block(networks))
  for bound in (1.2, 0.8, 0.4, 0.4):
    learner.step()
    np.testing.assert_allclose(tf.exp(task), bound, rtol=1e-5)
    np.testing.assert_allclose(
        tf.exp(shared),
        1.5 if architecture == 'two_column' else bound,
        rtol=1e-5,
    )
