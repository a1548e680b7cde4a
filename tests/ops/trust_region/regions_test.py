"""Variables and samples as matrices with a row a region."""

from distillery.ops.trust_region import regions
import numpy as np
import pytest
import tensorflow as tf


def variables(*shapes):
  rng = np.random.default_rng(0)
  return [
      tf.Variable(rng.normal(size=shape), dtype=tf.float32) for shape in shapes
  ]


@pytest.mark.parametrize(
    'num_regions, shapes',
    [
        (3, [(3, 2, 4), (3, 1, 4), (3,)]),
        (1, [(3, 2), (), (1, 4)]),
    ],
)
def test_unflatten_is_the_inverse_of_flatten(num_regions, shapes):
  moved = variables(*shapes)
  before = [v.numpy() for v in moved]
  flat = regions.flatten(moved, num_regions)
  assert flat.shape == (num_regions, sum(b.size for b in before) // num_regions)
  regions.assign(moved, 0.0 * flat)
  assert not any(v.numpy().any() for v in moved)
  regions.assign(moved, flat)
  for variable, value in zip(moved, before):
    np.testing.assert_array_equal(variable, value)


def test_a_row_is_a_region():
  flat = regions.flatten(
      [tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([5.0, 6.0])], 2
  )
  np.testing.assert_array_equal(flat, [[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]])


def test_mean_of_each_region_or_of_all():
  x = tf.constant([[1.0, 2.0], [3.0, 6.0]])
  np.testing.assert_array_equal(regions.mean(x, 2), [1.5, 4.5])
  np.testing.assert_array_equal(regions.mean(x, 1), [3.0])


def test_mean_does_not_round_as_float32_does():
  x = np.full([1, 100_000], 1e4, np.float32)
  x[0, ::2] += np.float32(1e-3)
  mean = regions.mean(tf.constant(x), 1)
  assert mean.dtype == tf.float64
  np.testing.assert_allclose(mean, [x.astype(np.float64).mean()], rtol=1e-14)


def test_refuses_a_missing_axis():
  with pytest.raises(ValueError, match=r'shape \(3, 2\), but 2 regions'):
    regions.flatten(variables((2, 3), (3, 2)), 2)
  with pytest.raises(ValueError, match='2 regions'):
    regions.mean(tf.constant(1.0), 2)
