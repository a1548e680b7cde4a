"""Distral's terms: hand-worked numbers, and where gradients go."""

from distillery.agents.distral import losses
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

# Probabilities of one state, and what follows from them in nats:
#   KL(p || q) = 3/4 log(3/2) - 1/4 log 2
#   KL(q || p) = 1/2 log(2/3) + 1/2 log 2
#   H(p)       = 3/4 log(4/3) + 1/4 log 4
P, Q = np.array([[[0.75, 0.25]]]), np.array([[[0.5, 0.5]]])
KL = 0.75 * np.log(1.5) - 0.25 * np.log(2.0)
REVERSE_KL = 0.5 * np.log(2.0 / 3.0) + 0.5 * np.log(2.0)
ENTROPY = 0.75 * np.log(4.0 / 3.0) + 0.25 * np.log(4.0)
COSTS = dict(kl_cost=0.3, entropy_cost=0.2)


def categorical(probabilities):
  return tfd.Categorical(logits=tf.math.log(probabilities))


def gaussian(mean, std):
  return tfd.Independent(tfd.Normal(mean, std), 1)


def regularizer(name, action=0, **changes):
  return (
      losses.reward_regularizer(
          categorical(P),
          categorical(Q),
          tf.constant([[action]]),
          regularizer=name,
          **{**COSTS, **changes},
      )
      .numpy()
      .item()
  )


def test_sampled_regularizer_by_hand():
  # 0.3 log 1/2 - 0.5 log 3/4 and 0.3 log 1/2 - 0.5 log 1/4.
  np.testing.assert_allclose(
      regularizer('sampled'), 0.3 * np.log(0.5) - 0.5 * np.log(0.75)
  )
  np.testing.assert_allclose(
      regularizer('sampled', action=1), 0.3 * np.log(0.5) - 0.5 * np.log(0.25)
  )


def test_exact_regularizer_by_hand():
  np.testing.assert_allclose(regularizer('exact'), -0.3 * KL + 0.2 * ENTROPY)
  np.testing.assert_allclose(
      regularizer('exact', action=1), -0.3 * KL + 0.2 * ENTROPY
  )
  assert abs(KL - REVERSE_KL) > 1e-2


def test_exact_is_the_expectation_of_sampled():
  expected = 0.75 * regularizer('sampled', 0) + 0.25 * regularizer('sampled', 1)
  np.testing.assert_allclose(regularizer('exact'), expected)


def test_bonus_leaves_rewards_raw():
  assert regularizer('bonus') == regularizer('bonus', action=1) == 0.0


@pytest.mark.parametrize('name', ['sampled', 'exact'])
@pytest.mark.parametrize('cost', ['kl_cost', 'entropy_cost'])
def test_each_cost_moves_the_regularizer(name, cost):
  assert abs(regularizer(name) - regularizer(name, **{cost: 1.0})) > 0.05


def policy_loss(name, action=0, behaviour=0.75, advantage=2.0, **changes):
  return losses.policy_loss(
      categorical(P),
      categorical(Q),
      tf.constant([[action]]),
      tf.constant([[np.log(behaviour)]]),
      tf.constant([[advantage]], tf.float64),
      regularizer=name,
      clip_ratio=0.2,
      **{**COSTS, **changes},
  )


@pytest.mark.parametrize(
    'name, direct',
    [
        ('sampled', 0.3 * KL),
        ('exact', 0.3 * KL - 0.2 * ENTROPY),
        ('bonus', -0.2 * ENTROPY),
    ],
)
def test_policy_loss_by_hand(name, direct):
  # w = 0.75 / 0.6 = 1.25 is clipped to 1.2: -min(2.5, 2.4).
  terms = policy_loss(name, behaviour=0.6)
  np.testing.assert_allclose(terms.policy_gradient, [[-2.4]])
  np.testing.assert_allclose(terms.direct, [[direct]])
  np.testing.assert_allclose(terms.kl_to_shared, [[KL]])
  np.testing.assert_allclose(terms.entropy, [[ENTROPY]])
  np.testing.assert_allclose(np.exp(terms.log_ratio), [[1.25]], rtol=1e-6)
  assert terms.is_clipped.numpy().all()


def test_a_task_that_has_moved_too_far_is_moved_back():
  # Of two tasks with two samples each, the second one has moved.
  log_prob = tf.Variable([[0.1, 0.0], [0.5, -0.3]])
  behaviour = tf.zeros([2, 2])
  loss = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
  kl = np.exp(log_prob) - 1.0 - log_prob.numpy()
  assert kl[0].mean() < 0.01 < 0.07 < kl[1].mean() < 0.1
  with tf.GradientTape() as tape:
    held = losses.held_near_behaviour(
        loss, log_prob + 0.0, behaviour, target_kl=0.07
    )
  np.testing.assert_allclose(held, [loss[0], kl[1]], rtol=1e-5)
  of_loss, of_log_prob = tape.gradient(held, (loss, log_prob))
  np.testing.assert_array_equal(of_loss, [[1.0, 1.0], [0.0, 0.0]])
  # A step against w - 1 makes log w smaller where it is positive.
  np.testing.assert_allclose(
      of_log_prob,
      [[0.0, 0.0], np.exp([0.5, -0.3]) - 1.0],
      rtol=1e-5,
  )
  np.testing.assert_array_equal(
      losses.held_near_behaviour(loss, log_prob, behaviour, target_kl=0.1),
      loss,
  )


