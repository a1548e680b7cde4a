"""The learner of columns with an LSTM: its gradient, from the objective up."""

import itertools

from distillery.agents.core import specs as core_specs
from distillery.agents.distral import builder
from distillery.agents.distral import config as distral_config
from distillery.agents.distral import networks as distral_networks
from distillery.agents.distral import recurrent_learning
from distillery.environments.mazes import suite as maze_suite
from distillery.environments.pool import factory as pool_factory
from dm_env import specs
from helpers import caught_gradients
from helpers import gpu_kernels
from helpers import random_blocks
import numpy as np
import pytest
import tensorflow as tf

SUITE = maze_suite.maze_suite('NAVIGATION')
K, E, T = 4, 2, 30
SPEC = core_specs.AgentSpec(
    num_tasks=K,
    num_test_tasks=0,
    observation_spec=SUITE.observation_spec,
    action_spec=SUITE.action_spec,
    image_shape=SUITE.image_shape,
)

SEVEN = {
    'A3C': dict(architecture='separate', kl_cost=0.0, regularizer='bonus'),
    'A3C multitask': dict(
        architecture='shared', kl_cost=0.0, regularizer='bonus'
    ),
    'A3C 2col': dict(kl_cost=0.0, regularizer='bonus'),
    'KL 1col': dict(architecture='separate', entropy_cost=0.0),
    'KL+ent 1col': dict(architecture='separate'),
    'KL 2col': dict(entropy_cost=0.0, logits_alpha=1.0),
    'KL+ent 2col': dict(),
    'KL+ent 2col, sampled': dict(regularizer='sampled'),
    'KL+ent 1col, sampled': dict(
        architecture='separate', regularizer='sampled'
    ),
    'KL+ent 2col, as shipped': dict(normalize_advantages=True, gae_lambda=0.9),
}


def make_config(**changes):
  settings = dict(
      envs_per_task=E,
      unroll_length=T,
      kl_cost=0.2,
      entropy_cost=0.3,
      discount=0.9,
      gae_lambda=1.0,
      num_epochs=1,
      num_minibatches=1,
      hidden_sizes=(6,),
      lstm_size=5,
      conv_channels=(3, 4),
      normalize_advantages=False,
      max_gradient_norm=1e6,
      reward_scale=0.5,
      learning_rate=1e-2,
  )
  settings.update(changes)
  return distral_config.DistralConfig(**settings)


def make_policy(config, seed=0):
  policy = distral_networks.make_recurrent_policy(SPEC, config, seed)
  rng = np.random.default_rng(seed)
  for variable in policy.trainable_variables:
    variable.assign(rng.normal(scale=0.3, size=variable.shape))
  return policy


def make_block(policy, number=7):
  """A block in which episodes end: the seventh, of 30 steps, holds step 200.

  By time, `[T, K, E, ...]`.
  """
  pool = pool_factory.make_pool(
      SUITE, envs_per_task=E, unroll_length=T, num_workers=1, seed=0
  )
  pool.set_policy(
      policy.acting_policy('task'),
      {
          name: variable.numpy()
          for name, variable in policy.acting_variables().items()
      },
  )
  for _ in range(number):
    block = pool.collect()
  assert block['episode_end'].any()
  return random_blocks.turned(block)


def make_learner(config, policy, block):
  return recurrent_learning.RecurrentDistralLearner(
      config,
      policy,
      iterator=itertools.repeat(random_blocks.block_of(block)),
  )


