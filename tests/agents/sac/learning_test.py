"""Tests of SAC's updates, against losses in NumPy and single agents."""

import dataclasses

from distillery.agents.core import errors
from distillery.networks.layers import perceptrons
from helpers import caught_gradients
from helpers import gpu_kernels
from helpers import small_sac as small
from helpers.small_sac import A
from helpers.small_sac import D
from helpers.small_sac import K
from helpers.small_sac import N
import numpy as np
import pytest
import tensorflow as tf

ARCHITECTURES = pytest.mark.parametrize(
    'architecture', perceptrons.ARCHITECTURES
)
STILL = dict(
    learning_rate=1e-30, temperature_learning_rate=1e-30, target_rate=1e-30
)


def stepped(config, rows=None, num_steps=1, **kwargs):
  networks = small.make_networks(config)
  before = small.values(networks)
  learner = small.make_learner(
      config, networks, [small.make_rows()] if rows is None else rows, **kwargs
  )
  for _ in range(num_steps):
    learner.step()
  return before, small.values(networks), learner


def moves(before, after, prefix):
  return {
      name: after[name] - value
      for name, value in before.items()
      if name.startswith(prefix + '/')
  }


def test_each_loss_moves_its_own():
  for rate, movers in (
      ('learning_rate', {'policy', 'critics'}),
      ('temperature_learning_rate', {'temperatures'}),
      ('target_rate', {'target_critics'}),
  ):
    config = small.make_config(**{**STILL, rate: 0.01})
    before, after, _ = stepped(config)
    moved = {
        name.split('/')[0]
        for name, value in before.items()
        if not np.array_equal(value, after[name])
    }
    assert moved == movers


class Reference:
  """The losses, written down once more in NumPy."""

  def __init__(self, config, networks, rows, seed):
    self.config, self.networks = config, networks
    self.o, action, self.r, self.d, self.next_o = np.split(
        rows, [D, D + A, D + A + 1, D + A + 2], axis=-1
    )
    low, high = small.ACTION.minimum, small.ACTION.maximum
    self.a = (2.0 * (action - low) / (high - low) - 1.0).astype(np.float32)
    self.noise = tf.random.stateless_normal(
        [2, *self.a.shape], tf.constant([seed, 0], tf.int64)
    ).numpy()

  def policy(self, observation, noise):
    mean, log_std = np.split(
        self.networks.policy._net(observation)[0].numpy().astype(np.float64),
        2,
        axis=-1,
    )
    log_std = np.clip(log_std, -20.0, 2.0)
    u = mean + np.exp(log_std) * noise
    # log N(u), less log(1 - tanh(u)^2) = 2 log(2 / (e^u + e^-u)).
    log_prob = (
        -0.5 * noise**2
        - log_std
        - 0.5 * np.log(2.0 * np.pi)
        - 2.0 * (np.log(2.0) - np.logaddexp(u, -u))
    )
    return np.tanh(u).astype(np.float32), log_prob.sum(-1)

  def critic_loss(self):
    alpha = np.exp(self.networks.temperatures.log.numpy())[:, np.newaxis]
    next_a, next_log_prob = self.policy(self.next_o, self.noise[0])
    next_q = self.networks.target_critics(self.next_o, next_a).numpy().min(0)
    y = self.r[..., 0] + self.config.discount * self.d[..., 0] * (
        next_q - alpha * next_log_prob
    )
    q = self.networks.critics(self.o, self.a).numpy()
    return sum(((q[i] - y) ** 2).mean() for i in range(2))

  def actor_loss(self):
    alpha = np.exp(self.networks.temperatures.log.numpy())[:, np.newaxis]
    a, log_prob = self.policy(self.o, self.noise[1])
    q = self.networks.critics(self.o, a).numpy().min(0)
    return (alpha * log_prob - q).mean()


@pytest.mark.parametrize(
    'module, loss', [('critics', 'critic_loss'), ('policy', 'actor_loss')]
)
@ARCHITECTURES
def test_gradients_are_those_of_the_losses(architecture, module, loss):
  """Adam's first step is the sign of a gradient times the learning rate."""
  config = small.make_config(
      architecture=architecture,
      observes_task=architecture != 'separate',
      learning_rate=1e-4,
  )
  rows = small.make_rows()
  networks = small.make_networks(config)
  reference = Reference(config, networks, rows[0], seed=0)
  before = small.values(networks)
  rng = np.random.default_rng(5)
  signs = {}
  if module == 'policy':
    # The critics move first; hardly, and far less than what is tested.
    config = dataclasses.replace(config, learning_rate=1e-6)
  for variable in getattr(networks, module).trainable_variables:
    value = variable.numpy()
    for _ in range(4):
      index = tuple(rng.integers(size) for size in value.shape)
      found = []
      for sign in (1.0, -1.0):
        shifted = value.copy()
        shifted[index] += sign * 1e-2
        variable.assign(shifted)
        found.append(getattr(reference, loss)())
      variable.assign(value)
      slope = (found[0] - found[1]) / 2e-2
      if abs(slope) > 3e-3:  # Enough to be sure of its sign in float32.
        signs[f'{module}/{variable.name}', index] = np.sign(slope)
  small.make_learner(config, networks, [rows]).step()
  after = small.values(networks)
  assert len(signs) >= 6
  for (name, index), sign in signs.items():
    move = after[name][index] - before[name][index]
    assert np.sign(move) == -sign, (name, index)


