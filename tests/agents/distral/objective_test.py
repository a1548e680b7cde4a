"""The losses' gradient is that of equation (1), and mistakes would show."""

from distillery.agents.distral import losses
from helpers import tabular
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

K, S, A = tabular.K, tabular.S, tabular.A


SETTINGS = {
    'separate, alpha 0': tabular.make_setting('separate', 0.0),
    'separate, alpha 0.5': tabular.make_setting('separate', 0.5),
    'separate, alpha 1': tabular.make_setting('separate', 1.0),
    'two_column, alpha 0': tabular.make_setting('two_column', 0.0),
    'two_column, alpha 0, A3C 2col': tabular.make_setting(
        'two_column', 0.0, 0.5
    ),
    'two_column, alpha 0.5': tabular.make_setting('two_column', 0.5),
    'two_column, alpha 1': tabular.make_setting('two_column', 1.0),
}


@pytest.mark.parametrize('regularizer', ['sampled', 'exact'])
@pytest.mark.parametrize('name', SETTINGS)
def test_gradient_equals_central_differences(name, regularizer):
  setting, parameters = SETTINGS[name], tabular.make_parameters()
  expected = tabular.numerical_gradient(setting, *parameters)
  assert np.abs(expected[S * A :]).max() > 0.1
  np.testing.assert_allclose(
      tabular.gradient_of_losses(setting, *parameters, regularizer),
      expected,
      rtol=0.0,
      atol=1e-6,
  )


def test_bonus_is_the_gradient_of_raw_return_plus_that_of_entropy():
  """A3C: the states' distribution is not differentiated in the bonus."""
  parameters = tabular.make_parameters()
  setting = tabular.make_setting('two_column', 0.0, 0.5)
  raw = setting._replace(entropy_cost=0.0)
  weight = tabular.occupancy(setting, tabular.policies(setting, *parameters)[0])
  variables = [tf.constant(x) for x in parameters]
  with tf.GradientTape() as tape:
    tape.watch(variables)
    log_pi = tf.nn.log_softmax(0.5 * variables[0] + variables[1])
    bonus = -setting.entropy_cost * tf.reduce_sum(
        weight[..., np.newaxis] * tf.exp(log_pi) * log_pi
    )
  np.testing.assert_allclose(
      tabular.gradient_of_losses(setting, *parameters, 'bonus'),
      tabular.numerical_gradient(raw, *parameters)
      + tabular.flatten(tape.gradient(bonus, variables)),
      atol=1e-6,
  )


def freeze(distribution):
  return tfd.Categorical(logits=tf.stop_gradient(distribution.logits))


def wrong_rho(change):
  """exact_regularizer with something else put in."""

  def rho(task, shared, *, kl_cost, entropy_cost):
    kl, sign = tfd.kl_divergence(task, shared), 1.0
    if change == 'swapped':
      kl = tfd.kl_divergence(shared, task)
    elif change == 'detached':
      kl = tfd.kl_divergence(task, freeze(shared))
    elif change == 'entropy':
      sign = -1.0
    return -kl_cost * kl + sign * entropy_cost * task.entropy()

  return 'exact_regularizer', rho


def wrong_addition(task, shared, action, *, regularizer, kl_cost, entropy_cost):
  """The sampled regularizer that punishes entropy."""
  del regularizer
  return tf.stop_gradient(
      kl_cost * (shared.log_prob(action) - task.log_prob(action))
      + entropy_cost * task.log_prob(action)
  )


MISTAKES = {
    'no centroid term': (
        'sampled',
        ('centroid_loss', lambda p, q: tf.zeros_like(p.entropy())),
    ),
    'pi_0 detached in the centroid': (
        'sampled',
        ('centroid_loss', lambda p, q: tfd.kl_divergence(freeze(p), freeze(q))),
    ),
    'centroid moves pi_k too': (
        'sampled',
        ('centroid_loss', lambda p, q: tfd.kl_divergence(p, q)),
    ),
    'centroid of KL(pi_0 || pi_k)': (
        'sampled',
        ('centroid_loss', lambda p, q: tfd.kl_divergence(q, freeze(p))),
    ),
    'sign of the centroid': (
        'sampled',
        ('centroid_loss', lambda p, q: -tfd.kl_divergence(freeze(p), q)),
    ),
    'sign of the entropy, sampled': (
        'sampled',
        ('reward_regularizer', wrong_addition),
    ),
    'pi_0 detached in rho': ('exact', wrong_rho('detached')),
    'rho of KL(pi_0 || pi_k)': ('exact', wrong_rho('swapped')),
    'sign of the entropy, exact': ('exact', wrong_rho('entropy')),
}


@pytest.mark.parametrize('architecture', ['separate', 'two_column'])
@pytest.mark.parametrize('name', MISTAKES)
def test_mistakes_would_show(name, architecture, monkeypatch):
  regularizer, (function, wrong) = MISTAKES[name]
  setting = tabular.make_setting(architecture, 0.5)
  parameters = tabular.make_parameters()
  expected = tabular.numerical_gradient(setting, *parameters)
  monkeypatch.setattr(losses, function, wrong)
  found = tabular.gradient_of_losses(setting, *parameters, regularizer)
  assert np.abs(found - expected).max() > 1e-2


