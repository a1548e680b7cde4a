"""Tests of what a step of the learner moves, and by how much."""

import math

from distillery.agents.distral import builder
from distillery.agents.distral import losses
from helpers import gpu_kernels
from helpers import small_learners as small
import numpy as np
import pytest
import tensorflow as tf

T, K, E, D = small.T, small.K, small.E, small.D


@pytest.mark.parametrize(
    'action_spec',
    [small.CONTINUOUS, small.DISCRETE],
    ids=['continuous', 'discrete'],
)
@pytest.mark.parametrize('optimization', ['joint', 'alternating'])
@pytest.mark.parametrize('regularizer', ['exact', 'sampled', 'bonus'])
@pytest.mark.parametrize('architecture', ['two_column', 'separate', 'shared'])
def test_what_a_step_moves(
    architecture, regularizer, optimization, action_spec
):
  changes = small.settings(architecture, regularizer, optimization)
  if (architecture, optimization) == ('shared', 'alternating'):
    with pytest.raises(ValueError):
      small.make_config(**changes)
    return
  config = small.make_config(num_minibatches=2, **changes)
  before = small.trained(small.make_networks(config, action_spec))
  networks, learner = small.run(config, action_spec)
  expected = {'shared', 'task', 'value'}
  if architecture == 'shared':
    expected.remove('task')
  if (architecture, regularizer, optimization) == (
      'separate',
      'bonus',
      'joint',
  ):
    expected.remove('shared')  # nothing ties pi_0 to the tasks
  assert small.moved(before, small.trained(networks)) == expected
  # Nothing is evaluated that is not trained.
  evaluated = builder.DistralBuilder(
      config, small.make_spec(action_spec)
  ).evaluated_policies
  assert set(evaluated) == expected - {'value'}
  assert all(math.isfinite(value) for value in learner.metrics.values())


@pytest.mark.parametrize(
    'changes, policies',
    [
        (dict(logits_alpha=0.0), ('task', 'shared')),
        (dict(logits_alpha=0.0, kl_cost=0.0), ('task',)),
        (dict(logits_alpha=0.5, kl_cost=0.0), ('task', 'shared')),
    ],
)
def test_a_power_of_zero_separates_pi_0(changes, policies):
  config = small.make_config(**changes)
  before = small.trained(small.make_networks(config, small.DISCRETE))
  networks, _ = small.run(config, small.DISCRETE)
  assert (
      builder.DistralBuilder(
          config, small.make_spec(small.DISCRETE)
      ).evaluated_policies
      == policies
  )
  assert small.moved(before, small.trained(networks)) == {*policies, 'value'}


def slow_advantages(config, reward, block, value, next_value):
  """GAE as a loop over steps, `[T, K, E]`."""
  advantage, following = np.zeros_like(reward), 0.0
  for t in reversed(range(T)):
    discount = config.discount * block['discount'][t]
    delta = reward[t] + discount * next_value[t] - value[t]
    following = delta + (
        config.gae_lambda * discount * ~block['episode_end'][t] * following
    )
    advantage[t] = following
  return advantage


