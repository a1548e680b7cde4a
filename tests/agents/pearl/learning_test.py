"""Tests of PEARL's updates, against losses in NumPy."""

import dataclasses

from distillery.agents.core import errors
from distillery.agents.core.replay import episodes
from distillery.agents.core.replay import transitions
from distillery.agents.pearl import networks as pearl_networks
from helpers import gpu_kernels
from helpers import small_pearl as small
from helpers.small_pearl import A
from helpers.small_pearl import D
from helpers.small_pearl import K
from helpers.small_pearl import L
from helpers.small_pearl import M
from helpers.small_pearl import N
import numpy as np
import pytest
import tensorflow as tf


def stepped(config, batch=None):
  networks = small.make_networks(config)
  before = small.values(networks)
  learner = small.make_learner(config, networks, batch)
  learner.step()
  return before, small.values(networks), learner


def moved(before, after):
  return {
      name.split('/')[0]
      for name, value in before.items()
      if not np.array_equal(value, after[name])
  }


def test_a_step_moves_everything_and_its_latents():
  before, after, _ = stepped(small.make_config())
  assert moved(before, after) == {
      'policy',
      'critics',
      'target_critics',
      'encoder',
      'temperatures',
      'latents',
  }
  still = small.make_config(learning_rate=1e-30, target_rate=1e-30)
  # The policy that acts is no longer uniformly random.
  assert moved(*stepped(still)[:2]) == {'policy', 'latents'}


class Reference:
  """The losses, written down once more in NumPy, for rows all alike."""

  def __init__(self, config, networks, batch, seed=0):
    self.config, self.networks = config, networks
    self.context, self.rows = (
        batch[kind].numpy()[0, 0, 0] for kind in ('context', 'replay')
    )
    seeds = tf.random.split(tf.constant([seed, 0], tf.int64), 5)
    self.noise = tf.random.stateless_normal([2, M, N, A], seeds[3]).numpy()
    self.latent_noise = tf.random.stateless_normal([M, L], seeds[4]).numpy()

  def parts(self, row):
    o, a, r, d, next_o = np.split(row, [D, D + A, D + A + 1, D + A + 2])
    low, high = small.ACTION.minimum, small.ACTION.maximum
    return (
        o,
        (2.0 * (a - low) / (high - low) - 1.0).astype(np.float32),
        self.config.reward_scale * r,
        d,
        next_o,
    )

  def posterior(self):
    o, a, r, *_ = self.parts(self.context)
    features = np.concatenate([o, a, r]).astype(np.float32)
    out = self.networks.encoder(
        tf.constant(features[np.newaxis, np.newaxis]), tf.zeros([1, 0])
    )
    mean, raw = np.split(out.numpy()[0, 0].astype(np.float64), 2)
    # A product of equals: the mean, and the variance over their number.
    return mean, np.log1p(np.exp(raw)) / self.config.context_size

  def latent(self):
    mean, variance = self.posterior()
    return (mean + np.sqrt(variance) * self.latent_noise).reshape(-1, 1, L)

  def tiled(self, *parts):
    return np.concatenate(
        [
            np.broadcast_to(
                part, (self.config.tasks_per_update, N, part.shape[-1])
            )
            for part in parts
        ],
        -1,
    ).astype(np.float32)

  def policy(self, state, noise):
    mean, log_std = np.split(
        self.networks.policy._net(state)[0].numpy().astype(np.float64), 2, -1
    )
    u = mean + np.exp(log_std) * noise
    log_prob = (
        -0.5 * noise**2
        - log_std
        - 0.5 * np.log(2.0 * np.pi)
        - 2.0 * (np.log(2.0) - np.logaddexp(u, -u))
    )
    return np.tanh(u).astype(np.float32), log_prob.sum(-1)

  def alpha(self):
    return np.exp(self.networks.temperatures.log.numpy())[0]

  def encoder_loss(self):
    """And the critics'."""
    o, a, r, d, next_o = self.parts(self.rows)
    z = self.latent()
    # The target holds still while the encoder moves: see `fixed_target`.
    q = self.networks.critics(self.tiled(o, z), self.tiled(a)).numpy()
    mean, variance = self.posterior()
    kl = 0.5 * (mean**2 + variance - 1.0 - np.log(variance)).sum()
    return (
        sum(((q[i] - self.fixed_target) ** 2).mean() for i in range(2))
        + self.config.kl_weight * kl
    )

  critics_loss = encoder_loss

  def target(self):
    _, _, r, d, next_o = self.parts(self.rows)
    state = self.tiled(next_o, self.latent())
    next_a, log_prob = self.policy(state, self.noise[0])
    q = self.networks.target_critics(state, next_a).numpy().min(0)
    return r + self.config.discount * d * (q - self.alpha() * log_prob)

  def policy_loss(self):
    o, *_ = self.parts(self.rows)
    state = self.tiled(o, self.latent())
    a, log_prob = self.policy(state, self.noise[1])
    q = self.networks.critics(state, a).numpy().min(0)
    return (self.alpha() * log_prob - q).mean()


