"""A2C's step: returns by hand, its gradient, and who is moved in what order."""

import itertools

from distillery.agents.a2c import builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.a2c import learning
from distillery.agents.a2c import losses
from distillery.agents.a2c import networks as a2c_networks
from distillery.agents.a2c import rewards
from distillery.agents.core import specs as core_specs
from dm_env import specs
from helpers import caught_gradients
from helpers import gpu_kernels
from helpers import random_blocks
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

T, K, E, D, A = 4, 2, 3, 5, 2
SPEC = core_specs.AgentSpec(
    num_tasks=K,
    num_test_tasks=0,
    observation_spec=specs.Array((D,), np.float32),
    action_spec=specs.BoundedArray((A,), np.float32, -1.0, 1.0),
)


def make_config(**changes):
  settings = dict(
      envs_per_task=E,
      unroll_length=T,
      discount=0.9,
      entropy_cost=0.3,
      value_cost=0.5,
      hidden_sizes=(6, 5),
      max_gradient_norm=1e6,
  )
  settings.update(changes)
  return a2c_config.A2CConfig(**settings)


def make_networks(config, seed=0):
  networks = a2c_networks.make_networks(SPEC, config, seed)
  rng = np.random.default_rng(seed)
  for variable in (
      *networks.policy.trainable_variables,
      *networks.value.trainable_variables,
  ):
    variable.assign(rng.normal(scale=0.4, size=variable.shape))
  return networks


def make_block(networks, seed=0):
  rng = np.random.default_rng(seed)
  observation = rng.normal(size=(T, K, E, D)).astype(np.float32)
  twin = networks.policy.acting_policy('task')
  selected = twin.select_tasks(
      {
          name: variable.numpy()
          for name, variable in networks.policy.acting_variables().items()
      },
      np.arange(K),
  )
  noise = rng.normal(size=(T, K, E, A)).astype(np.float32)
  action, log_prob = (
      np.stack(parts)
      for parts in zip(
          *(twin.sample(selected, observation[t], noise[t]) for t in range(T))
      )
  )
  end = np.zeros((T, K, E), bool)
  end[1, 0, 0] = end[2, 1, 1] = True
  discount = np.ones((T, K, E), np.float32)
  discount[2, 1, 1] = 0.0  # A termination; the other is a time limit.
  step = np.full((T, K, E), 7, np.int32)
  step[2, 0, 0] = step[3, 1, 1] = 0
  following = rng.normal(size=observation.shape).astype(np.float32)
  following[:-1] = np.where(
      end[:-1, ..., np.newaxis], following[:-1], observation[1:]
  )
  return dict(
      observation=observation,
      action=action,
      log_prob=log_prob,
      next_observation=following,
      reward=rng.normal(size=end.shape).astype(np.float32),
      discount=discount,
      episode_step=step,
      episode_end=end,
      success=np.zeros_like(end),
  )


def make_learner(config, networks, block):
  return learning.A2CLearner(
      config,
      networks,
      iterator=itertools.repeat(random_blocks.block_of(block)),
  )


def values(networks, observation):
  """V_k, `[T, K, E]`."""
  return np.stack([networks.value(tf.constant(x)).numpy() for x in observation])


def returns(config, networks, block):
  """n-step returns `[T, K, E]`, by hand."""
  following = values(networks, block['next_observation'])
  target = np.zeros((T, K, E))
  for t in reversed(range(T)):
    later = following[t]
    if t + 1 < T:
      later = np.where(block['episode_end'][t], following[t], target[t + 1])
    target[t] = block['reward'][t] + config.discount * (
        block['discount'][t] * later
    )
  return target


def variables(networks):
  return [
      *networks.policy.shared_variables(),
      *networks.value.shared_variables(),
      *networks.policy.task_variables(),
      *networks.value.task_variables(),
  ]


def gradient_by_hand(config, networks, block, target, tasks):
  """Returns the gradient of some tasks' summed losses, from the formula."""
  advantage = target - values(networks, block['observation'])
  with tf.GradientTape() as tape:
    loss = 0.0
    for t in range(T):
      policy = networks.policy.task(tf.constant(block['observation'][t]))
      # H of a Gaussian: sum of log std + (1 + log 2 pi) / 2.
      entropy = tf.reduce_sum(
          tf.math.log(policy.stddev()) + 0.5 * (1.0 + np.log(2.0 * np.pi)), -1
      )
      each = (
          -policy.log_prob(block['action'][t]) * advantage[t]
          - config.entropy_cost * entropy
          + config.value_cost
          * tf.square(
              networks.value(tf.constant(block['observation'][t])) - target[t]
          )
      )
      loss += sum(tf.reduce_mean(each[k]) for k in tasks) / T
  return tape.gradient(
      loss,
      variables(networks),
      unconnected_gradients=tf.UnconnectedGradients.ZERO,
  )