def reference_gradients(config, networks, block):
  """Computes A2C's loss with regularised returns, in shapes `[T, K, E]`."""

  def task_rows(x):  # [T, K, E, ...] to a list of [1, T * E, ...] a task
    return np.moveaxis(x, 1, 0).reshape(K, 1, T * E, *x.shape[3:])

  def of_tasks(function, x):  # each row from a call which holds no other task
    rows = [
        function(tf.repeat(row, K, axis=0))[k]
        for k, row in enumerate(task_rows(x))
    ]
    return tf.transpose(tf.reshape(tf.stack(rows), [K, T, E]), [1, 0, 2])

  policy, c_kl, c_ent = networks.policy, config.kl_cost, config.entropy_cost
  value, next_value = (
      of_tasks(networks.value, block[name]).numpy()
      for name in ('observation', 'next_observation')
  )
  action = task_rows(block['action'])
  with tf.GradientTape() as tape:
    rows = [
        tf.repeat(row, K, axis=0) for row in task_rows(block['observation'])
    ]
    log_prob, log_prior, kl, entropy = (
        tf.stack([tf.reshape(f(k), [T, E]) for k in range(K)], axis=1)
        for f in (
            lambda k: policy.task(rows[k]).log_prob(action[k])[k],
            lambda k: policy.shared(rows[k]).log_prob(action[k])[k],
            lambda k: policy.task(rows[k]).kl_divergence(
                policy.shared(rows[k])
            )[k],
            lambda k: policy.task(rows[k]).entropy()[k],
        )
    )
    rho = -c_kl * kl + c_ent * entropy
    added = {
        'sampled': c_kl * log_prior - (c_kl + c_ent) * log_prob,
        'exact': rho,
        'bonus': 0.0 * rho,
    }[config.regularizer].numpy()
    advantage = slow_advantages(
        config,
        config.reward_scale * block['reward'] + added,
        block,
        value,
        next_value,
    )
    mean, std = (
        f(advantage, axis=(0, 2), keepdims=True) for f in (np.mean, np.std)
    )
    if not config.normalize_advantages:
      mean, std = 0.0, np.ones_like(std)
    total = 0.0
    for k in range(K):
      score = -tf.reduce_mean(log_prob[:, k] * ((advantage - mean) / std)[:, k])
      direct = {'exact': -rho, 'bonus': -c_ent * entropy, 'sampled': 0.0 * rho}[
          config.regularizer
      ]
      total += score + tf.reduce_mean(direct[:, k]) / std[0, k, 0]
  sets = dict(shared=policy.shared_variables(), task=policy.task_variables())
  return (
      tape.gradient(total, sets, unconnected_gradients='zero'),
      value,
      (advantage + value),
  )


@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize(
    'architecture, regularizer',
    [
        ('two_column', 'exact'),
        ('separate', 'exact'),
        ('shared', 'exact'),
        ('two_column', 'bonus'),
        ('separate', 'sampled'),
        ('shared', 'sampled'),
    ],
)
def test_one_step_is_that_of_a2c(architecture, regularizer, normalize):
  changes = small.settings(architecture, regularizer)
  if regularizer == 'sampled':
    changes['kl_cost'] = 0.0  # no centroid: that is tested by itself
  config = small.make_config(normalize_advantages=normalize, **changes)
  networks = small.make_networks(config)
  block = small.make_block(networks)
  expected, value, target = reference_gradients(config, networks, block)
  _, learner = small.run(config)
  for name, arrays in expected.items():
    found = small.gradients(learner, name)
    assert len(found) == len(arrays)
    for a, b in zip(found, arrays):
      np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)
  # In units of the value network's output, which is a tenth of a value here.
  np.testing.assert_allclose(
      learner.metrics['value_loss'],
      (0.5 * np.square((value - target) / 10.0)).mean(),
      rtol=1e-4,
  )