@pytest.mark.parametrize('module', ['critics', 'encoder', 'policy'])
def test_gradients_are_those_of_the_losses(module):
  """Adam's first step is the sign of a gradient times the learning rate."""
  # Critics and encoder move first; hardly, and less than what is tested.
  config = small.make_config(learning_rate=1e-6, kl_weight=0.5)
  networks, batch = small.make_networks(config), small.make_batch()
  reference = Reference(config, networks, batch)
  reference.fixed_target = reference.target()
  signs = {}
  rng = np.random.default_rng(5)
  for i, variable in enumerate(getattr(networks, module).trainable_variables):
    value = variable.numpy()
    for _ in range(5):
      index = tuple(rng.integers(size) for size in value.shape)
      found = []
      for sign in (1.0, -1.0):
        shifted = value.copy()
        shifted[index] += sign * 2e-3
        variable.assign(shifted)
        found.append(getattr(reference, f'{module}_loss')())
      variable.assign(value)
      slope = (found[0] - found[1]) / 4e-3
      if abs(slope) > 5e-2:  # Enough to be sure of its sign in float32.
        signs[i, index] = np.sign(slope)
  learner = small.make_learner(config, networks, batch)
  variables = getattr(networks, module).trainable_variables
  start = [variable.numpy() for variable in variables]
  learner.step()
  assert len(signs) >= 6
  for (i, index), sign in signs.items():
    move = variables[i].numpy()[index] - start[i][index]
    assert np.sign(move) == -sign, (i, index)


def test_every_task_has_its_own_context_and_replay():
  """Tasks that differ, all of them in an update; rows of one are alike."""
  config = small.make_config(
      tasks_per_update=K, learning_rate=1e-30, target_rate=1e-30, kl_weight=0.0
  )
  networks = small.make_networks(config)
  alone = [small.make_batch(seed) for seed in range(K)]
  batch = {
      kind: tf.stack([alone[k][kind][k] for k in range(K)])
      for kind in ('context', 'replay')
  }
  references = [Reference(config, networks, one) for one in alone]
  seeds = tf.random.split(tf.constant([0, 0], tf.int64), 5)
  tasks = episodes.draw_tasks(small.SPEC.families, K, seeds[0]).numpy()
  noise = tf.random.stateless_normal([2, K, N, A], seeds[3]).numpy()
  latent_noise = tf.random.stateless_normal([K, L], seeds[4]).numpy()
  losses = []
  for i, task in enumerate(tasks):
    reference = references[task]
    reference.noise, reference.latent_noise = (
        noise[:, i : i + 1],
        latent_noise[i],
    )
    reference.fixed_target = reference.target()
    losses.append(reference.critics_loss())
  learner = small.make_learner(config, networks, batch)
  learner.step()
  assert learner.metrics['critic_loss'] == pytest.approx(
      np.mean(losses), rel=1e-4
  )
  seeds = tf.random.split(tf.constant([0, 1], tf.int64), 2)
  _, noise = tf.random.stateless_normal([2, K, L], seeds[1]).numpy()
  for k, reference in enumerate(references):
    mean, variance = reference.posterior()
    np.testing.assert_allclose(
        networks.latents.posterior.numpy()[k],
        mean + np.sqrt(variance) * noise[k],
        rtol=1e-4,
        atol=1e-5,
    )


