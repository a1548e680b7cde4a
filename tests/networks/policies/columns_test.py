"""The column policies against their table, written out in NumPy."""

from distillery.networks.policies import columns
import numpy as np
import pytest
import tensorflow as tf

K, N, D, A = 3, 6, 4, 2
ARCHITECTURES = ('shared', 'separate', 'two_column')
ALPHA, STD = 0.3, 0.8
# A new column adds as much to alpha / s^2 as makes it 1 / s^2.
OFFSET = np.log(np.expm1((1.0 - ALPHA) / STD**2))


def make(architecture='two_column', is_discrete=False, **changes):
  arguments = dict(
      is_discrete=is_discrete,
      architecture=architecture,
      alpha=ALPHA,
      hidden_sizes=(6,),
      shared_observes_task=False,
      std=columns.StdRange(STD, 0.1, 1.6),
      min_observation_std=0.01,
      seed=0,
  )
  return columns.ColumnPolicy(K, D, A, **{**arguments, **changes})


def randomised(policy, seed=0):
  rng = np.random.default_rng(seed)
  for name, variable in policy.acting_variables().items():
    if not name.endswith(('/mean', '/inverse_std')):
      variable.assign(0.7 * rng.normal(size=variable.shape))
  policy.observe(
      tf.constant(
          rng.normal(size=(K, 20, D)) * 2.0 + rng.normal(size=(K, 1, D)),
          tf.float32,
      )
  )
  return policy


def observations(seed=1):
  return tf.constant(
      np.random.default_rng(seed).normal(size=(K, N, D)), tf.float32
  )


def actions(is_discrete, seed=2):
  rng = np.random.default_rng(seed)
  if is_discrete:
    return tf.constant(rng.integers(A, size=(K, N)), tf.int32)
  return tf.constant(rng.normal(size=(K, N, A)), tf.float32)


def outputs(policy, observation, k, shared_observes_task=False):
  """h and g_k of task k, from the variables by name."""
  variables = {
      name: variable.numpy().astype(np.float64)
      for name, variable in policy.acting_variables().items()
  }
  result = []
  for part, row in (('shared', 0), ('task', k)):
    x = observation.numpy()[k].astype(np.float64)
    x = (x - variables[f'{part}/mean'][row]) * (
        variables[f'{part}/inverse_std'][row]
    )
    x = np.clip(x, -5.0, 5.0)
    if part == 'shared' and shared_observes_task:
      x = np.concatenate([x, np.eye(K)[[k] * N]], axis=1)
    for i in range(2):
      x = (np.tanh(x) if i else x) @ variables[f'{part}/w{i}'][row] + (
          variables[f'{part}/b{i}'][row]
      )
    result.append(x)
  return (
      *result,
      np.exp(variables['shared/log_std']),
      np.exp(
          variables[
              'task/max_log_std'
              if policy.architecture == 'two_column'
              else 'task/log_std'
          ][k]
      ),
  )


