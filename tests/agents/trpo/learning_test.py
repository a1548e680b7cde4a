"""A step of TRPO: the one that NumPy makes, of whose data, and if it fails."""

from typing import NamedTuple

from distillery.agents.core import errors
from helpers import gpu_kernels
from helpers import random_blocks
from helpers import small_trpo as small
import numpy as np
import pytest
import tensorflow as tf

T, K, E, D, A = small.T, small.K, small.E, small.D, small.A


class Policy(NamedTuple):
  """A linear Gaussian policy in NumPy; one matrix, bias and log-deviation."""

  weight: np.ndarray  # [F, A]
  bias: np.ndarray  # [A]
  log_std: np.ndarray  # [A]

  def moved(self, step):
    parts = np.split(step, np.cumsum([x.size for x in self])[:-1])
    return Policy(*(x + part.reshape(x.shape) for x, part in zip(self, parts)))

  def mean(self, x):
    return x @ self.weight + self.bias

  def log_prob(self, x, action):
    z = (action - self.mean(x)) / np.exp(self.log_std)
    return (-0.5 * z**2 - self.log_std - 0.5 * np.log(2.0 * np.pi)).sum(axis=-1)

  def kl(self, x, new):
    """Mean KL(self || new)."""
    variance = np.exp(2.0 * self.log_std)
    gap = self.mean(x) - new.mean(x)
    return (
        (
            (variance + gap**2) / (2.0 * np.exp(2.0 * new.log_std))
            - 0.5
            + new.log_std
            - self.log_std
        )
        .sum(axis=-1)
        .mean()
    )


def policy_of(networks):
  weight, bias, log_std = sorted(
      small.policy_arrays(networks), key=lambda x: -x.ndim * 100 - x.size
  )
  return Policy(
      weight.reshape(-1, A).astype(float),
      bias.reshape(A).astype(float),
      log_std.astype(float),
  )


def features(networks, block, observes_task):
  """Returns the policy's features [K T E, F]; the task's one-hot comes last."""
  variables = networks.policy.acting_variables()
  x = np.moveaxis(block['observation'], 1, 0).reshape(K, -1, D)
  x = np.clip(
      (x - variables['shared/mean'].numpy()[0])
      * variables['shared/inverse_std'].numpy()[0],
      -5.0,
      5.0,
  )
  if observes_task:
    one_hot = np.broadcast_to(np.eye(K)[:, np.newaxis], [*x.shape[:2], K])
    x = np.concatenate([x, one_hot], axis=-1)
  return x.reshape(-1, x.shape[-1])


def first_advantages(config, block):
  """[K T E]; of a critic that expects nothing yet."""
  advantage, following = np.zeros([T, K, E]), 0.0
  for t in reversed(range(T)):
    goes_on = block['discount'][t] * ~block['episode_end'][t]
    following = block['reward'][t] + (
        config.discount * config.gae_lambda * goes_on * following
    )
    advantage[t] = following
  advantage = np.moveaxis(advantage, 1, 0).reshape(K, -1)
  advantage -= advantage.mean(axis=1, keepdims=True)
  return (advantage / advantage.std(axis=1, keepdims=True)).ravel()


def natural_step(config, policy, x, action, advantage):
  """The whole step before any is taken back, by an explicit Fisher matrix."""
  std = np.exp(policy.log_std)
  z = (action - policy.mean(x)) / std
  rows = np.concatenate([x, np.ones([len(x), 1])], axis=1)
  score = np.concatenate(  # d log pi / d (weight, bias, log_std), [N, P].
      [
          (rows[:, :, np.newaxis] * (z / std)[:, np.newaxis]).reshape(
              len(x), -1
          ),
          z**2 - 1.0,
      ],
      axis=1,
  )
  gradient = -(score * advantage[:, np.newaxis]).mean(axis=0)
  size = rows.shape[1] * A
  fisher = np.zeros([size + A, size + A])
  fisher[:size, :size] = np.kron(
      rows.T @ rows / len(rows), np.diag(1.0 / std**2)
  )
  fisher[size:, size:] = 2.0 * np.eye(A)
  fisher += config.damping * np.eye(len(fisher))
  direction = np.linalg.solve(fisher, gradient)
  return direction * np.sqrt(
      2.0 * config.max_kl / (direction @ fisher @ direction)
  )


