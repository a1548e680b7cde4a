"""DAMSEL's updates: which loss moves what, and what is drawn."""

from distillery.agents.core import errors
from distillery.agents.damsel import networks as damsel_networks
from helpers import gpu_kernels
from helpers import small_damsel as small
from helpers.small_damsel import K
import numpy as np
import pytest
import tensorflow as tf


def moved_by(**changes):
  """The networks that a step moves."""
  config = small.make_config(**changes)
  networks = small.make_networks(config)
  before = small.values(networks)
  small.make_learner(config, networks).step()
  after = small.values(networks)
  return {
      name.split('/')[0]
      for name, value in before.items()
      if not np.array_equal(value, after[name])
  } - {'scales', 'latents'}


def test_each_loss_moves_its_own():
  no_model = dict(model_weight=0.0, component_weight=0.0)
  assert moved_by(**no_model) == {'policy', 'encoder'}
  # From the component, nothing is inferred.
  assert moved_by(**no_model, prior_share=1.0) == {'policy'}
  assert moved_by(component_weight=0.0, prior_share=1.0) == {
      'policy',
      'encoder',
      'model',
  }
  assert moved_by(model_weight=0.0, prior_share=1.0) == {'policy', 'encoder'}
  # The ablation's latents are not drawn to anything.
  assert moved_by(model_weight=0.0, prior_share=1.0, single_prior=True) == {
      'policy'
  }


def test_the_model_and_the_components_do_not_move_the_policy():
  """The experts do what the policy does from the component already."""
  config = small.make_config(prior_share=1.0)
  networks = small.make_networks(config)
  batch = small.make_batch()
  state = batch['expert'][..., : small.D]
  unit = (
      damsel_networks.act(
          networks,
          tf.reshape(state, [K, -1, small.D]),
          networks.latents.components,
      )
      .numpy()
      .reshape(*state.shape[:-1], small.A)
  )
  low, high = small.ACTION.minimum, small.ACTION.maximum
  batch['expert'] = tf.concat(
      [state, low + 0.5 * (high - low) * (unit + 1.0)], axis=-1
  )
  optimizer = tf.keras.optimizers.SGD(0.1)
  learner = small.make_learner(config, networks, batch)
  learner._optimizer = optimizer
  before = small.values(networks)
  learner.step()
  for name, value in small.values(networks).items():
    kind = name.split('/')[0]
    change = np.abs(value - before[name]).max()
    if kind == 'policy':
      assert change < 1e-6
    elif kind in ('encoder', 'model'):
      assert change > 1e-4


def test_components_are_never_trained():
  config = small.make_config()
  networks = small.make_networks(config)
  before = networks.latents.components.numpy()
  learner = small.make_learner(config, networks)
  for _ in range(3):
    learner.step()
  np.testing.assert_array_equal(networks.latents.components, before)


@pytest.mark.parametrize('prior_share', [0.0, 1.0])
def test_losses_by_hand(prior_share):
  """All rows of a task are the same, so it matters not which are drawn."""
  config = small.make_config(
      prior_share=prior_share, tasks_per_update=K, learning_rate=1e-30
  )
  networks = small.make_networks(config)
  batch = small.make_batch(same_rows=True)
  learner = small.make_learner(config, networks, batch)
  learner.step()
  context = learner._unpack(batch['context'][:, 0])
  state = batch['expert'][:, 0, :, : small.D]
  low, high = small.ACTION.minimum, small.ACTION.maximum
  expert = (
      2.0 * (batch['expert'][:, 0, :, small.D :] - low) / (high - low) - 1.0
  )
  z = damsel_networks.infer(networks, context).numpy()
  f = networks.latents.components.numpy()
  action = damsel_networks.act(networks, state, f if prior_share else z)
  want = {
      'imitation_loss': np.square(action - expert).sum(-1).mean(),
      'component_distance': np.linalg.norm(z - f, axis=-1).mean(),
      'model_loss': np.square(
          networks.model(damsel_networks.state_and_action(networks, context), z)
          - networks.scales.change(damsel_networks.changes(context))
      )
      .sum(-1)
      .mean(),
  }
  for name, value in want.items():
    assert learner.metrics[name] == pytest.approx(value, rel=1e-4), name
  np.testing.assert_allclose(networks.latents.inferred, z, rtol=1e-4, atol=1e-6)


def test_random_draws_differ_between_steps():
  learner = small.make_learner(
      small.make_config(learning_rate=1e-30, updates_per_step=2),
      small.make_networks(),
  )
  seen = set()
  for _ in range(4):
    learner.step()
    seen.add(learner.metrics['imitation_loss'])
  assert len(seen) == 4


@pytest.mark.slow
def test_it_learns_to_distinguish_tasks():
  """Experts do what the reward of a task says: only a context can tell."""
  rng = np.random.default_rng(0)
  goal = np.linspace(-0.8, 0.8, K)
  context, expert = (
      rng.uniform(-1.0, 1.0, (K, 2, small.T, width)).astype(np.float32)
      for width in (small.W, small.D + small.A)
  )
  context[..., small.D + small.A] = goal[:, np.newaxis, np.newaxis]
  expert[..., small.D] = goal[:, np.newaxis, np.newaxis]
  expert[..., small.D + 1] = -1.0
  batch = {'context': tf.constant(context), 'expert': tf.constant(expert)}
  config = small.make_config(updates_per_step=20, tasks_per_update=6)
  learner = small.make_learner(config, small.make_networks(config), batch)
  learner.step()
  first = learner.metrics['imitation_loss']
  for _ in range(15):
    learner.step()
  assert learner.metrics['imitation_loss'] < 0.05 < 0.3 < first


def test_nan_is_named():
  batch = small.make_batch()
  batch['expert'] = tf.where(batch['expert'] > 0.9, np.nan, batch['expert'])
  config = small.make_config(updates_per_step=10)
  learner = small.make_learner(config, small.make_networks(config), batch)
  with pytest.raises(errors.NonFiniteError, match='imitation_loss is nan in'):
    learner.step()


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  config = small.make_config()
  learner = small.make_learner(config, small.make_networks(config))
  learner.step()
  assert not gpu_kernels.missing(learner)
