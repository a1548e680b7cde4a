"""DnC's penalties by hand, and by the sums of the paper in NumPy."""

from distillery.agents.dnc import losses
from distillery.ops.trust_region import families
from helpers import small_dnc as small
import numpy as np
import pytest
import tensorflow as tf

M, A = 5, 2
LN2 = np.log(2.0)


def gaussian(mean, std):
  return families.Gaussian(
      *(tf.constant(np.asarray(x, np.float64)) for x in (mean, std))
  )


def one_state(rows):
  """Policy i in the one state of context j is N(mean, std): `[K, K, 1, 1]`."""
  array = np.array(rows, np.float64)[:, :, np.newaxis, np.newaxis]
  return gaussian(array[..., 0], array[..., 1])


def random_policies(num_contexts, seed):
  rng = np.random.default_rng(seed)
  shape = (num_contexts, num_contexts, M, A)
  return gaussian(rng.normal(size=shape), rng.uniform(0.5, 2.0, size=shape))


# Policy i of two, in a state of context 0 and in one of context 1.
OLD = one_state([[(0.0, 1.0), (5.0, 1.0)], [(1.0, 2.0), (3.0, 1.0)]])
NEW = one_state([[(2.0, 1.0), (1.0, 1.0)], [(7.0, 1.0), (3.0, 2.0)]])


def test_pairwise_penalty_by_hand():
  # For policy 0: KL(N(2,1) || N(1,2)) = log 2 + (1 + 1)/8 - 1/2 in its own
  # state; KL(N(3,1) || N(1,1)) = (1 + 4)/2 - 1/2 in that of context 1.
  # For policy 1: KL(N(3,2) || N(5,1)) = -log 2 + (4 + 4)/2 - 1/2 and
  # KL(N(0,1) || N(7,1)) = (1 + 49)/2 - 1/2.
  np.testing.assert_allclose(
      losses.pairwise_penalty(NEW, OLD),
      [LN2 + 0.25 - 0.5 + 2.0, -LN2 + 4.0 - 0.5 + 24.5],
  )


def test_released_penalty_by_hand():
  # For policy 0, in the state of context 1 alone: (KL(N(3,1) || N(1,1)) +
  # KL(N(1,1) || N(3,1)))/2 = 2. For policy 1: 24.5 both ways.
  np.testing.assert_allclose(losses.released_penalty(NEW, OLD), [2.0, 24.5])
  # Unequal deviations: KL(N(3,1) || N(1,2)) = log 2 + 5/8 - 1/2, and
  # KL(N(1,2) || N(3,1)) = -log 2 + (4 + 4)/2 - 1/2.
  wider = one_state([[(9.0, 9.0), (1.0, 2.0)], [(0.0, 1.0), (9.0, 9.0)]])
  np.testing.assert_allclose(
      losses.released_penalty(wider, OLD)[0], (0.125 + 3.5) / 2.0
  )


def test_central_penalty_and_distillation_by_hand():
  local = gaussian([[[0.0], [1.0]]], [[[1.0], [1.0]]])
  central = gaussian([[[2.0], [1.0]]], [[[1.0], [2.0]]])
  # KL(N(0,1) || N(2,1)) = 2 and KL(N(1,1) || N(1,2)) = log 2 + 1/8 - 1/2.
  each = [2.0, LN2 + 0.125 - 0.5]
  np.testing.assert_allclose(
      losses.central_penalty(local, central), [np.mean(each)]
  )
  np.testing.assert_allclose(losses.distillation_loss(local, central), [each])
  np.testing.assert_allclose(
      losses.released_distillation_loss(local, central), [[4.0, 0.0]]
  )


def penalty_of_the_paper(new, old, alpha, rho, i):
  """alpha rho(w_i) sum_{j != i} rho(w_j) ( E_{s ~ pi_i} KL(pi_i || pi_j)

  + E_{s ~ pi_j} KL(pi_j || pi_i) ), equation 4 of the paper.
  """
  new, old = ([x.numpy() for x in policies] for policies in (new, old))
  result = 0.0
  for j in range(len(rho)):
    if j == i:
      continue
    own = [
        small.kl(
            (new[0][i, i, s], new[1][i, i, s]),
            (old[0][j, i, s], old[1][j, i, s]),
        )
        for s in range(M)
    ]
    other = [
        small.kl(
            (old[0][j, j, s], old[1][j, j, s]),
            (new[0][i, j, s], new[1][i, j, s]),
        )
        for s in range(M)
    ]
    result += rho[j] * (np.mean(own) + np.mean(other))
  return alpha * rho[i] * result


@pytest.mark.parametrize('num_contexts', [2, 3, 5])
def test_pairwise_penalty_is_that_of_the_paper(num_contexts):
  new, old = (random_policies(num_contexts, seed) for seed in (0, 1))
  # The module says this about the two coefficients.
  alpha, rho = num_contexts**2 / (num_contexts - 1), [1.0 / num_contexts] * (
      num_contexts
  )
  np.testing.assert_allclose(
      losses.pairwise_penalty(new, old),
      [
          penalty_of_the_paper(new, old, alpha, rho, i)
          for i in range(num_contexts)
      ],
  )