class Replica:
  """The policy and values in NumPy and float64, of any weights."""

  def __init__(self, config, policy, block):
    self._config = config
    self._block = block
    self._names = {
        variable.ref(): name
        for name, variable in policy.acting_variables().items()
    }
    self._names.update(
        {
            variable.ref(): f'value/{i}'
            for i, variable in enumerate(policy.value_variables())
        }
    )
    self.weights = {
        self._names[variable.ref()]: variable.numpy().astype(float)
        for variable in policy.trainable_variables
    }
    self._twins = {
        which: policy.acting_policy(which) for which in ('task', 'shared')
    }

  def name(self, variable):
    return self._names[variable.ref()]

  def forward(self, weights):
    """log pi_k and log pi_0 `[T, K, E, A]`, V and V' `[T, K, E]`."""
    block, size = self._block, self._config.lstm_size
    selected = {
        which: twin.select_tasks(weights, np.arange(K))
        for which, twin in self._twins.items()
    }

    def value(state):
      own = state[..., -2 * size : -size]
      return (own @ weights['value/0'] + weights['value/1'])[..., 0]

    state = {which: block['state'].astype(float) for which in self._twins}
    found = {'task': [], 'shared': [], 'value': [], 'next_value': []}
    for t in range(T):
      for which, twin in self._twins.items():
        state[which][block['episode_step'][t] == 0] = 0.0
        logits, state[which] = twin._logits(
            selected[which], block['observation'][t].astype(float), state[which]
        )
        found[which].append(
            logits - np.logaddexp.reduce(logits, -1, keepdims=True)
        )
      found['value'].append(value(state['task']))
      _, after = self._twins['task']._logits(
          selected['task'],
          block['next_observation'][t].astype(float),
          state['task'],
      )
      found['next_value'].append(value(after))
    return {name: np.stack(values) for name, values in found.items()}

  def constants(self):
    """Advantages, targets, pi_k, and what advantages are multiplied by."""
    config, block, now = self._config, self._block, self.forward(self.weights)
    reward = config.reward_scale * block['reward'] + self._rho(now)
    # Lambda-returns, G_t = r_t + gamma d_t ((1 - lambda) V' + lambda G_{t+1}).
    target = np.zeros((T, K, E))
    for t in reversed(range(T)):
      following = now['next_value'][t]
      if t + 1 < T:
        following = np.where(
            block['episode_end'][t],
            following,
            (1.0 - config.gae_lambda) * following
            + config.gae_lambda * target[t + 1],
        )
      target[t] = reward[t] + config.discount * (
          block['discount'][t] * following
      )
    advantage, scale = target - now['value'], np.ones((K, 1))
    if config.normalize_advantages:
      scale = 1.0 / advantage.std(axis=(0, 2))[:, np.newaxis]
      advantage = scale * (
          advantage - advantage.mean(axis=(0, 2))[:, np.newaxis]
      )
    return advantage, target, np.exp(now['task']), scale

  def _rho(self, now):
    """Returns what equation 1 adds to the reward."""
    config, task, shared = self._config, now['task'], now['shared']
    if config.regularizer == 'bonus':
      return 0.0
    each = config.kl_cost * (shared - task) - config.entropy_cost * task
    if config.regularizer == 'exact':
      return (np.exp(task) * each).sum(-1)
    return self._taken(each)

  def _taken(self, each):
    return np.take_along_axis(each, self._block['action'][..., np.newaxis], -1)[
        ..., 0
    ]

  def loss(self, weights, constants):
    """Returns the loss as a function of the weights."""
    config, (advantage, target, old, scale) = self._config, constants
    now = self.forward(weights)
    score = self._taken(now['task']) * advantage
    task, shared = now['task'], now['shared']
    if config.regularizer == 'exact':
      direct = -self._rho(now)
    elif config.regularizer == 'sampled':  # The centroid, of fixed pi_k.
      direct = -config.kl_cost * (old * shared).sum(-1)
    else:
      direct = config.entropy_cost * (np.exp(task) * task).sum(-1)
    each = -score + scale * direct + 0.25 * (now['value'] - target) ** 2
    return each.mean(axis=(0, 2)).sum()


@pytest.mark.parametrize('settings', SEVEN.values(), ids=SEVEN)
def test_the_gradient_is_that_of_the_objective(settings, monkeypatch):
  config = make_config(**settings)
  policy = make_policy(config)
  block = make_block(policy)
  learner = make_learner(config, policy, block)
  groups = [
      policy.shared_variables(),
      policy.task_variables(),
      policy.value_variables(),
  ]
  variables = sum(groups, [])
  found = {}
  monkeypatch.setattr(
      learner,
      '_apply',
      lambda tape, loss: found.update(
          zip(
              range(len(variables)),
              tape.gradient(loss, variables, unconnected_gradients='zero'),
          )
      ),
  )
  learner._step.python_function(random_blocks.block_of(block), tf.constant(0))
  replica = Replica(config, policy, block)
  constants = replica.constants()
  rng = np.random.default_rng(2)
  start = 0
  for group in groups:
    gradients = [found[i].numpy() for i in range(start, start + len(group))]
    start += len(group)
    for _ in range(3 if group else 0):
      way = [rng.normal(size=variable.shape) for variable in group]
      ends = []
      for epsilon in (1e-5, -1e-5):
        weights = dict(replica.weights)
        for variable, direction in zip(group, way):
          weights[replica.name(variable)] = (
              weights[replica.name(variable)] + epsilon * direction
          )
        ends.append(replica.loss(weights, constants))
      want = (ends[0] - ends[1]) / 2e-5
      got = sum(
          (gradient * direction).sum()
          for gradient, direction in zip(gradients, way)
      )
      scale = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
      assert got == pytest.approx(want, abs=2e-4 * scale + 1e-6)