@pytest.mark.parametrize('architecture', ['multi_head', 'separate'])
def test_the_gradient_is_that_of_the_objective(architecture):
  config = make_config(architecture=architecture)
  networks = make_networks(config)
  block = make_block(networks)
  learner = make_learner(config, networks, block)
  want = gradient_by_hand(
      config, networks, block, returns(config, networks, block), range(K)
  )
  # Where nothing is shared, there is nothing to apply.
  found = [
      gradient
      for pairs in caught_gradients.catch(
          learner,
          {'shared': learner._shared_optimizer, 'own': learner._own_optimizer},
          random_blocks.block_of(block),
      ).values()
      for gradient, _ in pairs
  ]
  assert len(found) == len(want)
  for got, wanted in zip(found, want):
    np.testing.assert_allclose(got, wanted, atol=2e-5)


def test_gradients_are_clipped_the_trunks_whole_and_each_heads_apart():
  pulls = []
  for max_norm in (1e6, 0.01):
    config = make_config(max_gradient_norm=max_norm)
    networks = make_networks(config)
    block = make_block(networks)
    pulls.append(
        caught_gradients.trunk_and_heads(
            make_learner(config, networks, block),
            random_blocks.block_of(block),
            K,
        )
    )
  for free, clipped in zip(*pulls):
    caught_gradients.assert_clipped(free, clipped, 0.01)


def test_in_turns_each_task_moves_the_trunk_and_then_its_own_head():
  config = make_config(order='turns')
  networks, other = make_networks(config), make_networks(config)
  block = make_block(networks)
  learner = make_learner(config, networks, block)
  # By hand: one task after the other, with RMSprop of each variable's own.
  target = returns(config, other, block)
  squares = [np.zeros(v.shape, np.float32) for v in variables(other)]
  num_shared = len(learner._shared)
  heads = []
  for task in range(K):
    with tf.GradientTape() as tape:
      loss = 0.0
      for t in range(T):
        policy = other.policy.task(tf.constant(block['observation'][t]))
        value = other.value(tf.constant(block['observation'][t]))
        now = target[t] - tf.stop_gradient(value)
        # No longer 1, once the trunk has moved.
        ratio = tf.exp(
            policy.log_prob(block['action'][t]) - block['log_prob'][t]
        )
        each = (
            -ratio * now
            - config.entropy_cost * policy.entropy()
            + config.value_cost * tf.square(value - target[t])
        )
        loss += tf.reduce_mean(each[task]) / T
    gradients = tape.gradient(loss, variables(other))
    heads.append([g.numpy() for g in gradients[num_shared:]])
    for i in range(num_shared):
      g = gradients[i].numpy()
      squares[i] = 0.99 * squares[i] + 0.01 * g**2
      variables(other)[i].assign_sub(
          config.learning_rate * g / np.sqrt(squares[i] + 1e-5)
      )
  for i, parts in enumerate(zip(*heads)):
    g = sum(parts)
    variables(other)[num_shared + i].assign_sub(
        config.learning_rate * g / np.sqrt(0.01 * g**2 + 1e-5)
    )
  learner.step()
  for got, want in zip(variables(networks), variables(other)):
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_the_bonus_is_the_entropy_and_not_what_was_drawn():
  log_std = tf.Variable([[[0.3, -0.2]]])
  action = tf.constant([[[5.0, -3.0]]])  # Unlikely.
  with tf.GradientTape() as tape:
    policy = tfp.distributions.Independent(
        tfp.distributions.Normal(tf.zeros_like(log_std), tf.exp(log_std)), 1
    )
    terms = losses.terms(
        policy,
        action,
        policy.log_prob(action),
        tf.zeros([1, 1]),
        tf.zeros([1, 1]),
    )
    entropy = tf.reduce_sum(terms.entropy)
  assert entropy.numpy() == pytest.approx(0.1 + 1.0 + np.log(2.0 * np.pi))
  np.testing.assert_allclose(tape.gradient(entropy, log_std), [[[1.0, 1.0]]])


def test_rewards_are_divided_by_the_deviation_of_their_returns():
  scale = rewards.RewardScale(K, E, 0.9, 1e-4)
  rng = np.random.default_rng(0)
  total, seen = np.zeros((K, E)), []
  for _ in range(5):
    reward = rng.normal(size=(T, K, E)).astype(np.float32)
    reward[:, 1] *= 20.0
    first = rng.random((T, K, E)) < 0.2
    block = random_blocks.block_of(
        dict(
            reward=reward,
            episode_step=np.where(first, 0, 3).astype(np.int32),
        )
    )
    for t in range(T):
      total = 0.9 * total * ~first[t] + reward[t]
      seen.append(total)
    got = scale(block.reward, block.episode_step)
    std = np.stack(seen).std(axis=(0, 2))
    np.testing.assert_allclose(
        got, block.reward / std[:, np.newaxis, np.newaxis], rtol=1e-4
    )