@pytest.mark.parametrize('num_contexts', [2, 3])
def test_released_penalty_is_that_of_the_release(num_contexts):
  new, old = (random_policies(num_contexts, seed) for seed in (0, 1))
  expected = []
  for i in range(num_contexts):
    terms = []
    for j in set(range(num_contexts)) - {i}:
      one, other = (
          [x.numpy()[k, j] for x in policies]
          for k, policies in ((i, new), (j, old))
      )
      terms.append(
          0.5 * (np.mean(small.kl(one, other)) + np.mean(small.kl(other, one)))
      )
    expected.append(np.mean(terms))
  np.testing.assert_allclose(losses.released_penalty(new, old), expected)


@pytest.mark.parametrize(
    'penalty, reached',
    [
        # In its own states, and in those of the others.
        (losses.pairwise_penalty, lambda i, row, column: row == i),
        (losses.released_penalty, lambda i, row, column: row == i != column),
    ],
)
def test_a_penalty_depends_on_its_own_policy_alone(penalty, reached):
  num_contexts = 3
  new, old = (random_policies(num_contexts, seed) for seed in (0, 1))
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(new)
    values = tf.unstack(penalty(new, old))
  for i, value in enumerate(values):
    for gradient in tape.gradient(value, new):
      size = np.abs(gradient).sum(axis=(2, 3))
      for row, column in np.ndindex(*size.shape):
        assert (size[row, column] > 1e-3) == reached(i, row, column)


def test_pairs_are_policy_and_context():
  """`[K, K M, A]`, where the states of context 0 come first."""
  mean = np.arange(2 * 6 * 1.0).reshape(2, 6, 1)
  found = losses.pairs(gaussian(mean, mean + 1.0), num_contexts=2)
  np.testing.assert_array_equal(found.mean[1, 0, :, 0], [6.0, 7.0, 8.0])
  np.testing.assert_array_equal(found.std[0, 1, :, 0], [4.0, 5.0, 6.0])


def test_categorical_penalties_by_hand():
  p, q = np.log([0.75, 0.25]), np.log([0.5, 0.5])
  # Policy 0 is p everywhere, policy 1 is q.
  both = families.Categorical(
      tf.constant(
          np.broadcast_to(
              np.stack([p, q])[:, np.newaxis, np.newaxis], [2, 2, M, 2]
          )
      )
  )
  forward = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
  reverse = 0.5 * np.log(2.0 / 3.0) + 0.5 * np.log(2.0)
  np.testing.assert_allclose(
      losses.pairwise_penalty(both, both), [forward + reverse] * 2
  )
  np.testing.assert_allclose(
      losses.released_penalty(both, both), [(forward + reverse) / 2.0] * 2
  )
  one, other = (families.Categorical(both.logits[i, :1]) for i in range(2))
  np.testing.assert_allclose(losses.central_penalty(one, other), [forward])
  np.testing.assert_allclose(losses.central_penalty(other, one), [reverse])


def test_distillation_matches_moments():
  """Its minimum over pi_c: the mean of means; variances plus their spread."""
  means, stds = np.array([[[-1.0]], [[2.0]]]), np.array([[[0.5]], [[1.0]]])
  best = [np.mean(means), np.sqrt(np.mean(stds**2 + (means - 0.5) ** 2))]
  variables = [tf.constant(x, tf.float64) for x in best]

  def gradients(loss):
    with tf.GradientTape() as tape:
      tape.watch(variables)
      central = families.Gaussian(
          *(tf.broadcast_to(x, means.shape) for x in variables)
      )
      value = tf.reduce_sum(loss(gaussian(means, stds), central))
    return tape.gradient(value, variables)

  np.testing.assert_allclose(
      gradients(losses.distillation_loss), 0.0, atol=1e-12
  )
  # The released code's is at its minimum too, and says nothing of deviations.
  mean, std = gradients(losses.released_distillation_loss)
  assert abs(mean) < 1e-12 and std is None


def test_shapes_that_would_broadcast_are_refused():
  def of(*shape):
    return families.Gaussian(tf.zeros(shape), tf.ones(shape))

  for loss in (losses.pairwise_penalty, losses.released_penalty):
    with pytest.raises(ValueError, match='penalty: second has shape'):
      loss(of(3, 3, M, A), of(3, 1, M, A))
    for shape in ((3, 1, M, A), (3, M, A), (3, 3, M)):
      with pytest.raises(ValueError, match='penalty: new has shape .*, want'):
        loss(of(*shape), of(*shape))
  for loss in (
      losses.central_penalty,
      losses.distillation_loss,
      losses.released_distillation_loss,
  ):
    for shape in ((1, M, A), (M, A), (3, M, 1)):
      with pytest.raises(ValueError, match='second has shape .*, but first '):
        loss(of(3, M, A), of(*shape))
  with pytest.raises(ValueError, match='pairs: parameters has shape .*, want'):
    losses.pairs(of(9, 3 * M, A), 3)