def log_normal(a, mean, std):
  return (
      -0.5 * ((a - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2.0 * np.pi)
  ).sum(axis=-1)


def log_softmax(logits):
  return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize('observes_task', [False, True])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_continuous_policies_are_those_of_the_table(
    architecture, observes_task
):
  policy = randomised(make(architecture, shared_observes_task=observes_task))
  observation, action = observations(), actions(False)
  task, shared = policy.task(observation), policy.shared(observation)
  assert task.batch_shape == shared.batch_shape == (K, N)
  assert task.event_shape == shared.event_shape == (A,)
  for k in range(K):
    h, g, shared_std, task_std = outputs(policy, observation, k, observes_task)
    a = action.numpy()[k]
    np.testing.assert_allclose(
        shared.log_prob(action)[k], log_normal(a, h, shared_std), rtol=1e-4
    )
    if architecture == 'shared':
      mean, std = h, shared_std
    elif architecture == 'separate':
      mean, std = g, task_std
    else:
      # pi_0^alpha exp(-kappa/2 a^2 + eta a).
      kappa = np.log1p(np.exp(g[:, A:] + OFFSET))
      precision = ALPHA / shared_std**2 + kappa
      mean = (ALPHA / shared_std**2 * h + g[:, :A]) / precision
      std = np.minimum(precision**-0.5, task_std)  # That is its bound.
    np.testing.assert_allclose(
        task.log_prob(action)[k], log_normal(a, mean, std), rtol=1e-4
    )


@pytest.mark.parametrize('observes_task', [False, True])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_discrete_policies_are_those_of_the_table(architecture, observes_task):
  policy = randomised(
      make(architecture, is_discrete=True, shared_observes_task=observes_task)
  )
  observation = observations()
  task, shared = policy.task(observation), policy.shared(observation)
  for k in range(K):
    h, g, _, _ = outputs(policy, observation, k, observes_task)
    logits = {'shared': h, 'separate': g, 'two_column': ALPHA * h + g}
    for a in range(A):
      taken = tf.fill([K, N], a)
      np.testing.assert_allclose(
          shared.log_prob(taken)[k], log_softmax(h)[:, a], atol=1e-5
      )
      np.testing.assert_allclose(
          task.log_prob(taken)[k],
          log_softmax(logits[architecture])[:, a],
          atol=1e-5,
      )


@pytest.mark.parametrize('part', ['shared', 'task'])
def test_a_constant_of_the_state_added_to_the_logits_changes_nothing(part):
  policy = randomised(make(is_discrete=True))
  observation, action = observations(), actions(True)
  weight = policy.acting_variables()[f'{part}/w1']

  def log_probs():
    return np.stack(
        [
            policy.task(observation).log_prob(action),
            policy.shared(observation).log_prob(action),
        ]
    )

  before = log_probs()
  # The same column for every action: adds v . tanh(x) to all logits of s.
  column = np.random.default_rng(0).normal(size=(*weight.shape[:2], 1))
  weight.assign_add(np.broadcast_to(column, weight.shape))
  np.testing.assert_allclose(log_probs(), before, atol=1e-5)
  weight.assign_add(np.concatenate([column, 0.0 * column], axis=2))
  assert np.abs(log_probs() - before).max() > 0.1


@pytest.mark.parametrize('is_discrete', [False, True])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_which_variables_a_gradient_reaches(architecture, is_discrete):
  policy = randomised(make(architecture, is_discrete))
  observation, action = observations(), actions(is_discrete)
  both = [policy.shared_variables(), policy.task_variables()]
  for k in range(K):
    with tf.GradientTape(persistent=True) as tape:
      of_task = tf.reduce_sum(policy.task(observation).log_prob(action)[k])
      of_shared = tf.reduce_sum(policy.shared(observation).log_prob(action)[k])
    shared, task = tape.gradient(of_shared, both)
    assert all(np.abs(gradient).max() > 0.0 for gradient in shared)
    assert task == [None] * len(task)
    shared, task = tape.gradient(of_task, both)
    if architecture == 'separate':
      assert shared == [None] * len(shared)
    else:
      assert all(np.abs(gradient).max() > 0.0 for gradient in shared)
    for gradient in task:
      per_task = np.abs(gradient).reshape(K, -1).max(axis=1)
      assert list(np.flatnonzero(per_task)) == [k]


def test_own_variables_bound_the_deviation_or_it_is_refused():
  with pytest.raises(ValueError, match='^alpha=0 would leave the standard'):
    make(alpha=0.0)
  for architecture, is_discrete in (
      ('two_column', True),
      ('separate', False),
      ('shared', False),
  ):
    assert make(architecture, is_discrete, alpha=0.0).task(observations())


@pytest.mark.parametrize('is_discrete', [False, True])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_both_policies_at_once_are_those_one_by_one(architecture, is_discrete):
  policy = randomised(make(architecture, is_discrete))
  observation, action = observations(), actions(is_discrete)
  shared, task = policy.both(observation)
  for got, expected in (
      (shared, policy.shared(observation)),
      (task, policy.task(observation)),
  ):
    np.testing.assert_allclose(
        got.log_prob(action), expected.log_prob(action), rtol=1e-5
    )


def test_unknown_architectures_are_refused():
  with pytest.raises(ValueError, match="^architecture must be .*'two_columns'"):
    make('two_columns')


@pytest.mark.parametrize('is_discrete', [False, True])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_the_sets_of_variables(architecture, is_discrete):
  policy = make(architecture, is_discrete)
  shared = {v.ref() for v in policy.shared_variables()}
  task = {v.ref() for v in policy.task_variables()}
  assert len(shared) == 4 + (not is_discrete)
  expected = {'shared': 0, 'two_column': 4, 'separate': 4 + (not is_discrete)}
  assert len(task) == expected[architecture]
  assert not shared & task
  assert shared | task <= {v.ref() for v in policy.trainable_variables}
  assert all(v.shape[0] == K for v in policy.task_variables())
  acting = policy.acting_variables()
  assert shared | task <= {v.ref() for v in acting.values()}
  assert all(v.dtype == tf.float32 for v in acting.values())


@pytest.mark.parametrize('is_discrete', [False, True])
def test_one_policy_for_all_tasks(is_discrete):
  policy = randomised(make('shared', is_discrete))
  observation, action = observations(), actions(is_discrete)
  np.testing.assert_array_equal(
      policy.task(observation).log_prob(action),
      policy.shared(observation).log_prob(action),
  )
  assert policy.acting_policy('task') == policy.acting_policy('shared')


@pytest.mark.parametrize('observes_task', [False, True])
def test_pi_0_observes_its_task_only_if_the_flag_is_set(observes_task):
  policy = randomised(make(shared_observes_task=observes_task))
  observation = tf.repeat(observations()[:1], K, axis=0)
  action = tf.repeat(actions(False)[:1], K, axis=0)
  log_prob = policy.shared(observation).log_prob(action).numpy()
  assert (log_prob[0] != log_prob[1]).all() == observes_task
  assert (log_prob[0] == log_prob[1]).all() == (not observes_task)


def test_fresh_policies():
  """Means near 0 and the standard deviation asked for; discrete: uniform."""
  observation = observations()
  for architecture in ARCHITECTURES:
    policy = make(architecture)
    for distribution in (policy.task(observation), policy.shared(observation)):
      np.testing.assert_allclose(
          distribution.stddev(), np.full((K, N, A), STD), rtol=0.03
      )
      assert np.abs(distribution.mean()).max() < 0.1
    discrete = make(architecture, is_discrete=True).task(observation)
    np.testing.assert_allclose(discrete.entropy(), np.log(A), atol=1e-3)


@pytest.mark.parametrize(
    'alpha, std, expected',
    [
        # With all of pi_0's precision there, a column still adds 0.01.
        (1.0, 0.8, (1.0 / 0.8**2 + 0.01) ** -0.5),
        (0.1, 0.8, 0.8),
        (0.5, 0.8, 0.8),
        (0.5, 0.01, 0.01),
    ],
)
def test_a_fresh_column_leaves_the_deviation_of_pi_0(alpha, std, expected):
  policy = make(alpha=alpha, std=columns.StdRange(std, 0.001, 2.0))
  np.testing.assert_allclose(
      policy.task(observations()).stddev(),
      np.full((K, N, A), expected),
      rtol=0.03,
  )


def test_seed_fixes_the_columns_and_they_differ():
  first, same, other = make(seed=3), make(seed=3), make(seed=4)
  for name, variable in first.acting_variables().items():
    np.testing.assert_array_equal(variable, same.acting_variables()[name])
    if '/w' in name:
      assert (variable.numpy() != other.acting_variables()[name].numpy()).any()
  weights = first.acting_variables()
  assert (weights['shared/w0'].numpy() != weights['task/w0'].numpy()).any()


def test_project_puts_the_standard_deviations_back():
  policy = make('separate')
  variables = policy.acting_variables()
  for part in ('shared', 'task'):
    log_std = variables[f'{part}/log_std']
    log_std.assign(tf.broadcast_to([-9.0, 9.0], log_std.shape))
  policy.project()
  expected = np.broadcast_to(np.log([0.1, 1.6]), (K, N, A))
  for distribution in (
      policy.shared(observations()),
      policy.task(observations()),
  ):
    np.testing.assert_allclose(
        np.log(distribution.stddev()), expected, rtol=1e-5
    )
  policy.project(tf.constant(0.7))
  for distribution in (
      policy.shared(observations()),
      policy.task(observations()),
  ):
    np.testing.assert_allclose(
        distribution.stddev(), np.minimum(np.exp(expected), 0.7), rtol=1e-5
    )


def test_of_two_columns_the_task_policies_alone_are_bounded():
  policy = randomised(make('two_column'))
  policy.project()
  task, shared = policy.task(observations()), policy.shared(observations())
  assert task.stddev().numpy().max() > 0.7  # So that the bound bites.
  for bound in (0.7, 0.3, 1.6):
    policy.project(tf.constant(bound))
    narrow = policy.task(observations())
    np.testing.assert_allclose(
        narrow.stddev(), np.minimum(task.stddev(), bound), rtol=1e-5
    )
    np.testing.assert_array_equal(narrow.mean(), task.mean())
    np.testing.assert_array_equal(
        policy.shared(observations()).stddev(), shared.stddev()
    )


@pytest.mark.parametrize('log_std, expected', [(-9.0, 0.1), (9.0, 1.6)])
def test_of_two_columns_pi_0_stays_in_its_range(log_std, expected):
  policy = make('two_column')
  policy.acting_variables()['shared/log_std'].assign(tf.fill([A], log_std))
  policy.project(tf.constant(0.3))
  np.testing.assert_allclose(
      policy.shared(observations()).stddev(),
      np.full((K, N, A), expected),
      rtol=1e-5,
  )


def test_observe_pools_for_pi_0_and_keeps_the_columns_apart():
  policy = make()
  observation = observations() + tf.reshape([0.0, 5.0, -3.0], [K, 1, 1])
  policy.observe(observation)
  variables = policy.acting_variables()
  np.testing.assert_allclose(
      variables['shared/mean'],
      observation.numpy().mean(axis=(0, 1), keepdims=True),
      rtol=1e-4,
  )
  np.testing.assert_allclose(
      variables['task/mean'],
      observation.numpy().mean(axis=1, keepdims=True),
      rtol=1e-4,
  )


def test_pooled_columns_have_the_statistics_of_the_shared_one():
  policy = make(pooled_normalizer=True)
  observation = observations() + tf.reshape([0.0, 5.0, -3.0], [K, 1, 1])
  policy.observe(observation)
  policy.observe(2.0 * observation)
  variables = policy.acting_variables()
  both = np.concatenate([observation, 2.0 * observation], axis=1)
  np.testing.assert_allclose(
      variables['task/mean'], both.mean(axis=(0, 1), keepdims=True), rtol=1e-4
  )
  np.testing.assert_allclose(
      1.0 / variables['task/inverse_std'],
      both.std(axis=(0, 1), keepdims=True),
      rtol=1e-4,
  )
  for name in ('mean', 'inverse_std'):
    assert variables[f'task/{name}'] is variables[f'shared/{name}']