def test_a_step_moves_all_and_reports_numbers():
  config = make_config()
  policy = make_policy(config)
  learner = make_learner(config, policy, make_block(policy))
  before = [variable.numpy() for variable in policy.trainable_variables]
  learner.step()
  assert all(
      (variable.numpy() != old).any()
      for variable, old in zip(policy.trainable_variables, before)
  )
  # The very policy that acted: nothing has changed in between.
  assert learner.metrics['kl_to_behaviour'] == pytest.approx(0.0, abs=1e-5)
  learner.step()
  assert learner.metrics['kl_to_behaviour'] > 1e-5


@pytest.mark.parametrize(
    'settings, words',
    [
        (dict(num_epochs=2), 'num_epochs=2 cannot be used with lstm_size=5'),
        (dict(num_minibatches=2), 'num_minibatches=2 cannot be used with'),
        (dict(optimization='alternating'), "want optimization='joint'"),
        (dict(shared_observes_task=True), 'shared_observes_task=True cannot'),
        (dict(lstm_size=0), 'conv_channels=.* has no effect without an LSTM'),
        (dict(lstm_size=-1), 'lstm_size must not be negative'),
    ],
)
def test_conflicting_settings_are_refused(settings, words):
  with pytest.raises(ValueError, match=words):
    make_config(**settings)


def test_tasks_that_a_memory_cannot_have_are_refused():
  continuous = SPEC._replace(
      action_spec=specs.BoundedArray((2,), np.float32, -1.0, 1.0)
  )
  with pytest.raises(ValueError, match='choose among discrete actions'):
    builder.DistralBuilder(make_config(), continuous)
  with pytest.raises(ValueError, match='observations have no image; want no'):
    builder.DistralBuilder(make_config(), SPEC._replace(image_shape=None))


def test_gradients_are_clipped_the_shared_columns_whole_and_each_tasks_apart():
  found = []
  for max_norm in (1e6, 0.01):
    config = make_config(max_gradient_norm=max_norm)
    policy = make_policy(config)
    block = make_block(policy)
    learner = make_learner(config, policy, block)
    caught = caught_gradients.catch(
        learner,
        {
            'shared': learner._shared_optimizer,
            'task': learner._task_optimizer,
            'value': learner._value_optimizer,
        },
        random_blocks.block_of(block),
    )
    found.append(
        {
            name: [gradient for gradient, _ in pairs]
            for name, pairs in caught.items()
        }
    )
  free, clipped = found
  caught_gradients.assert_clipped(free['shared'], clipped['shared'], 0.01)
  for k in range(K):
    caught_gradients.assert_clipped(
        *([gradient[k] for gradient in of['task']] for of in found), 0.01
    )
  # Values are another network's, with a step size of their own.
  for one, other in zip(free['value'], clipped['value']):
    np.testing.assert_array_equal(one, other)


def test_a_batch_of_another_layout_is_refused():
  config = make_config()
  policy = make_policy(config)
  block = make_block(policy, number=7)
  for name, change, words in (
      ('state', lambda x: x[:1], 'block: state has shape'),
      ('state', lambda x: x[..., :1], 'state has shape'),
      ('episode_step', lambda x: x[:1], 'block: episode_step has shape'),
      ('reward', lambda x: x[:, :1], 'block: reward has shape'),
  ):
    with pytest.raises(ValueError, match=words):
      make_learner(config, policy, {**block, name: change(block[name])}).step()
  block['state'] = None
  with pytest.raises(ValueError, match='batch: got none of state, want'):
    make_learner(config, policy, block).step()


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  config = make_config()
  policy = make_policy(config)
  learner = make_learner(config, policy, make_block(policy))
  learner.step()
  assert not gpu_kernels.missing(learner)
