"""Trust-region steps: the Fisher matrix, what is kept, and of whom."""

import functools

from distillery.ops.trust_region import families
from distillery.ops.trust_region import regions
from distillery.ops.trust_region import step as trust_region
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

K, N, D, H, A = 3, 40, 4, 5, 2
OPTIONS = dict(
    max_kl=0.01,
    damping=1e-3,
    cg_iterations=10,
    backtrack_ratio=0.8,
    max_backtracks=10,
)


class Problem:
  """Small policies, samples, and the surrogate of some random advantages."""

  def __init__(self, kind='gaussian', num_regions=K, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    k = self.num_regions = num_regions
    self.kind = kind
    shapes = [(k, D, H), (k, 1, H), (k, H, A), (k, 1, A)]
    arrays = [rng.normal(size=shape) / 2.0 for shape in shapes]
    if kind == 'gaussian':
      arrays.append(rng.uniform(-1.0, 0.0, size=(k, 1, A)))
    self.variables = [tf.Variable(x.astype(dtype)) for x in arrays]
    self.observation = rng.normal(size=(k, N, D)).astype(dtype)
    self.advantage = rng.normal(size=(k, N)).astype(dtype)
    self.action = (
        rng.normal(size=(k, N, A)).astype(dtype)
        if kind == 'gaussian'
        else rng.integers(A, size=(k, N))
    )
    self.old_log_prob = self.policy().log_prob(self.action)

  def policy(self, observation=None):
    w0, b0, w1, b1, *log_std = self.variables
    x = self.observation if observation is None else observation
    x = tf.matmul(tf.tanh(tf.matmul(x, w0) + b0), w1) + b1
    if self.kind == 'categorical':
      return tfd.Categorical(logits=x)
    return tfd.Independent(tfd.Normal(x, tf.exp(log_std[0])), 1)

  def loss(self, policy=None):
    policy = policy or self.policy()
    ratio = tf.exp(policy.log_prob(self.action) - self.old_log_prob)
    return regions.mean(-ratio * self.advantage, self.num_regions)

  def row(self, k):
    """Region k as a problem of its own."""
    other = Problem(self.kind, 1)
    other.variables = [tf.Variable(v[k : k + 1]) for v in self.variables]
    for name in ('observation', 'advantage', 'action', 'old_log_prob'):
      setattr(other, name, getattr(self, name)[k : k + 1])
    return other

  def flat(self):
    return regions.flatten(self.variables, self.num_regions).numpy()

  def product(self, damping=0.0):
    return trust_region.fisher_vector_product(
        self.policy,
        self.variables,
        damping=damping,
        num_regions=self.num_regions,
    )

  def step(self, compiled=False, **kwargs):
    step = functools.partial(
        trust_region.trust_region_step,
        self.variables,
        **{
            'policy': self.policy,
            'loss': self.loss,
            'num_regions': self.num_regions,
            **OPTIONS,
            **kwargs,
        },
    )
    result = (tf.function(step) if compiled else step)()
    return type(result)(*(field.numpy() for field in result))


KINDS = pytest.mark.parametrize('kind', ['gaussian', 'categorical'])


def hessian(problem):
  """Returns the Hessian of the mean KL(old || new), `[P, P]`."""
  variables, old = problem.variables, problem.policy()

  @tf.function
  def column(v):
    with tf.GradientTape() as outer:
      with tf.GradientTape() as inner:
        kl = tf.reduce_mean(tfd.kl_divergence(old, problem.policy()))
      gradient = regions.flatten(inner.gradient(kl, variables), 1)
      slope = tf.reduce_sum(gradient * v)
    return regions.flatten(outer.gradient(slope, variables), 1)[0]

  size = problem.flat().size
  return np.stack([column(tf.constant(v[np.newaxis])) for v in np.eye(size)])


@KINDS
def test_fisher_product_equals_the_hessian_of_the_kl(kind):
  problem = Problem(kind, num_regions=1, dtype=np.float64)
  product = tf.function(problem.product(damping=0.1))
  size = problem.flat().size
  assert size > 35
  fisher = np.stack(
      [product(tf.constant(v[np.newaxis]))[0] for v in np.eye(size)]
  )
  want = hessian(problem) + 0.1 * np.eye(size)
  np.testing.assert_allclose(fisher, want, rtol=1e-6, atol=1e-8)
  np.testing.assert_allclose(fisher, fisher.T, atol=1e-12)
  assert np.linalg.eigvalsh(fisher).min() > 0.099


@KINDS
def test_fisher_products_of_regions_are_separate_and_in_float32(kind):
  problem = Problem(kind)
  v = np.random.default_rng(1).normal(size=problem.flat().shape)
  v = v.astype(np.float32)
  together = problem.product()(tf.constant(v)).numpy()
  for k in range(K):
    alone = problem.row(k).product()(tf.constant(v[k : k + 1]))
    np.testing.assert_allclose(together[k], alone[0], rtol=1e-4, atol=1e-6)
  v[1] = 0.0
  changed = problem.product()(tf.constant(v)).numpy()
  np.testing.assert_array_equal(changed[1], 0.0 * v[1])
  np.testing.assert_allclose(changed[[0, 2]], together[[0, 2]], rtol=1e-6)


@KINDS
@pytest.mark.parametrize('compiled', [True, False])
def test_accepted_steps_are_within_the_region_and_better(kind, compiled):
  problem = Problem(kind)
  before, loss_before = problem.flat(), problem.loss().numpy()
  old = problem.policy()
  product = problem.product(OPTIONS['damping'])
  result = problem.step(compiled)
  assert result.accepted.all() and not result.failure.any()
  kl = regions.mean(tfd.kl_divergence(old, problem.policy()), K).numpy()
  assert (kl <= OPTIONS['max_kl']).all() and (kl > 0.003).all()
  np.testing.assert_allclose(result.kl, kl, rtol=1e-4)
  np.testing.assert_allclose(
      result.improvement, loss_before - problem.loss().numpy(), rtol=1e-6
  )
  assert (result.improvement > 0.0).all()
  change = problem.flat() - before
  np.testing.assert_allclose(
      result.step_norm, np.linalg.norm(change, axis=1), rtol=1e-5
  )
  fisher_norm = np.sqrt((change * product(tf.constant(change))).numpy().sum(1))
  np.testing.assert_allclose(
      fisher_norm,
      np.sqrt(2.0 * OPTIONS['max_kl'])
      * OPTIONS['backtrack_ratio'] ** result.num_backtracks,
      rtol=1e-3,
  )


def test_direction_is_the_natural_gradient():
  problem = Problem(num_regions=1, dtype=np.float64)
  before = problem.flat()
  with tf.GradientTape() as tape:
    loss = problem.loss()
  gradient = regions.flatten(tape.gradient(loss, problem.variables), 1).numpy()
  fisher = hessian(problem) + 0.1 * np.eye(before.size)
  x = np.linalg.solve(fisher, gradient[0])
  x *= np.sqrt(2.0 * OPTIONS['max_kl'] / (x @ fisher @ x))
  result = problem.step(damping=0.1, cg_iterations=60)
  assert result.accepted.all()
  np.testing.assert_allclose(
      problem.flat()[0] - before[0],
      -x * OPTIONS['backtrack_ratio'] ** result.num_backtracks[0],
      rtol=1e-3,
      atol=1e-7,
  )


@KINDS
def test_a_step_in_float32_points_where_that_in_float64_does(kind):
  """Also where some observations vary ten times as much as others."""
  changes = []
  for dtype in (np.float32, np.float64):
    problem = Problem(kind, dtype=dtype)
    problem.observation *= np.array([1.0, 2.0, 5.0, 10.0], dtype)
    problem.old_log_prob = problem.policy().log_prob(problem.action)
    before = problem.flat()
    assert problem.step().accepted.all()
    changes.append((problem.flat() - before).astype(np.float64))
  cosine = np.sum(changes[0] * changes[1], axis=1) / np.prod(
      np.linalg.norm(changes, axis=2), axis=0
  )
  np.testing.assert_allclose(cosine, 1.0, atol=1e-6)


def test_a_rejected_region_is_restored_bit_for_bit_while_others_move():
  problem = Problem()
  before = problem.flat()

  def loss(policy):  # A wall around the old variables of region 1.
    distance = tf.reduce_sum(
        tf.square(regions.flatten(problem.variables, K) - before), axis=1
    )
    return problem.loss(policy) + 1e8 * tf.cast(
        distance * [0.0, 1.0, 0.0], tf.float64
    )

  result = problem.step(loss=loss)
  np.testing.assert_array_equal(result.accepted, [True, False, True])
  np.testing.assert_array_equal(problem.flat()[1], before[1])
  assert (problem.flat()[[0, 2]] != before[[0, 2]]).any(axis=1).all()
  for field in (result.kl, result.improvement, result.step_norm):
    assert field[1] == 0.0 and (field[[0, 2]] > 0.0).all()
  assert result.num_backtracks[1] == OPTIONS['max_backtracks']
  assert not result.failure.any()


def test_regions_shorten_their_own_steps():
  """A step too long for its region alone is shortened there alone."""
  problem = Problem()
  before = problem.flat()

  def loss(policy):  # Region 1 may not go further than half its step.
    distance = tf.norm(
        tf.cast(regions.flatten(problem.variables, K) - before, tf.float64),
        axis=1,
    )
    return tf.where(
        (distance > limit) & [False, True, False], 9.0, problem.loss(policy)
    )

  limit = np.inf
  free = problem.step(loss=loss)
  regions.assign(problem.variables, tf.constant(before))
  limit = free.step_norm[1] / 2.0
  result = problem.step(loss=loss)
  np.testing.assert_array_equal(
      result.num_backtracks - free.num_backtracks, [0, 4, 0]
  )  # .8^4 < 1/2.
  np.testing.assert_allclose(
      result.step_norm, free.step_norm * [1.0, 0.8**4, 1.0], rtol=1e-4
  )


@KINDS
def test_stacked_steps_equal_separate_ones(kind):
  problem = Problem(kind, dtype=np.float64)
  rows = [problem.row(k) for k in range(K)]
  result = problem.step()
  for k, row in enumerate(rows):
    alone = row.step()
    np.testing.assert_allclose(problem.flat()[k], row.flat()[0], atol=1e-5)
    for together, single in zip(result, alone):
      np.testing.assert_allclose(together[k], single[0], rtol=1e-4)


def test_one_region_pools_several_rows_of_samples():
  """And then takes variables of any shape."""
  pooled, plain = (Problem(num_regions=1, dtype=np.float64) for _ in range(2))
  pooled.variables = [tf.Variable(v[0]) for v in pooled.variables]
  for name in ('observation', 'action', 'advantage', 'old_log_prob'):
    array = np.asarray(getattr(pooled, name))
    setattr(pooled, name, array.reshape(4, N // 4, *array.shape[2:]))
  result, want = pooled.step(), plain.step()
  assert result.accepted.shape == (1,) and result.accepted[0]
  np.testing.assert_allclose(pooled.flat(), plain.flat(), atol=1e-5)
  np.testing.assert_allclose(result.kl, want.kl, rtol=1e-4)


def test_variables_are_projected_before_they_are_judged():
  problem, unbounded = Problem(), Problem()
  for made in (problem, unbounded):  # What is nearer the mean is better.
    deviation = made.action - made.policy().mean()
    made.advantage = 1.0 - tf.reduce_sum(tf.square(deviation), axis=-1)
  loss_before = problem.loss()
  log_std = problem.variables[-1]
  floor = log_std.numpy() - 1e-3
  old = families.parameters(problem.policy())
  result = problem.step(
      project=lambda: log_std.assign(tf.maximum(log_std, floor))
  )
  assert result.accepted.all()
  assert (log_std.numpy() == floor).all()
  kl = regions.mean(old.kl(families.parameters(problem.policy())), K)
  np.testing.assert_allclose(result.kl, kl, rtol=1e-6)
  np.testing.assert_allclose(
      result.improvement, loss_before - problem.loss(), rtol=1e-6
  )
  unbounded.step()
  assert (unbounded.variables[-1].numpy() < floor).all()


def test_without_a_gradient_nothing_moves():
  problem = Problem()
  before = problem.flat()
  problem.advantage[1] = 0.0
  result = problem.step()
  np.testing.assert_array_equal(result.accepted, [True, False, True])
  np.testing.assert_array_equal(problem.flat()[1], before[1])
  assert result.num_backtracks[1] == 0 and not result.failure.any()


def test_the_scale_of_the_loss_does_not_matter():
  problem, small = (Problem(dtype=np.float64) for _ in range(2))
  problem.step()
  result = small.step(loss=lambda policy: 1e-9 * small.loss(policy))
  assert result.accepted.all()
  np.testing.assert_allclose(small.flat(), problem.flat(), atol=1e-5)


def spoilt(problem, origin):
  """Arguments by which `origin` is not finite in region 1."""
  if origin == 'loss':
    return {'loss': lambda policy: problem.loss(policy) * [1.0, np.nan, 1.0]}
  if origin == 'gradient':  # Of the square root at 0.
    old = problem.variables[0].numpy()
    root = lambda: tf.norm(problem.variables[0][1] - old[1])
    return {
        'loss': lambda policy: problem.loss(policy)
        + tf.cast(tf.stack([0.0, root(), 0.0]), tf.float64)
    }
  if origin == 'Fisher product':
    return {'damping': tf.constant([[1e-3], [np.inf], [1e-3]])}
  return {'max_kl': tf.constant([0.01, 1e90, 0.01], tf.float64)}


@pytest.mark.parametrize('origin', trust_region.FAILURES[1:])
@pytest.mark.parametrize('compiled', [True, False])
def test_numbers_not_finite_are_named_and_move_nothing(origin, compiled):
  problem = Problem()
  before = problem.flat()
  result = problem.step(compiled, **spoilt(problem, origin))
  assert trust_region.failure_message(result.failure) == f'{origin} of region 1'
  np.testing.assert_array_equal(result.accepted, [True, False, True])
  np.testing.assert_array_equal(problem.flat()[1], before[1])
  assert result.num_backtracks[1] == 0  # There was nothing to try.
  for field in result:
    assert np.isfinite(field.astype(float)).all()


def test_failure_message():
  assert trust_region.failure_message(np.array([0, 0])) == ''
  assert (
      trust_region.failure_message(np.array([1, 0, 4]))
      == 'loss of region 0, step of region 2'
  )


def test_refuses():
  problem = Problem()
  with pytest.raises(ValueError, match=r'loss must be of shape \[3\]'):
    problem.step(loss=lambda policy: tf.reduce_sum(problem.loss(policy)))
  problem.variables[0] = tf.Variable(problem.variables[0][0])
  with pytest.raises(ValueError, match='3 regions need a leading axis of 3'):
    problem.step()