def gradients(config, networks, rows):
  """Returns the gradients for the optimisers, by name; nothing moves."""
  learner = small.make_learner(config, networks, [rows])
  return {
      f'{module}/{variable.name}': gradient
      for module, pairs in caught_gradients.catch(
          learner, learner._optimizers, tf.constant(rows)
      ).items()
      for gradient, variable in pairs
  }


@pytest.mark.parametrize(
    'module, loss', [('critics', 'critic_loss'), ('policy', 'actor_loss')]
)
@pytest.mark.parametrize('architecture', ['shared', 'multi_head'])
def test_gradients_are_as_large_as_the_losses_say(architecture, module, loss):
  """Gradients are of the mean over tasks, not of the sum."""
  config = small.make_config(architecture=architecture)
  rows, networks = small.make_rows(), small.make_networks(config)
  reference = Reference(config, networks, rows[0], seed=0)
  found = gradients(config, networks, rows)
  for variable in getattr(networks, module).trainable_variables:
    gradient = found[f'{module}/{variable.name}']
    index = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    value, losses = variable.numpy(), []
    for step in (1e-2, -1e-2):
      shifted = value.copy()
      shifted[index] += step
      variable.assign(shifted)
      losses.append(getattr(reference, loss)())
    variable.assign(value)
    assert gradient[index] == pytest.approx(
        (losses[0] - losses[1]) / 2e-2, rel=0.1
    ), variable.name


@pytest.mark.parametrize('architecture', ['shared', 'multi_head'])
def test_gradients_of_what_tasks_share_are_clipped_whole(architecture):
  rows = small.make_rows()
  free, clipped = (
      gradients(config, small.make_networks(config), rows)
      for config in (
          small.make_config(architecture=architecture, max_gradient_norm=norm)
          for norm in (1e6, 0.01)
      )
  )
  for module in ('critics', 'policy'):
    caught_gradients.assert_clipped(
        *(
            [
                value
                for name, value in found.items()
                if name.startswith(f'{module}/')
            ]
            for found in (free, clipped)
        ),
        0.01,
    )


def test_temperatures_move_towards_the_entropy_each_by_its_own():
  config = small.make_config()
  networks = small.make_networks(config)
  rows = small.make_rows()
  noise = Reference(config, networks, rows[0], seed=0).noise[1]
  # The policy of the beginning: what a first step's temperatures see.
  entropy = -np.mean(
      networks.policy.sample(rows[0][..., :D], tf.constant(noise)).log_prob,
      axis=1,
  )
  target = np.sort(entropy)[:2].mean()  # Between the least and the next.
  before, after, _ = stepped(
      dataclasses.replace(config, entropy_per_dimension=target / A)
  )
  ((name, move),) = moves(before, after, 'temperatures').items()
  assert name and move.shape == (K,)
  np.testing.assert_allclose(
      move, np.where(entropy < target, 0.01, -0.01), rtol=2e-3
  )


def test_target_critics_follow_by_their_rate():
  config = small.make_config(target_rate=0.25)
  before, after, _ = stepped(config)
  for name, value in before.items():
    if name.startswith('target_critics/'):
      source = after[name.replace('target_critics', 'critics')]
      np.testing.assert_allclose(
          after[name], 0.75 * value + 0.25 * source, rtol=1e-5, atol=1e-6
      )


def slice_of(networks, k):
  """The weights of agent k of a stack, by the names of a stack of one."""
  sliced = {}
  for name, value in small.values(networks).items():
    copies = value.reshape(-1, K, *value.shape[1:])
    sliced[name] = value[k : k + 1] if value.ndim == 1 else copies[:, k]
  return sliced


