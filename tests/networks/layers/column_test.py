"""Columns against forward passes by hand, and what a reset makes of them."""

import itertools

from distillery.networks.policies import columns
import numpy as np
import pytest
import tensorflow as tf

K, N, D, A = 3, 5, 4, 2
ARCHITECTURES = ('shared', 'separate', 'two_column')


def make(architecture='separate', is_discrete=False, **changes):
  """All variables random, those of the normalisers included."""
  arguments = dict(
      is_discrete=is_discrete,
      architecture=architecture,
      alpha=0.4,
      hidden_sizes=(6, 7),
      shared_observes_task=True,
      std=columns.StdRange(0.8, 0.1, 1.6),
      min_observation_std=0.01,
      seed=0,
      task_observes_task=True,
      pooled_normalizer=True,
  )
  policy = columns.ColumnPolicy(K, D, A, **{**arguments, **changes})
  rng = np.random.default_rng(0)
  for variable in policy.trainable_variables:
    variable.assign(0.5 * rng.normal(size=variable.shape))
  policy.observe(
      tf.constant(
          2.0 * rng.normal(size=(K, 20, D)) + rng.normal(size=(K, 1, D)),
          tf.float32,
      )
  )
  return policy


def observations(seed=1):
  return np.random.default_rng(seed).normal(size=(K, N, D)).astype(np.float32)


def origins(seed=2):
  return np.random.default_rng(seed).integers(K, size=(K, N)).astype(np.int32)


def parameters(distribution):
  """Returns a distribution's parameters: its logits, or mean and deviation."""
  if hasattr(distribution, 'logits'):
    return [distribution.logits.numpy()]
  return [distribution.mean().numpy(), distribution.stddev().numpy()]


def by_hand(policy, part, observation, k, origin, observes):
  """Returns the output of column `part` of task k for one observation `[D]`."""
  variables = {
      name: variable.numpy().astype(np.float64)
      for name, variable in policy.acting_variables().items()
      if name.startswith(part)
  }
  rows = {
      name: value[k if len(value) > 1 else 0]
      for name, value in variables.items()
      if 'log_std' not in name
  }
  x = (observation - rows[f'{part}/mean'][0]) * rows[f'{part}/inverse_std'][0]
  x = np.clip(x, -5.0, 5.0)
  if observes:
    one_hot = np.zeros(K)
    one_hot[origin] = 1.0
    x = np.concatenate([x, one_hot])
  for i in range(3):
    x = (np.tanh(x) if i else x) @ rows[f'{part}/w{i}'] + (
        rows[f'{part}/b{i}'][0]
    )
  return x


@pytest.mark.parametrize(
    'shared_observes, task_observes, pooled',
    itertools.product([False, True], repeat=3),
)
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_the_one_hot_is_that_of_the_origin(
    architecture, shared_observes, task_observes, pooled
):
  policy = make(
      architecture,
      is_discrete=True,
      shared_observes_task=shared_observes,
      task_observes_task=task_observes,
      pooled_normalizer=pooled,
  )
  own = np.broadcast_to(np.arange(K)[:, np.newaxis], (K, N))
  x = observations()
  for origin, shown in (
      (None, own),
      (own.astype(np.int32), own),
      (origins(), origins()),
  ):
    shared = policy.shared(x, origin).logits.numpy()
    task = policy.task(x, origin).logits.numpy()
    for k, n in itertools.product(range(K), range(N)):
      h = by_hand(policy, 'shared', x[k, n], k, shown[k, n], shared_observes)
      g = by_hand(policy, 'task', x[k, n], k, shown[k, n], task_observes)
      expected = {'shared': h, 'separate': g, 'two_column': 0.4 * h + g}
      np.testing.assert_allclose(shared[k, n], h, rtol=1e-4, atol=1e-5)
      np.testing.assert_allclose(
          task[k, n], expected[architecture], rtol=1e-4, atol=1e-5
      )


def test_the_origin_matters_to_those_alone_that_observe_the_task():
  x = observations()
  for observes in (False, True):
    policy = make(shared_observes_task=observes, task_observes_task=observes)
    for which in (policy.shared, policy.task):
      mean, _ = parameters(which(x))
      other, _ = parameters(which(x, origins()))
      assert (mean != other).any() == observes