@pytest.mark.parametrize('architecture', ['two_column', 'separate'])
def test_sampled_regularizer_adds_the_centroid(architecture):
  """The gradient's linear in what c_KL multiplies: centroid and reward."""
  config = small.make_config(**small.settings(architecture, 'sampled'))
  networks = small.make_networks(config)
  block = small.make_block(networks)
  expected, _, _ = reference_gradients(config, networks, block)
  policy = networks.policy
  observation = np.moveaxis(block['observation'], 1, 0).reshape(K, T * E, D)
  task = policy.task(observation)
  mean, std = task.mean(), task.stddev()
  with tf.GradientTape() as tape:
    shared = policy.shared(observation)
    # -E_p[log q] of Gaussians: log s_q + (s_p^2 + (mu_p - mu_q)^2) / 2 s_q^2.
    cross = tf.reduce_sum(
        tf.math.log(shared.stddev())
        + (std**2 + (mean - shared.mean()) ** 2) / (2.0 * shared.stddev() ** 2),
        axis=-1,
    )
    loss = 0.0
    for k in range(K):
      loss += (
          config.kl_cost
          * tf.reduce_mean(cross[k])
          * scale_of(config, networks, block)[k]
      )
  centroid = tape.gradient(loss, policy.shared_variables())
  _, learner = small.run(config)
  for found, a, b in zip(
      small.gradients(learner, 'shared'), expected['shared'], centroid
  ):
    np.testing.assert_allclose(found, a + b, rtol=1e-3, atol=2e-5)
    assert (np.abs(b) > 10.0 * (2e-5 + 1e-3 * np.abs(a + b))).any()
  for found, a in zip(small.gradients(learner, 'task'), expected['task']):
    np.testing.assert_allclose(found, a, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize('architecture', ['two_column', 'separate'])
def test_a_centroid_cost_moves_pi_0_alone_to_the_centroid(architecture):
  changes = small.settings(architecture, 'exact')
  _, without = small.run(small.make_config(**changes))
  config = small.make_config(centroid_cost=0.3, **changes)
  _, learner = small.run(config)
  networks = small.make_networks(config)
  observation = small.make_block(networks)['observation']
  observation = np.moveaxis(observation, 1, 0).reshape(K, T * E, D)
  task = networks.policy.task(observation)
  mean, std = task.mean(), task.stddev()
  with tf.GradientTape() as tape:
    shared = networks.policy.shared(observation)
    # KL(p || q) of Gaussians, without the terms that do not depend on q.
    kl = tf.reduce_sum(
        tf.math.log(shared.stddev())
        + (std**2 + (mean - shared.mean()) ** 2) / (2.0 * shared.stddev() ** 2),
        axis=-1,
    )
    loss = 0.3 * tf.reduce_sum(tf.reduce_mean(kl, axis=1))
  centroid = tape.gradient(loss, networks.policy.shared_variables())
  for found, before, b in zip(
      small.gradients(learner, 'shared'),
      small.gradients(without, 'shared'),
      centroid,
  ):
    np.testing.assert_allclose(found, before + b, rtol=1e-3, atol=2e-5)
  assert max(np.abs(b).max() for b in centroid) > 1e-2
  for found, before in zip(
      small.gradients(learner, 'task'), small.gradients(without, 'task')
  ):
    np.testing.assert_allclose(found, before, rtol=1e-5, atol=1e-7)


def test_a_target_kl_holds_task_policies_near_the_one_that_acted():
  kl = {}
  for target_kl in (0.0, 0.01):
    config = small.make_config(
        num_epochs=100, learning_rate=3e-3, target_kl=target_kl
    )
    _, learner = small.run(config)
    kl[target_kl] = learner.metrics['kl_to_behaviour']
  assert kl[0.0] > 0.05
  assert kl[0.01] < 0.02


def scale_of(config, networks, block):
  """1 / deviation of each task's advantages."""
  _, value, target = reference_gradients(config, networks, block)
  return 1.0 / np.std(target - value, axis=(0, 2))


def test_alternating_moves_pi_0_to_the_centroid_of_the_new_columns():
  config = small.make_config(optimization='alternating')
  networks, learner = small.run(config)
  after = small.trained(networks)
  fresh = small.make_networks(config)
  for variable, array in zip(fresh.policy.task_variables(), after['task']):
    variable.assign(array)
  observation = small.make_block(small.make_networks(config))['observation']
  observation = np.moveaxis(observation, 1, 0).reshape(K, T * E, D)
  task = fresh.policy.task(observation)
  mean, std = task.mean(), task.stddev()
  with tf.GradientTape() as tape:
    shared = fresh.policy.shared(observation)
    ratio = std / shared.stddev()
    kl = tf.reduce_sum(
        0.5 * (ratio**2 + ((mean - shared.mean()) / shared.stddev()) ** 2 - 1.0)
        - tf.math.log(ratio),
        axis=-1,
    )
    loss = tf.reduce_sum(tf.reduce_mean(kl, axis=1))
  expected = tape.gradient(loss, fresh.policy.shared_variables())
  for found, array in zip(small.gradients(learner, 'shared'), expected):
    np.testing.assert_allclose(found, array, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('architecture', ['two_column', 'separate'])
def test_alternating_columns_move_with_pi_0_fixed(architecture, monkeypatch):
  config = small.make_config(
      architecture=architecture,
      optimization='alternating',
      num_epochs=2,
      num_minibatches=2,
  )
  before = small.trained(small.make_networks(config))
  both = small.trained(small.run(config)[0])
  with monkeypatch.context() as patch:
    patch.setattr(
        losses,
        'centroid_loss',
        lambda task, shared: tf.zeros_like(task.entropy()),
    )
    columns_alone = small.trained(small.run(config)[0])
  assert small.moved(before, columns_alone) == {'task', 'value'}
  assert small.moved(both, columns_alone) == {'shared'}
  policy_loss = losses.policy_loss

  def no_policy_loss(*args, **kwargs):
    terms = policy_loss(*args, **kwargs)
    return terms._replace(
        policy_gradient=0.0 * terms.policy_gradient, direct=0.0 * terms.direct
    )

  with monkeypatch.context() as patch:
    patch.setattr(losses, 'policy_loss', no_policy_loss)
    pi_0_alone = small.trained(small.run(config)[0])
  assert small.moved(before, pi_0_alone) == {'shared', 'value'}


@pytest.mark.parametrize(
    'changes',
    [
        dict(architecture='two_column'),
        dict(architecture='two_column', regularizer='sampled'),
        dict(architecture='separate'),
        # With pi_0 fixed, or of no weight, tasks stay apart for longer.
        dict(optimization='alternating', num_epochs=2, num_minibatches=2),
        dict(
            architecture='separate',
            kl_cost=0.0,
            num_epochs=2,
            num_minibatches=2,
        ),
    ],
)
def test_a_tasks_data_moves_its_own_column_and_value_alone(changes):
  config = small.make_config(**changes)

  def change(block):
    other = small.make_block(small.make_networks(config), seed=1)
    for name, array in block.items():
      array[:, 1] = other[name][:, 1]

  first, second = (
      small.trained(small.run(config, change=f)[0]) for f in (None, change)
  )
  for name in ('task', 'value'):
    for a, b in zip(first[name], second[name]):
      np.testing.assert_array_equal(a[0], b[0])
      assert (a[1] != b[1]).any()
  if config.kl_cost:
    assert all(
        (a != b).any() for a, b in zip(first['shared'], second['shared'])
    )


def test_large_rewards_of_one_task_do_not_drown_the_others():
  """Scaled per task, its pull on pi_0 stays as it was."""
  config = small.make_config(kl_cost=0.0, entropy_cost=0.0)

  def pull(scale):
    networks = small.make_networks(config)
    for variable in networks.value.trainable_variables:
      variable.assign(0.0 * variable)
    block = small.make_block(networks)
    block['reward'][:, 1] *= scale
    learner = small.make_learner(config, networks, block)
    learner.step()
    return small.gradients(learner, 'shared') + small.gradients(learner, 'task')

  for a, b in zip(pull(1.0), pull(1000.0)):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_gradients_are_clipped_each_tasks_apart():
  free, clipped = (
      small.run(small.make_config(max_gradient_norm=norm))[1]
      for norm in (1e6, 0.01)
  )

  def norm(arrays):
    return np.sqrt(sum(np.square(array).sum() for array in arrays))

  assert norm(small.gradients(free, 'shared')) > 0.1
  np.testing.assert_allclose(
      norm(small.gradients(clipped, 'shared')), 0.01, rtol=1e-4
  )
  for k in range(K):
    of_task = [g[k] for g in small.gradients(free, 'task')]
    assert norm(of_task) > 0.1
    for found, array in zip(small.gradients(clipped, 'task'), of_task):
      np.testing.assert_allclose(
          found[k], 0.01 * array / norm(of_task), rtol=1e-3, atol=1e-7
      )


def test_kl_cost_of_zero_is_a3c_with_entropy_in_the_return(monkeypatch):
  """Separate columns; bit for bit, whatever pi_0 is."""
  config = small.make_config(
      architecture='separate', regularizer='sampled', kl_cost=0.0
  )
  before = small.trained(small.make_networks(config))
  distral = small.trained(small.run(config)[0])
  assert small.moved(before, distral) == {'task', 'value'}

  def reward_of_a3c(task, shared, action, **unused):
    return tf.stop_gradient(-config.entropy_cost * task.log_prob(action))

  def loss_of_a3c(task, shared, action, behaviour, advantage, **unused):
    ratio = tf.exp(task.log_prob(action) - behaviour)
    zero = tf.zeros_like(advantage)
    return losses.DistralTerms(
        policy_gradient=-ratio * advantage,
        direct=zero,
        kl_to_shared=zero,
        entropy=zero,
        log_ratio=zero,
        is_clipped=ratio > 2.0,
    )

  monkeypatch.setattr(losses, 'reward_regularizer', reward_of_a3c)
  monkeypatch.setattr(losses, 'policy_loss', loss_of_a3c)
  assert not small.moved(distral, small.trained(small.run(config)[0]))


# Table 1 of Teh et al. (2017): objective's alpha, the power of pi_0 in the
# logits, and whether pi_k and pi_0 depend on h and on g_k.
ALGORITHMS = {
    'A3C': dict(architecture='separate', regularizer='bonus', kl_cost=0.0),
    'A3C multitask': dict(
        architecture='shared', regularizer='bonus', kl_cost=0.0
    ),
    'A3C 2col': dict(
        architecture='two_column',
        regularizer='bonus',
        kl_cost=0.0,
        logits_alpha=0.5,
    ),
    'KL 1col': dict(architecture='separate', entropy_cost=0.0),
    'KL+ent 1col': dict(architecture='separate', kl_cost=0.3),
    'KL 2col': dict(
        architecture='two_column', entropy_cost=0.0, logits_alpha=1.0
    ),
    'KL+ent 2col': dict(
        architecture='two_column', kl_cost=0.3, logits_alpha=0.5
    ),
}


@pytest.mark.parametrize(
    'name, alpha, power_of_h, has_column',
    [
        ('A3C', 0.0, 0.0, True),
        ('A3C multitask', 0.0, 1.0, False),
        ('A3C 2col', 0.0, 0.5, True),
        ('KL 1col', 1.0, 0.0, True),
        ('KL+ent 1col', 0.5, 0.0, True),
        ('KL 2col', 1.0, 1.0, True),
        ('KL+ent 2col', 0.5, 0.5, True),
    ],
)
def test_the_seven_algorithms(name, alpha, power_of_h, has_column):
  config = small.make_config(**ALGORITHMS[name])
  assert config.alpha == alpha
  networks, _ = small.run(config, small.DISCRETE)
  policy = networks.policy
  assert bool(policy.task_variables()) == has_column

  # Adding c to one output of a column adds (its power) c to a log-odds.
  def log_odds():
    task = policy.task(tf.zeros([K, 1, D]))
    return (task.log_prob(1) - task.log_prob(0)).numpy()

  variables = policy.acting_variables()
  for part, power in (('shared', power_of_h), ('task', float(has_column))):
    before = log_odds()
    bias = variables[f'{part}/b1']
    bias.assign_add(tf.broadcast_to([0.0, 0.7, 0.0], bias.shape))
    np.testing.assert_allclose(log_odds() - before, 0.7 * power, atol=1e-5)


@pytest.mark.parametrize('optimization', ['joint', 'alternating'])
@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled, optimization):
  more = dict(centroid_cost=0.1) if optimization == 'joint' else {}
  _, learner = small.run(
      small.make_config(
          optimization=optimization,
          num_epochs=2,
          num_minibatches=2,
          target_kl=0.1,
          **more,
      )
  )
  assert not gpu_kernels.missing(learner)