@pytest.mark.parametrize('max_gradient_norm', [1e6, 0.1])
def test_a_stack_of_agents_is_each_of_them_alone(max_gradient_norm):
  options = dict(
      architecture='separate',
      observes_task=False,
      max_gradient_norm=max_gradient_norm,
  )
  config = small.make_config(**options)
  together = small.make_networks(config)
  rows = [small.make_rows(seed=i) for i in range(3)]
  alone, spec = [], small.make_spec(num_tasks=1)
  own_config = small.make_config(num_tasks=1, **options)
  for k in range(K):
    networks = small.make_networks(own_config, spec)
    sliced = slice_of(together, k)
    for name, module in networks._asdict().items():
      for variable in module.trainable_variables:
        variable.assign(sliced[f'{name}/{variable.name}'])
    alone.append(networks)
  seeds = {}
  original = tf.random.stateless_normal

  def noise(shape, seed):
    """Agent k alone is given what it gets in the stack."""
    drawn = original([2, K, N, A], seed)
    return drawn[:, seeds['k'] : seeds['k'] + 1] if 'k' in seeds else drawn

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(tf.random, 'stateless_normal', noise)
    learner = small.make_learner(config, together, rows)
    for _ in range(3):
      learner.step()
    for k, networks in enumerate(alone):
      seeds['k'] = k
      learner = small.make_learner(
          own_config, networks, [x[:, k : k + 1] for x in rows], spec
      )
      for _ in range(3):
        learner.step()
      for name, value in slice_of(together, k).items():
        np.testing.assert_allclose(
            small.values(networks)[name],
            value,
            rtol=2e-4,
            atol=2e-5,
            err_msg=f'{k} {name}',
        )


@ARCHITECTURES
def test_several_updates_in_a_step_are_as_many_steps(architecture):
  rows = small.make_rows(num_updates=3)
  config = small.make_config(
      architecture=architecture, observes_task=architecture != 'separate'
  )
  _, one_by_one, _ = stepped(
      config, rows=[rows[i : i + 1] for i in range(3)], num_steps=3
  )
  _, at_once, learner = stepped(
      dataclasses.replace(
          config, updates_per_step=3, unroll_length=3 * N, random_steps=3 * N
      ),
      rows=[rows],
  )
  for name, value in one_by_one.items():
    np.testing.assert_allclose(at_once[name], value, rtol=1e-4, atol=1e-6)
  assert all(np.isfinite(value) for value in learner.metrics.values())


@pytest.mark.slow
def test_compiled_is_not_compiled(compiled):
  config = small.make_config(architecture='multi_head')
  rows = [small.make_rows(num_updates=2)]
  _, in_a_graph, _ = stepped(config, rows=rows)
  tf.config.run_functions_eagerly(True)
  _, eagerly, _ = stepped(config, rows=rows)
  for name, value in eagerly.items():
    np.testing.assert_allclose(in_a_graph[name], value, rtol=1e-4, atol=1e-6)


def test_actors_follow_the_policy_from_the_first_step():
  config = small.make_config()
  networks = small.make_networks(config)
  learner = small.make_learner(config, networks, [small.make_rows()])
  for expected in (1.0, 0.0, 0.0):
    (variables,) = learner.get_variables(['policy'])
    assert variables['is_uniform'] == expected
    learner.step()


def test_rewards_are_scaled():
  rows = small.make_rows()
  _, scaled, learner = stepped(small.make_config(reward_scale=3.0), rows=[rows])
  larger = rows.copy()
  larger[..., D + A] *= 3.0
  _, expected, _ = stepped(small.make_config(), rows=[larger])
  for name, value in expected.items():
    np.testing.assert_allclose(scaled[name], value, rtol=1e-5, atol=1e-7)
  assert learner.metrics['reward'] == pytest.approx(
      rows[..., D + A].mean(), rel=1e-4
  )


@pytest.mark.parametrize('column', [0, D, D + A, D + A + 2])
def test_nan_is_named_at_once(column):
  rows = small.make_rows()
  rows[0, 1, 2, column] = np.nan
  with pytest.raises(
      errors.NonFiniteError, match=r'^critic_loss is nan in learner step 0;'
  ):
    stepped(small.make_config(), rows=[rows])


def test_the_temperature_of_each_task_is_logged():
  config, spec = small.make_config(), small.make_spec(
      task_names=tuple('abcdefgh'[:K])
  )
  networks = small.make_networks(config, spec)
  networks.temperatures.log.assign(np.log(np.arange(1.0, K + 1.0)))
  learner = small.make_learner(config, networks, [small.make_rows()], spec)
  learner.step()
  told = [learner.metrics[f'temperature/{name}'] for name in spec.task_names]
  np.testing.assert_allclose(told, np.arange(1.0, K + 1.0), rtol=1e-6)
  assert learner.metrics['temperature'] == pytest.approx(np.mean(told))
  assert 'temperatures' not in learner.metrics


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  config = small.make_config()
  learner = small.make_learner(
      config, small.make_networks(config), [small.make_rows()]
  )
  learner.step()
  assert not gpu_kernels.missing(learner)