def test_centroid_and_value_loss_by_hand():
  np.testing.assert_allclose(
      losses.centroid_loss(categorical(P), categorical(Q)), [[KL]]
  )
  np.testing.assert_allclose(
      losses.value_loss(tf.constant([[3.0]]), tf.constant([[1.0]])), [[2.0]]
  )


def test_continuous_terms_by_hand():
  # KL(N(1, 1) || N(0, 2)) = log 2 + (1 + 1) / 8 - 1/2, twice for two entries;
  # H(N(., 1)) = log(2 pi e) / 2 each.
  task = gaussian(tf.ones([1, 1, 2]), tf.ones([1, 1, 2]))
  shared = gaussian(tf.zeros([1, 1, 2]), 2.0 * tf.ones([1, 1, 2]))
  rho = losses.exact_regularizer(task, shared, **COSTS)
  np.testing.assert_allclose(
      rho,
      [[-0.3 * 2.0 * (np.log(2.0) - 0.25) + 0.2 * np.log(2.0 * np.pi * np.e)]],
      rtol=1e-6,
  )
  # At a = (0, 0): log N(0; 1, 1) = -(1 + log 2 pi) / 2 each, and
  # log N(0; 0, 2) = -log 2 - log(2 pi) / 2 each.
  sampled = losses.reward_regularizer(
      task, shared, tf.zeros([1, 1, 2]), regularizer='sampled', **COSTS
  )
  np.testing.assert_allclose(
      sampled,
      [
          [
              0.3 * (-2.0 * np.log(2.0) - np.log(2.0 * np.pi))
              + 0.5 * (1.0 + np.log(2.0 * np.pi))
          ]
      ],
      rtol=1e-5,
  )


def flow(function, is_discrete):
  """Largest gradient by the task's and the shared parameters, or None."""
  rng = np.random.default_rng(0)
  task, shared = (tf.constant(rng.normal(size=(2, 3, 4))) for _ in range(2))
  action = tf.constant(
      rng.integers(4, size=(2, 3))
      if is_discrete
      else rng.normal(size=(2, 3, 4))
  )
  with tf.GradientTape() as tape:
    tape.watch([task, shared])
    if is_discrete:
      policies = [tfd.Categorical(logits=x) for x in (task, shared)]
    else:
      policies = [gaussian(x, tf.exp(0.1 * x)) for x in (task, shared)]
    result = function(*policies, action)
  gradients = tape.gradient(result, [task, shared])
  return [g is not None and bool(np.abs(g).max() > 1e-3) for g in gradients]


@pytest.mark.parametrize('is_discrete', [True, False])
@pytest.mark.parametrize('name', ['sampled', 'exact', 'bonus'])
def test_the_regularization_has_no_gradient(name, is_discrete):
  assert flow(
      lambda task, shared, action: losses.reward_regularizer(
          task, shared, action, regularizer=name, **COSTS
      ),
      is_discrete,
  ) == [False, False]


@pytest.mark.parametrize('is_discrete', [True, False])
@pytest.mark.parametrize(
    'name, direct',
    [
        ('sampled', [False, True]),  # the centroid moves pi_0 alone
        ('exact', [True, True]),
        ('bonus', [True, False]),
    ],
)
def test_the_policy_loss_reaches_the_policies_of_the_architecture(
    name, direct, is_discrete
):
  def term(field):
    def compute(task, shared, action):
      log_prob = task.log_prob(action)
      return getattr(
          losses.policy_loss(
              task,
              shared,
              action,
              log_prob,
              1.0 + log_prob,
              regularizer=name,
              clip_ratio=0.2,
              **COSTS,
          ),
          field,
      )

    return flow(compute, is_discrete)

  assert term('policy_gradient') == [True, False]
  assert term('direct') == direct
  for diagnostic in ('kl_to_shared', 'entropy', 'log_ratio'):
    assert term(diagnostic) == [False, False]


@pytest.mark.parametrize('is_discrete', [True, False])
def test_centroid_and_exact_regularizer_reach(is_discrete):
  assert flow(
      lambda task, shared, _: losses.centroid_loss(task, shared), is_discrete
  ) == [False, True]
  assert flow(
      lambda task, shared, _: losses.exact_regularizer(task, shared, **COSTS),
      is_discrete,
  ) == [True, True]


def test_centroids_gradient_is_that_of_the_cross_entropy():
  # d/dh of E_p[-log softmax(h)] = softmax(h) - p.
  h = tf.math.log(Q)
  with tf.GradientTape() as tape:
    tape.watch(h)
    loss = losses.centroid_loss(categorical(P), tfd.Categorical(logits=h))
  np.testing.assert_allclose(tape.gradient(loss, h), Q - P, atol=1e-15)