def test_metrics_are_those_of_the_losses():
  config = small.make_config(learning_rate=1e-30, kl_weight=0.0)
  networks, batch = small.make_networks(config), small.make_batch()
  reference = Reference(config, networks, batch)
  reference.fixed_target = reference.target()
  learner = small.make_learner(config, networks, batch)
  learner.step()
  mean, variance = reference.posterior()
  for name, value in (
      ('critic_loss', reference.critics_loss()),
      ('actor_loss', reference.policy_loss()),
      ('latent_kl', 0.5 * (mean**2 + variance - 1.0 - np.log(variance)).sum()),
      ('temperature', reference.alpha()),
  ):
    assert learner.metrics[name] == pytest.approx(value, rel=1e-3), name


def test_the_encoder_is_not_moved_by_the_policys_loss():
  """With critics that know no latent and no KL, nothing moves it."""
  config = small.make_config(kl_weight=0.0)
  networks = small.make_networks(config)
  for module in (networks.critics, networks.target_critics):
    (first,) = (
        variable
        for variable in module.trainable_variables
        if variable.shape[-2] == D + L + A
    )
    rows = np.ones(first.shape, np.float32)
    rows[:, D : D + L] = 0.0
    first.assign(first * rows)
  before = small.values(networks)
  small.make_learner(config, networks).step()
  after = small.values(networks)
  assert 'encoder' not in moved(before, after)
  assert 'policy' in moved(before, after)


def test_the_temperature_moves_towards_the_entropy():
  for target, sign in ((-9.0, -1.0), (0.69, 1.0)):
    before, after, _ = stepped(small.make_config(entropy_per_dimension=target))
    (move,) = after['temperatures/0'] - before['temperatures/0']
    assert move == pytest.approx(sign * 0.01, rel=1e-2)


@pytest.mark.slow
def test_latents_to_act_from_are_of_the_prior_and_of_the_posterior():
  config = small.make_config(learning_rate=1e-30)
  networks, batch = small.make_networks(config), small.make_batch()
  learner = small.make_learner(config, networks, batch)
  mean, variance = Reference(config, networks, batch).posterior()
  drawn = []
  for _ in range(100):
    learner.step()
    drawn.append(
        (networks.latents.prior.numpy(), networks.latents.posterior.numpy())
    )
  prior, posterior = (
      np.array(drawn).transpose(1, 0, 2, 3).reshape(2, 100 * K, L)
  )
  np.testing.assert_allclose(prior.mean(0), 0.0, atol=0.25)
  np.testing.assert_allclose(prior.std(0), 1.0, atol=0.2)
  np.testing.assert_allclose(
      posterior.mean(0), mean, atol=5 * np.sqrt(variance.max() / 400)
  )
  np.testing.assert_allclose(posterior.std(0), np.sqrt(variance), rtol=0.2)


def test_the_order_of_a_context_does_not_matter():
  networks = small.make_networks(small.make_config())
  rng = np.random.default_rng(2)
  rows = rng.normal(size=(K, 7, small.W)).astype(np.float32)
  one, same = (
      pearl_networks.infer(
          networks, transitions.unpack(tf.constant(x), small.SPEC)
      )
      for x in (rows, rows[:, ::-1])
  )
  for a, b in zip(one, same):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_several_updates_are_one_after_another():
  config = dataclasses.replace(small.make_config(), updates_per_step=2)
  once, twice = (
      stepped(dataclasses.replace(config, updates_per_step=u))[1]
      for u in (1, 2)
  )
  assert moved(once, twice) >= {'policy', 'critics', 'encoder', 'latents'}


def test_numbers_not_finite_are_found():
  batch = small.make_batch()
  batch['replay'] *= np.inf
  with pytest.raises(errors.NonFiniteError):
    _, _, learner = stepped(small.make_config(), batch)
    learner.check_finite()


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  config = small.make_config()
  learner = small.make_learner(config, small.make_networks(config))
  learner.step()
  assert not gpu_kernels.missing(learner)