@pytest.mark.parametrize(
    'changes, num_backtracks',
    [
        (dict(), 1),
        (dict(observes_task=False), 0),
        (dict(damping=1.0), 0),
        (dict(max_kl=3.0, backtrack_ratio=0.9, max_std=9.0), 3),
    ],
)
def test_a_step_is_the_one_that_numpy_makes(changes, num_backtracks):
  config = small.make_config(**changes)
  networks = small.make_networks(config)
  block = small.make_block(networks)
  old = policy_of(networks)
  x = features(networks, block, config.observes_task)
  action = np.moveaxis(block['action'], 1, 0).reshape(-1, A)
  advantage = first_advantages(config, block)
  step = natural_step(config, old, x, action, advantage)

  def surrogate(new):
    return -(
        np.exp(new.log_prob(x, action) - old.log_prob(x, action)) * advantage
    ).mean()

  for j in range(config.max_backtracks + 1):
    new = old.moved(-config.backtrack_ratio**j * step)
    if old.kl(x, new) <= config.max_kl and surrogate(new) < surrogate(old):
      break
  learner = small.make_learner(config, networks, block)
  learner.step()
  for found, wanted, before in zip(policy_of(networks), new, old):
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=2e-4)
    assert (np.abs(wanted - before) > 2e-3).mean() > 0.5
  metrics = learner.metrics
  assert j == num_backtracks == metrics['backtracks']
  assert metrics['accepted'] == 1.0
  assert (
      metrics['kl']
      == metrics['largest_kl']
      == pytest.approx(old.kl(x, new), rel=1e-2)
  )
  assert metrics['improvement'] == pytest.approx(
      surrogate(old) - surrogate(new), rel=1e-2
  )
  assert metrics['entropy'] == pytest.approx(
      (new.log_std + 0.5 * np.log(2.0 * np.pi * np.e)).sum(), rel=1e-3
  )
  assert metrics['reward'] == pytest.approx(block['reward'].mean(), rel=1e-4)


def test_every_task_weighs_the_same():
  """However large its rewards are."""

  def enlarge(block):
    block['reward'][:, 1] *= 1000.0

  before = small.policy_arrays(small.make_networks(small.make_config()))
  plain, enlarged = (
      small.policy_arrays(small.run(small.make_config(), change=change)[0])
      for change in (None, enlarge)
  )
  for old, a, b in zip(before, plain, enlarged):
    assert np.abs(a - old).max() > 1e-2
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize('baseline', ['linear', 'neural'])
def test_values_are_used_before_they_are_fitted(baseline):
  config = small.make_config(baseline=baseline)
  networks = small.make_networks(config)
  block = small.make_block(networks)
  learner = small.make_learner(config, networks, block)
  for step in range(2):
    unseen = networks.critic.estimate(random_blocks.block_of(block)).metrics()
    learner.step()
    for name in ('value', 'value_explained'):
      assert learner.metrics[name] == pytest.approx(
          float(unseen[name]), abs=1e-5
      )
    if baseline == 'linear' and not step:
      assert learner.metrics['value'] == 0.0
  assert learner.metrics['value_explained'] != 0.0


def test_observations_are_taken_in_after_the_step():
  config = small.make_config()
  networks = small.make_networks(config)
  block = small.make_block(networks)
  small.make_learner(config, networks, block).step()
  found = networks.policy.acting_variables()['shared/mean']
  expected = small.make_networks(config)
  expected.policy.observe(
      tf.constant(np.moveaxis(block['observation'], 1, 0).reshape(K, -1, D))
  )
  np.testing.assert_allclose(
      found, expected.policy.acting_variables()['shared/mean'], rtol=1e-5
  )