def test_centroid_of_gaussians_matches_moments():
  """Its minimum over pi_0: the mean of means; variances plus their spread."""
  means, stds = np.array([[[-1.0]], [[2.0]]]), np.array([[[0.5]], [[1.0]]])
  mean = 0.5
  variance = np.mean(stds**2 + (means - mean) ** 2)
  variables = [tf.constant(x, tf.float64) for x in (mean, np.sqrt(variance))]
  with tf.GradientTape() as tape:
    tape.watch(variables)
    shared = gaussian(
        tf.broadcast_to(variables[0], means.shape),
        tf.broadcast_to(variables[1], means.shape),
    )
    loss = tf.reduce_sum(
        losses.centroid_loss(
            gaussian(tf.constant(means), tf.constant(stds)), shared
        )
    )
  np.testing.assert_allclose(tape.gradient(loss, variables), 0.0, atol=1e-12)


def test_value_target_is_constant():
  value, target = tf.constant([[3.0]]), tf.constant([[1.0]])
  with tf.GradientTape() as tape:
    tape.watch([value, target])
    loss = losses.value_loss(value, target)
  gradients = tape.gradient(loss, [value, target])
  assert gradients[0].numpy() == 2.0 and gradients[1] is None


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
@pytest.mark.parametrize('name', ['sampled', 'exact', 'bonus'])
def test_dtypes_are_kept(name, dtype):
  logits = tf.zeros([1, 1, 3], dtype)
  policies = tfd.Categorical(logits=logits), tfd.Categorical(logits=logits + 1)
  action, zero = tf.zeros([1, 1], tf.int32), tf.zeros([1, 1], dtype)
  addition = losses.reward_regularizer(
      *policies, action, regularizer=name, **COSTS
  )
  terms = losses.policy_loss(
      *policies, action, zero, zero, regularizer=name, clip_ratio=0.2, **COSTS
  )
  assert addition.dtype == terms.direct.dtype == dtype
  assert terms.policy_gradient.dtype == dtype


@pytest.mark.parametrize('function', [regularizer, policy_loss])
def test_unknown_regularizers_are_refused(function):
  with pytest.raises(ValueError, match="regularizer must be .*, got 'exat'"):
    function('exat')


@pytest.mark.parametrize('cost', ['kl_cost', 'entropy_cost'])
@pytest.mark.parametrize('function', [regularizer, policy_loss])
def test_negative_costs_are_refused(function, cost):
  with pytest.raises(ValueError, match='must not be negative, got'):
    function('exact', **{cost: -0.1})


def test_shapes_that_would_broadcast_are_refused():
  arguments = [categorical(P), categorical(Q), tf.constant([[0]])]
  zero = tf.zeros([1, 1], tf.float64)
  for wrong in ((zero[0], zero), (zero, zero[0])):
    with pytest.raises(ValueError, match='has shape'):
      losses.policy_loss(
          *arguments, *wrong, regularizer='exact', clip_ratio=0.2, **COSTS
      )
  with pytest.raises(ValueError, match='value_loss: value_target has shape'):
    losses.value_loss(zero, zero[0])


def gaussians(*shape):
  return tfd.Independent(tfd.Normal(tf.zeros(shape), 1.0), 1)


@pytest.mark.parametrize(
    'task, shared, action, words',
    [
        ((2, 3, 1), (1, 3, 1), (2, 3, 1), 'shared_policy has shape'),
        ((2, 3, 1), (3, 1), (2, 3, 1), 'shared_policy has shape'),
        ((2, 3, 1), (2, 3, 1), (3, 1), 'action has shape'),
        ((2, 3, 1), (2, 3, 1), (1, 3, 1), 'action has shape'),
        ((2, 3, 2), (2, 3, 2), (2, 3, 1), 'action has shape'),
    ],
)
@pytest.mark.parametrize('regularizer', ['sampled', 'exact', 'bonus'])
def test_actions_and_policies_that_would_broadcast_are_refused(
    regularizer, task, shared, action, words
):
  policies = gaussians(*task), gaussians(*shared)
  settings = dict(regularizer=regularizer, **COSTS)
  zeros = tf.zeros(task[:2])
  with pytest.raises(ValueError, match=f'reward_regularizer: {words}'):
    losses.reward_regularizer(*policies, tf.zeros(action), **settings)
  with pytest.raises(ValueError, match=f'policy_loss: {words}'):
    losses.policy_loss(
        *policies, tf.zeros(action), zeros, zeros, clip_ratio=0.2, **settings
    )
  if 'policy' in words:
    with pytest.raises(ValueError, match=f'exact_regularizer: {words}'):
      losses.exact_regularizer(*policies, **COSTS)
    with pytest.raises(ValueError, match=f'centroid_loss: {words}'):
      losses.centroid_loss(*policies)