def test_the_step_learns_from_divided_rewards():
  config = make_config(normalize_rewards=True)
  networks = make_networks(config)
  block = make_block(networks)
  scale = rewards.RewardScale(K, E, config.discount, config.min_return_std)
  turned = random_blocks.block_of(block)
  divided = {
      **block,
      'reward': np.swapaxes(scale(turned.reward, turned.episode_step), 0, 1),
  }
  want = returns(config, networks, divided).mean()
  learner = make_learner(config, networks, block)
  learner.step()
  found = learner.metrics
  assert found['value_target'] == pytest.approx(want, rel=1e-4)
  # The logged rewards are those that the environment gave.
  assert found['reward'] == pytest.approx(block['reward'].mean(), rel=1e-4)


def test_statistics_take_in_what_was_learned_from():
  config = make_config()
  networks = make_networks(config)
  block = make_block(networks)
  make_learner(config, networks, block).step()
  np.testing.assert_allclose(
      networks.policy.normalizer.mean.numpy().ravel(),
      block['observation'].mean(axis=(0, 1, 2)),
      atol=1e-5,
  )


def test_discrete_actions_are_refused():
  with pytest.raises(ValueError, match='A2C needs continuous actions'):
    builder.A2CBuilder(
        make_config(), SPEC._replace(action_spec=specs.DiscreteArray(3))
    )


@pytest.mark.parametrize(
    'settings, words',
    [
        (dict(hidden_sizes=()), 'hidden_sizes must have at least one layer'),
        (dict(entropy_cost=-1.0), 'entropy_cost must not be negative'),
        (dict(discount=1.0), 'discount'),
        (dict(order='random'), 'order must be one of'),
        (
            dict(order='turns', architecture='separate'),
            "order='turns' would only cost time",
        ),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
  with pytest.raises(ValueError, match=words):
    make_config(**settings)


@pytest.mark.parametrize('architecture', ['multi_head', 'separate'])
@pytest.mark.parametrize(
    'trainable, value_is_new, moved',
    [
        ('last', False, {'policy': 1, 'value': 1}),
        ('last_two', False, {'policy': 2, 'value': 1}),
        ('last', True, {'policy': 1, 'value': 3}),  # All of them.
    ],
)
def test_frozen_layers_stay_to_the_last_bit(
    architecture, trainable, value_is_new, moved
):
  config = make_config(
      architecture=architecture, initial_run='runs/x', trainable=trainable
  )
  networks = make_networks(config)._replace(value_is_new=value_is_new)
  learner = make_learner(config, networks, make_block(networks))
  everything = {
      name: [variable for variable in module.trainable_variables]
      for name, module in (
          ('policy', networks.policy),
          ('value', networks.value),
      )
  }
  wanted = {
      variable.ref()
      for name, module in (
          ('policy', networks.policy),
          ('value', networks.value),
      )
      for kind in ('weights', 'biases')
      for variable in module._net.layers(kind)[-moved[name] :]
  }
  wanted.add(networks.policy._log_std.ref())
  frozen = [*networks.policy.normalizer.variables]
  before = {
      variable.ref(): variable.numpy()
      for variable in (*sum(everything.values(), []), *frozen)
  }
  for _ in range(3):
    learner.step()
  for variable in sum(everything.values(), []):
    is_same = np.array_equal(variable.numpy(), before[variable.ref()])
    assert is_same == (variable.ref() not in wanted), variable.name
  for variable in frozen:
    np.testing.assert_array_equal(variable.numpy(), before[variable.ref()])


def test_layers_are_frozen_only_if_they_were_learned():
  with pytest.raises(ValueError, match="trainable='last' would leave ran"):
    make_config(trainable='last')


def test_shapes_that_would_broadcast_are_refused():
  policy = tfd.Independent(tfd.Normal(tf.zeros([2, 3, 4]), 1.0), 1)
  zeros = tf.zeros([2, 3])
  for shape in ([3, 4], [1, 3, 4], [2, 3, 1]):
    with pytest.raises(ValueError, match='terms: action has shape .*, want'):
      losses.terms(policy, tf.zeros(shape), zeros, zeros, zeros)


def test_a_batch_of_another_layout_is_refused():
  config = make_config(normalize_rewards=True)
  networks = make_networks(config)
  for name, change, words in (
      ('reward', lambda x: x[..., :1], ' has shape '),
      ('discount', lambda x: x[0], 'block: discount has shape'),
      ('episode_step', lambda x: x.astype(np.float32), 'has dtype float32'),
  ):
    block = make_block(networks)
    block[name] = change(block[name])
    with pytest.raises(ValueError, match=words):
      make_learner(config, networks, block).step()
  block = make_block(networks)
  block['episode_step'] = None
  with pytest.raises(ValueError, match='batch: got none of episode_step'):
    make_learner(config, networks, block).step()


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  config = make_config(normalize_rewards=True)
  networks = make_networks(config)
  learner = make_learner(config, networks, make_block(networks))
  learner.step()
  assert not gpu_kernels.missing(learner)