def test_a_step_that_is_not_accepted_leaves_the_policy():
  """The critic learns all the same."""
  config = small.make_config(max_kl=100.0, max_backtracks=0, max_std=9.0)
  before = small.make_networks(config)
  networks, learner = small.run(config)
  for old, new in zip(
      small.policy_arrays(before), small.policy_arrays(networks)
  ):
    np.testing.assert_array_equal(old, new)
  assert {
      name: learner.metrics[name]
      for name in ('kl', 'largest_kl', 'improvement', 'step_norm', 'accepted')
  } == {
      'kl': 0.0,
      'largest_kl': 0.0,
      'improvement': 0.0,
      'step_norm': 0.0,
      'accepted': 0.0,
  }
  assert any(
      (a != b).any()
      for a, b in zip(
          small.critic_arrays(before), small.critic_arrays(networks)
      )
  )


@pytest.mark.parametrize(
    'name, value, words',
    [
        ('reward', np.nan, 'loss of region 0; '),
        ('reward', 3e38, 'loss of region 0; '),
        ('observation', np.nan, 'loss of region 0; '),
    ],
)
def test_numbers_not_finite_are_named_and_move_nothing(name, value, words):
  config = small.make_config()
  networks = small.make_networks(config)
  before = small.policy_arrays(networks)
  block = small.make_block(networks)
  block[name][2:4, 1, 0] = value
  learner = small.make_learner(config, networks, block)
  with pytest.raises(
      errors.NonFiniteError, match=f'^not finite in learner step 0: {words}'
  ):
    learner.step()
  assert learner.num_steps == 0
  for old, new in zip(before, small.policy_arrays(networks)):
    np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_discrete_actions(compiled):
  del compiled
  config = small.make_config(hidden_sizes=(4,))
  networks = small.make_networks(config, small.DISCRETE)
  before = small.policy_arrays(networks)
  learner = small.make_learner(config, networks, small.make_block(networks))
  learner.step()
  assert learner.metrics['accepted'] == 1.0
  assert learner.metrics['improvement'] > 1e-3
  assert 0.2 * config.max_kl < learner.metrics['kl'] <= config.max_kl
  for old, new in zip(before, small.policy_arrays(networks)):
    assert (old != new).any()


@pytest.mark.parametrize(
    'changes',
    [
        dict(discount=0.8),
        dict(gae_lambda=0.7),
        dict(baseline='neural'),
        dict(max_kl=0.02),
        dict(damping=0.1),
        dict(cg_iterations=1),
        dict(hidden_sizes=(4,)),
        dict(observes_task=False),
        dict(initial_std=0.9),
        dict(min_observation_std=9.0),
    ],
)
def test_every_setting_is_felt(changes):
  one, other = (
      np.concatenate(
          [
              x.ravel()
              for x in small.policy_arrays(
                  small.run(small.make_config(**settings), num_steps=2)[0]
              )
          ]
      )
      for settings in ({}, changes)
  )
  assert one.shape != other.shape or np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize(
    'bounds, sign', [(dict(min_std=0.95), -1.0), (dict(max_std=1.05), 1.0)]
)
def test_the_deviation_stays_in_its_range(bounds, sign):
  """Where what is near the mean, or far from it, is good."""

  def change(block):
    block['reward'] = sign * np.square(block['action']).sum(axis=-1)

  (bound,) = bounds.values()
  for settings, is_bounded in ((bounds, True), ({}, False)):
    networks, _ = small.run(
        small.make_config(discount=0.0, max_kl=0.1, **settings),
        change=change,
        num_steps=3,
    )
    std = np.exp(networks.policy.shared_variables()[-1].numpy())
    assert (sign * (std - bound) <= 1e-6).all() == is_bounded
    assert (np.abs(std - bound) < 1e-6).any() == is_bounded


def test_the_seed_orders_the_critics_minibatches_another_way_each_step():
  config = small.make_config(baseline='neural')

  def after(seed, num_steps=1):
    return small.critic_arrays(
        small.run(config, seed=seed, num_steps=num_steps)[0]
    )

  first = after(0)
  assert all((a == b).all() for a, b in zip(first, after(0)))
  assert any((a != b).any() for a, b in zip(first, after(1)))


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  _, learner = small.run(small.make_config())
  assert not gpu_kernels.missing(learner)
