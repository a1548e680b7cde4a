"""KL divergence and Fisher information of each family."""

from distillery.ops.trust_region import families
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def gaussian(seed, n=6):
  rng = np.random.default_rng(seed)
  return tfd.Independent(
      tfd.Normal(
          tf.constant(rng.normal(size=(n, 2))),
          tf.constant(rng.uniform(0.3, 2.0, size=(n, 2))),
      ),
      1,
  )


def categorical(seed, n=6):
  rng = np.random.default_rng(seed)
  return tfd.Categorical(logits=tf.constant(rng.normal(size=(n, 3))))


@pytest.mark.parametrize('make', [gaussian, categorical])
def test_kl_equals_the_distributions(make):
  kl = families.parameters(make(0)).kl(families.parameters(make(1)))
  np.testing.assert_allclose(
      kl, tfd.kl_divergence(make(0), make(1)), rtol=1e-10
  )
  assert (kl.numpy() > 0.0).all()


def test_kl_of_neighbours_is_exact_in_float32():
  # Far from 0 in units of a small std: (x - y) / s keeps what x/s - y/s loses.
  mean, std = np.float32([[0.9, -0.7]]), np.float32([[0.01, 0.01]])
  moved = mean + np.float32(1e-4)
  kl = families.Gaussian(tf.constant(mean), tf.constant(std)).kl(
      families.Gaussian(tf.constant(moved), tf.constant(std))
  )
  want = 0.5 * (((moved.astype(float) - mean) / std.astype(float)) ** 2).sum()
  np.testing.assert_allclose(kl, [want], rtol=1e-6)


@pytest.mark.parametrize('make', [gaussian, categorical])
def test_metric_is_the_hessian_of_the_kl(make):
  old = families.parameters(make(0, n=1))
  size = sum(p.shape.num_elements() for p in old)
  step = 1e-4

  def kl(change):
    parts = np.split(change, len(old))
    return float(
        old.kl(type(old)(*(p + part for p, part in zip(old, parts))))[0]
    )

  basis = np.eye(size)
  hessian = np.array(
      [
          [
              (
                  kl(step * (u + v))
                  - kl(step * (u - v))
                  - kl(step * (v - u))
                  + kl(-step * (u + v))
              )
              / (4.0 * step**2)
              for u in basis
          ]
          for v in basis
      ]
  )
  metric = np.array(
      [
          np.concatenate(
              [
                  part.numpy()[0]
                  for part in old.metric(
                      [
                          tf.constant(p[np.newaxis])
                          for p in np.split(u, len(old))
                      ]
                  )
              ]
          )
          for u in basis
      ]
  )
  np.testing.assert_allclose(metric, hessian, rtol=1e-4, atol=1e-5)


def test_parameters_are_those_of_the_moment_and_of_one_shape():
  mean, std = tf.Variable([[1.0, 2.0]]), tf.Variable([3.0])
  found = families.parameters(tfd.Independent(tfd.Normal(mean, std), 1))
  mean.assign([[0.0, 0.0]])
  std.assign([9.0])
  np.testing.assert_array_equal(found.mean, [[1.0, 2.0]])
  np.testing.assert_array_equal(found.std, [[3.0, 3.0]])


@pytest.mark.parametrize(
    'policy',
    [
        tfd.Normal(0.0, 1.0),
        tfd.Independent(tfd.Laplace([0.0], [1.0]), 1),
        tfd.Bernoulli(logits=0.0),
    ],
)
def test_refuses_other_families(policy):
  with pytest.raises(ValueError, match='Categorical, or Independent'):
    families.parameters(policy)


def test_policies_of_other_actions_have_no_divergence():
  zeros = tf.zeros([2, 3])
  with pytest.raises(ValueError, match=r'kl: the one .*\(2, 3\), the other .*'):
    families.Gaussian(zeros, zeros + 1.0).kl(
        families.Gaussian(zeros[:, :1], zeros[:, :1] + 1.0)
    )
  with pytest.raises(ValueError, match='want last axes that are equal'):
    families.Categorical(zeros).kl(families.Categorical(zeros[:, :1]))


def test_policies_of_different_families_have_no_divergence():
  zeros = tf.zeros([2, 3])
  gaussian = families.Gaussian(zeros, zeros + 1.0)
  categorical = families.Categorical(zeros)
  with pytest.raises(ValueError, match='one policy is Gaussian and the other'):
    gaussian.kl(categorical)
  with pytest.raises(ValueError, match='one policy is Categorical and the oth'):
    categorical.kl(gaussian)
