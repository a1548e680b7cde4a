"""The product of Gaussians against numerical integration."""

from distillery.ops import gaussians
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

GRID = np.linspace(-60.0, 60.0, 400_001)
STEP = GRID[1] - GRID[0]
PRIOR_MEAN, PRIOR_STD = np.array([0.7, -1.2]), np.array([0.6, 1.4])
ETA, KAPPA = np.array([-1.5, 0.8]), np.array([0.3, 2.5])


def log_normal(x, mean, std):
  return (
      -0.5 * ((x - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2.0 * np.pi)
  )


def product(**changes):
  arguments = dict(
      prior_mean=PRIOR_MEAN,
      prior_std=PRIOR_STD,
      natural_mean=ETA,
      precision=KAPPA,
      alpha=0.5,
  )
  arguments.update(changes)
  alpha = arguments.pop('alpha')
  return gaussians.tempered_product(
      **{name: tf.constant(value) for name, value in arguments.items()},
      alpha=alpha,
  )


@pytest.mark.parametrize('alpha', [0.0, 0.5, 1.0])
def test_equals_numerical_integration(alpha):
  result = product(alpha=alpha)
  for d in range(2):
    # pi_0^alpha exp(-kappa/2 (a - m)^2) with m = eta / kappa, normalised.
    log_density = alpha * log_normal(GRID, PRIOR_MEAN[d], PRIOR_STD[d]) - (
        0.5 * KAPPA[d] * (GRID - ETA[d] / KAPPA[d]) ** 2
    )
    density = np.exp(log_density - log_density.max())
    density /= density.sum() * STEP
    mean = (GRID * density).sum() * STEP
    std = np.sqrt(((GRID - mean) ** 2 * density).sum() * STEP)
    np.testing.assert_allclose(result.mean[d], mean, rtol=1e-9)
    np.testing.assert_allclose(result.std[d], std, rtol=1e-9)


def test_hand_worked():
  # alpha / s_0^2 = 0.5 / 0.25 = 2; 1/s^2 = 2 + 2 = 4, s = 1/2;
  # mu = (2 * 3 + (-4)) / 4 = 1/2.
  result = product(
      prior_mean=[3.0], prior_std=[0.5], natural_mean=[-4.0], precision=[2.0]
  )
  np.testing.assert_allclose(result.mean, [0.5], rtol=1e-6)
  np.testing.assert_allclose(result.std, [0.5], rtol=1e-6)


def test_limits():
  no_advantage = product(natural_mean=0.0 * ETA, precision=0.0 * KAPPA)
  np.testing.assert_allclose(no_advantage.mean, PRIOR_MEAN)
  np.testing.assert_allclose(no_advantage.std, PRIOR_STD / np.sqrt(0.5))
  no_prior = product(alpha=0.0)
  np.testing.assert_allclose(no_prior.mean, ETA / KAPPA)
  np.testing.assert_allclose(no_prior.std, KAPPA**-0.5)


@pytest.mark.parametrize(
    'name, value',
    [
        ('prior_mean', PRIOR_MEAN + 0.1),
        ('prior_std', PRIOR_STD + 0.1),
        ('natural_mean', ETA + 0.1),
        ('precision', KAPPA + 0.1),
        ('alpha', 0.6),
    ],
)
def test_every_argument_moves_the_answer(name, value):
  before, after = product(), product(**{name: value})
  assert (np.abs(after.mean - before.mean) > 1e-3).all()
  if name in ('prior_mean', 'natural_mean'):
    np.testing.assert_array_equal(after.std, before.std)
  else:
    assert (np.abs(after.std - before.std) > 1e-3).all()


def test_gradients_reach_every_tensor():
  tensors = [tf.constant(x) for x in (PRIOR_MEAN, PRIOR_STD, ETA, KAPPA)]
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(tensors)
    result = gaussians.tempered_product(*tensors, alpha=0.5)
  for gradient in tape.gradient(result.mean, tensors):
    assert (np.abs(gradient) > 1e-3).all()
  prior_mean, prior_std, eta, kappa = tape.gradient(result.std, tensors)
  assert prior_mean is None and eta is None
  assert (prior_std > 0.0).numpy().all() and (kappa < 0.0).numpy().all()


def test_kl_and_entropy_of_the_distributions_used():
  """KL(p || q) = E_p[log p - log q], in this order of the arguments."""
  p, q = tfd.Normal(*product()), tfd.Normal(PRIOR_MEAN, PRIOR_STD)
  for d in range(2):
    log_p = log_normal(GRID, p.loc.numpy()[d], p.scale.numpy()[d])
    log_q = log_normal(GRID, PRIOR_MEAN[d], PRIOR_STD[d])
    kl = (np.exp(log_p) * (log_p - log_q)).sum() * STEP
    entropy = -(np.exp(log_p) * log_p).sum() * STEP
    np.testing.assert_allclose(tfd.kl_divergence(p, q)[d], kl, rtol=1e-9)
    np.testing.assert_allclose(p.entropy()[d], entropy, rtol=1e-9)
    assert abs(tfd.kl_divergence(q, p).numpy()[d] - kl) > 1e-2


@pytest.mark.parametrize('alpha', [-0.1, 1.1, float('nan')])
def test_alpha_outside_its_range_is_refused(alpha):
  with pytest.raises(ValueError, match='alpha must be in'):
    product(alpha=alpha)


@pytest.mark.parametrize('name', ['prior_std', 'natural_mean', 'precision'])
def test_shapes_that_would_broadcast_are_refused(name):
  with pytest.raises(ValueError, match=f'tempered_product: {name} has shape'):
    product(**{name: np.ones((2, 1))})


def test_product_against_brute_force():
  rng = np.random.default_rng(0)
  mean, variance = rng.normal(size=(4, 3)), rng.uniform(0.1, 2.0, (4, 3))
  found = gaussians.product(tf.constant(mean), tf.constant(variance))
  for i in range(3):
    density = np.exp(
        sum(
            log_normal(GRID, mean[n, i], variance[n, i] ** 0.5)
            for n in range(4)
        )
    )
    density /= density.sum() * STEP
    first = (GRID * density).sum() * STEP
    np.testing.assert_allclose(found.mean[i], first, rtol=1e-6)
    np.testing.assert_allclose(
        found.std[i] ** 2,
        ((GRID - first) ** 2 * density).sum() * STEP,
        rtol=1e-6,
    )


def test_products_do_not_depend_on_the_order_and_axes_are_kept():
  rng = np.random.default_rng(1)
  mean, variance = rng.normal(size=(2, 5, 3)), rng.uniform(0.1, 2.0, (2, 5, 3))
  one, same = (
      gaussians.product(tf.constant(m), tf.constant(v))
      for m, v in ((mean, variance), (mean[:, ::-1], variance[:, ::-1]))
  )
  assert one.mean.shape == one.std.shape == (2, 3)
  np.testing.assert_allclose(one.mean, same.mean, rtol=1e-12)
  with pytest.raises(ValueError, match='gaussians.product'):
    gaussians.product(tf.constant(mean), tf.constant(variance[:, :4]))


def test_divergence_from_the_standard_normal():
  rng = np.random.default_rng(2)
  mean, std = rng.normal(size=(5, 3)), rng.uniform(0.1, 2.0, (5, 3))
  want = tfd.kl_divergence(
      tfd.MultivariateNormalDiag(mean, std),
      tfd.MultivariateNormalDiag(np.zeros(3), np.ones(3)),
  )
  np.testing.assert_allclose(
      gaussians.kl_from_standard(
          gaussians.DiagGaussian(tf.constant(mean), tf.constant(std))
      ),
      want,
      rtol=1e-10,
  )


@pytest.mark.parametrize('shape', [[3], [1, 3], [2, 1]])
def test_a_deviation_of_another_shape_is_refused(shape):
  with pytest.raises(ValueError, match='kl_from_standard: std has shape'):
    gaussians.kl_from_standard(
        gaussians.DiagGaussian(tf.zeros([2, 3]), tf.ones(shape))
    )