@pytest.mark.parametrize('architecture', ['separate', 'two_column'])
def test_counting_the_step_twice_would_show(architecture):
  """Sampled log-ratio in the advantage, and the exact term beside it."""
  setting = tabular.make_setting(architecture, 0.5)
  parameters = tabular.make_parameters()
  found = tabular.gradient_of_losses(
      setting, *parameters, 'exact', added_by='sampled'
  )
  expected = tabular.numerical_gradient(setting, *parameters)
  assert np.abs(found - expected).max() > 1e-2


@pytest.mark.parametrize('regularizer', ['sampled', 'exact'])
@pytest.mark.parametrize('architecture', ['separate', 'two_column'])
def test_joint_steps_increase_the_objective(architecture, regularizer):
  setting = tabular.make_setting(architecture, 0.5)
  h, g = tabular.make_parameters()
  history = [tabular.objective(setting, h, g)]
  for _ in range(15):
    step = 0.1 * tabular.gradient_of_losses(setting, h, g, regularizer)
    h, g = h + step[: S * A].reshape(S, A), g + step[S * A :].reshape(K, S, A)
    history.append(tabular.objective(setting, h, g))
  assert (np.diff(history) > 0.0).all()
  assert history[-1] > history[0] + 1.0


def centroid_gradient(setting, h, g):
  """Returns the negated gradient of the second phase, `[S, A]`."""
  h = tf.constant(h)
  pi, _ = tabular.policies(setting, h.numpy(), g)
  weight = tabular.occupancy(setting, pi)
  states = np.tile(np.arange(S), (K, 1))
  with tf.GradientTape() as tape:
    tape.watch(h)
    loss = tf.reduce_sum(
        weight
        * losses.centroid_loss(
            *tabular.distributions(setting, h, tf.constant(g), states)
        )
    )
  return -tape.gradient(loss, h).numpy()


@pytest.mark.parametrize('alpha', [0.5, 1.0])
def test_alternating_steps_increase_the_objective(alpha):
  setting = tabular.make_setting('separate', alpha)
  h, g = tabular.make_parameters()
  history = [tabular.objective(setting, h, g)]
  for _ in range(8):
    for _ in range(2):
      step = 0.2 * tabular.gradient_of_losses(setting, h, g, 'exact')
      g = g + step[S * A :].reshape(K, S, A)
      history.append(tabular.objective(setting, h, g))
    for _ in range(2):
      h = h + 0.2 * centroid_gradient(setting, h, g)
      history.append(tabular.objective(setting, h, g))
  assert (np.diff(history) > 0.0).all()
  assert history[-1] > history[0] + 1.0


def test_best_pi_0_is_the_tasks_mean_weighted_by_occupancy():
  setting = tabular.make_setting('separate', 1.0)
  h, g = tabular.make_parameters()
  pi, _ = tabular.policies(setting, h, g)
  weight = tabular.occupancy(setting, pi)[..., np.newaxis]
  best = np.log((weight * pi).sum(axis=0) / weight.sum(axis=0))
  np.testing.assert_allclose(
      centroid_gradient(setting, best, g), 0.0, atol=1e-12
  )
  assert tabular.objective(setting, best, g) > tabular.objective(setting, h, g)


def test_one_task_with_kl_alone_becomes_deterministic():
  """pi_0 follows pi_1 and the cost vanishes; with entropy it stays soft."""
  entropies = {}
  for alpha in (0.5, 1.0):
    mdp = tabular.make_mdp(num_tasks=1)
    mdp = mdp._replace(reward=0.3 * mdp.reward)
    setting = tabular.make_setting('separate', alpha, mdp=mdp)
    _, g = tabular.make_parameters(num_tasks=1)
    for _ in range(20):
      pi, _ = tabular.policies(setting, g[0], g)
      h = np.log(np.maximum(pi[0], 1e-300))  # the best pi_0 of one task
      step = tabular.gradient_of_losses(setting, h, g, 'exact')[S * A :]
      # Divided by how often it is taken: a step of mirror ascent, which the
      # plateaus of the softmax do not slow.
      weight = tabular.occupancy(setting, pi)[..., np.newaxis] * pi
      g = g + 4.0 * step.reshape(g.shape) / np.maximum(weight, 1e-12)
    pi, _ = tabular.policies(setting, g[0], g)
    entropies[alpha] = -(pi * np.log(np.maximum(pi, 1e-300))).sum(-1).max()
  assert entropies[1.0] < 1e-3
  assert entropies[0.5] > 0.1, entropies


@pytest.mark.parametrize('regularizer', ['sampled', 'exact', 'bonus'])
def test_without_a_kl_cost_pi_0_is_irrelevant(regularizer):
  setting = tabular.make_setting('separate', 0.0)
  h, g = tabular.make_parameters()
  other = np.random.default_rng(1).normal(size=h.shape)
  first, second = (
      tabular.gradient_of_losses(setting, x, g, regularizer) for x in (h, other)
  )
  np.testing.assert_array_equal(first, second)
  assert not first[: S * A].any() and first[S * A :].any()