@pytest.mark.parametrize('is_discrete', [False, True])
@pytest.mark.parametrize('observes', [False, True])
def test_separate_policies_become_the_shared_one(observes, is_discrete):
  policy = make(
      is_discrete=is_discrete,
      shared_observes_task=observes,
      task_observes_task=observes,
  )
  x = observations()
  before = policy.task(x).kl_divergence(policy.shared(x))
  assert tf.reduce_mean(before) > 1e-2
  kept = [variable.numpy() for variable in policy.shared_variables()]
  policy.reset_tasks()
  for origin in (None, origins()):
    for one, other in zip(
        parameters(policy.task(x, origin)), parameters(policy.shared(x, origin))
    ):
      # A product of K matrices may round otherwise than one of a matrix.
      np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        policy.task(x, origin).kl_divergence(policy.shared(x, origin)),
        np.zeros([K, N]),
        atol=1e-6,
    )
  for variable, source in zip(policy.task_variables(), kept):
    for row in variable.numpy():
      np.testing.assert_array_equal(row, source.reshape(row.shape))
  for variable, value in zip(policy.shared_variables(), kept):
    np.testing.assert_array_equal(variable, value)


def test_copies_are_their_own():
  policy = make()
  policy.reset_tasks()
  x = observations()
  policy.task_variables()[0].assign_add(
      tf.ones_like(policy.task_variables()[0])
  )
  kl = policy.task(x).kl_divergence(policy.shared(x))
  assert tf.reduce_min(kl) > 1e-6


def test_a_reset_is_kept_within_bounds_by_project():
  policy = make()
  policy.acting_variables()['shared/log_std'].assign([-9.0, 9.0])
  policy.reset_tasks()
  _, std = parameters(policy.task(observations()))
  np.testing.assert_allclose(
      np.log(std), np.broadcast_to([-9.0, 9.0], (K, N, A)), rtol=1e-5
  )
  policy.project()
  for distribution in (policy.task, policy.shared):
    _, std = parameters(distribution(observations()))
    np.testing.assert_allclose(
        std, np.broadcast_to([0.1, 1.6], (K, N, A)), rtol=1e-5
    )


@pytest.mark.parametrize(
    'changes, told',
    [
        (dict(pooled_normalizer=False), 'pooled_normalizer=True, got False'),
        (
            dict(task_observes_task=False),
            'shared_observes_task=True, got False',
        ),
        (
            dict(shared_observes_task=False),
            'shared_observes_task=False, got True',
        ),
    ],
)
def test_columns_that_see_otherwise_are_not_made_equal(changes, told):
  policy = make(**changes)
  before = [variable.numpy() for variable in policy.task_variables()]
  with pytest.raises(ValueError, match=told):
    policy.reset_tasks()
  for variable, value in zip(policy.task_variables(), before):
    np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize('is_discrete', [False, True])
def test_two_columns_become_fresh(is_discrete):
  policy = make(
      'two_column',
      is_discrete,
      alpha=1.0,
      pooled_normalizer=False,
      task_observes_task=False,
  )
  policy.project()  # All variables are random, also the bound of pi_k.
  x = observations()
  before = [variable.numpy() for variable in policy.task_variables()]
  policy.reset_tasks()
  task, shared = parameters(policy.task(x)), parameters(policy.shared(x))
  changed = [
      (variable.numpy() != value).any()
      for variable, value in zip(policy.task_variables(), before)
  ]
  assert changed == [False, False, True] * 2
  if is_discrete:
    np.testing.assert_array_equal(task[0], shared[0])
  else:
    # A precision of 0.01, and no mean of its own, besides pi_0's.
    precision = shared[1] ** -2.0 + 0.01
    np.testing.assert_allclose(task[1], precision**-0.5, rtol=1e-5)
    np.testing.assert_allclose(
        task[0], shared[0] * shared[1] ** -2.0 / precision, rtol=1e-4
    )


@pytest.mark.parametrize('is_discrete', [False, True])
def test_one_policy_needs_no_reset(is_discrete):
  policy = make('shared', is_discrete, pooled_normalizer=False)
  x = observations()
  before = parameters(policy.task(x))
  policy.reset_tasks()
  np.testing.assert_array_equal(before, parameters(policy.task(x)))


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_states_of_another_number_of_tasks_are_refused(architecture):
  policy = make(architecture)
  x = tf.zeros([K, N, D])
  # As many rows as tasks, or a multiple, would be dealt out among them.
  for rows in (tf.zeros([1, K, D]), tf.zeros([2 * K, N, D]), x[:, :, :1], x[0]):
    for which in (policy.task, policy.shared):
      with pytest.raises(ValueError, match=' has shape .*, want'):
        which(rows)
  for origin in (tf.zeros([K], tf.int32), tf.zeros([K, 1], tf.int32)):
    for which in (policy.task, policy.shared):
      with pytest.raises(ValueError, match='origin has shape .*, want'):
        which(x, origin)
