"""Running statistics against NumPy's of all samples at once."""

from distillery.networks.layers import normalizer
import numpy as np
import pytest
import tensorflow as tf

K, D = 3, 4


def batches(seed=0):
  """Unequal sizes, drifting, each task and entry on its own scale."""
  rng = np.random.default_rng(seed)
  scale = np.logspace(-1, 2, K * D).reshape(K, 1, D)
  return [
      (scale * (rng.normal(size=(K, n, D)) + shift)).astype(np.float32)
      for n, shift in [(7, 0.0), (50, 3.0), (1, -2.0), (20, 1.0)]
  ]


def make(num_groups, min_std=1e-6):
  return normalizer.RunningNormalizer(
      num_groups, D, min_std=min_std, name='normalizer'
  )


@pytest.mark.parametrize('num_groups', [1, K])
def test_equals_numpy_over_all_batches(num_groups):
  net = make(num_groups)
  for batch in batches():
    net.update(tf.constant(batch))
  samples = np.concatenate(batches(), axis=1).astype(np.float64)
  axes = (1,) if num_groups == K else (0, 1)
  mean = samples.mean(axis=axes, keepdims=True)
  std = samples.std(axis=axes, keepdims=True)
  np.testing.assert_allclose(net.mean, mean, rtol=1e-4, atol=1e-6)
  np.testing.assert_allclose(net.variance, std**2, rtol=1e-4)
  np.testing.assert_allclose(net.inverse_std, 1.0 / std, rtol=1e-4)
  assert net.count.numpy() == samples[:, :, 0].size / num_groups
  np.testing.assert_allclose(
      net(samples.astype(np.float32)),
      np.clip((samples - mean) / std, -5.0, 5.0),
      rtol=1e-3,
      atol=1e-4,
  )


def test_groups_do_not_mix():
  net, other = make(K), make(K)
  for batch in batches():
    net.update(tf.constant(batch))
    batch[1] += 100.0
    other.update(tf.constant(batch))
  changed = (net.mean.numpy() != other.mean.numpy()).any(axis=(1, 2))
  assert list(changed) == [False, True, False]
  np.testing.assert_array_equal(
      net.inverse_std.numpy()[[0, 2]], other.inverse_std.numpy()[[0, 2]]
  )


def test_a_fresh_one_is_the_identity_and_only_update_changes_it():
  net = make(1)
  x = tf.constant(np.random.default_rng(0).normal(size=(K, 6, D)), tf.float32)
  np.testing.assert_array_equal(net(x), x)
  np.testing.assert_array_equal(net(x), x)
  net.update(x)
  assert (net(x).numpy() != x.numpy()).any()


def test_floor_and_clipping():
  net = make(1, min_std=0.5)
  x = np.zeros((1, 10, D), np.float32)
  x[..., 1] = 3.0  # never varies: divided by the floor
  x[0, 0, 2] = 1000.0
  net.update(tf.constant(x))
  assert net.inverse_std.numpy()[0, 0, 1] == 2.0
  result = net(tf.constant([[[0.0, 4.0, 0.0, 0.0], [0.0, 3.0, 9e9, -9e9]]]))
  np.testing.assert_allclose(result[0, :, 1], [2.0, 0.0])
  np.testing.assert_array_equal(result[0, 1, 2:], [5.0, -5.0])


def test_nothing_of_it_is_trained():
  variables = make(1).variables
  assert len(variables) == 4
  assert not any(variable.trainable for variable in variables)


def test_large_offset_keeps_its_precision():
  """Variance as E[x^2] - E[x]^2 would be lost to rounding here."""
  rng = np.random.default_rng(0)
  net = make(1)
  samples = (1e3 + rng.normal(size=(1, 400, D))).astype(np.float32)
  for batch in np.split(samples, 4, axis=1):
    net.update(tf.constant(batch))
  np.testing.assert_allclose(
      net.variance.numpy()[0, 0],
      samples[0].astype(np.float64).var(axis=0),
      rtol=1e-2,
  )


@pytest.mark.parametrize(
    'num_groups, shape',
    [
        (K, (1, 5, D)),
        (K, (5, D)),
        (K, (K, 5, 1)),
        (K, (6, 2, D)),
        (1, (5, D)),
        (1, (K, 5, 1)),
        (1, (K, D, 5)),
    ],
)
def test_observations_of_another_shape_are_refused(num_groups, shape):
  net = make(num_groups)
  for call in (net, net.update):
    with pytest.raises(ValueError, match=r'^normalizer: x has shape .*, want'):
      call(tf.zeros(shape))
