"""Conjugate gradients against direct solution."""

from distillery.ops.trust_region import conjugate_gradient
import numpy as np
import pytest
import tensorflow as tf

K, P = 4, 8


def systems(seed=0, dtype=np.float64):
  rng = np.random.default_rng(seed)
  factor = rng.normal(size=(K, P, P))
  matrix = factor @ factor.transpose(0, 2, 1) + np.eye(P)
  return matrix.astype(dtype), rng.normal(size=(K, P)).astype(dtype)


def solve(matrix, b, num_iterations, **kwargs):
  return conjugate_gradient.conjugate_gradient(
      lambda v: tf.linalg.matvec(tf.constant(matrix), v),
      tf.constant(b),
      num_iterations=num_iterations,
      **kwargs,
  )[0].numpy()


@pytest.mark.parametrize(
    'dtype, rtol', [(np.float64, 1e-9), (np.float32, 1e-3)]
)
def test_equals_a_direct_solution(dtype, rtol):
  matrix, b = systems(dtype=dtype)
  x = solve(matrix, b, 3 * P, tolerance=1e-24)
  want = np.linalg.solve(matrix, b[..., np.newaxis])[..., 0]
  np.testing.assert_allclose(x, want, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    'dtype, rtol', [(np.float64, 1e-9), (np.float32, 1e-5)]
)
def test_the_product_with_the_solution_is_given_too(dtype, rtol):
  matrix, b = systems(dtype=dtype)
  for num_iterations in (1, 3, P):
    x, product = conjugate_gradient.conjugate_gradient(
        lambda v: tf.linalg.matvec(tf.constant(matrix), v),
        tf.constant(b),
        num_iterations=num_iterations,
    )
    assert x.dtype == product.dtype == tf.float64
    want = (matrix.astype(np.float64) @ x.numpy()[..., np.newaxis])[..., 0]
    np.testing.assert_allclose(product, want, rtol=rtol, atol=rtol)


def test_stacked_systems_equal_separate_ones():
  matrix, b = systems()
  for num_iterations in (1, 3, P):
    together = solve(matrix, b, num_iterations)
    for k in range(K):
      alone = solve(matrix[k : k + 1], b[k : k + 1], num_iterations)
      np.testing.assert_allclose(together[k], alone[0], rtol=1e-10)


def test_first_iterations_by_hand():
  # One iteration: x = b b^T b / b^T A b = (1, 1) * 2 / (1 + 3).
  matrix, b = np.array([[[1.0, 0.0], [0.0, 3.0]]]), np.array([[1.0, 1.0]])
  np.testing.assert_allclose(solve(matrix, b, 1), [[0.5, 0.5]])
  np.testing.assert_allclose(solve(matrix, b, 2), [[1.0, 1.0 / 3.0]])


def exact_iterations(matrix, b, num_iterations):
  """Returns the exact result, the best x in span(b, A b, A^2 b, ...)."""
  basis = b[:, np.newaxis] / np.linalg.norm(b)
  for _ in range(num_iterations - 1):
    new = matrix @ basis[:, -1]
    for _ in range(2):  # The second time takes away the rounding of the first.
      new -= basis @ (basis.T @ new)
    basis = np.column_stack([basis, new / np.linalg.norm(new)])
  return basis @ np.linalg.solve(basis.T @ matrix @ basis, basis.T @ b)


def test_rounding_in_the_product_costs_no_iterations():
  """The systems are ill-conditioned, and the products are in float32."""
  rng = np.random.default_rng(0)
  size, num_iterations = 40, 20
  rotation = np.linalg.qr(rng.normal(size=(K, size, size)))[0]
  matrix = (
      rotation * np.geomspace(1e-3, 100.0, size) @ rotation.transpose(0, 2, 1)
  ).astype(np.float32)
  b = rng.normal(size=(K, size)).astype(np.float32)
  x = solve(matrix, b, num_iterations)
  for k in range(K):
    want = exact_iterations(
        matrix[k].astype(np.float64), b[k].astype(np.float64), num_iterations
    )
    np.testing.assert_allclose(
        x[k], want, rtol=0.0, atol=1e-3 * np.linalg.norm(want)
    )


def test_a_solved_system_stays_while_others_continue():
  matrix, b = systems()
  matrix[1] = 2.0 * np.eye(P)  # Solved by one iteration.
  b[2] = 0.0  # Before the first.
  x = solve(matrix, b, 3 * P)
  np.testing.assert_array_equal(x[1], b[1] / 2.0)
  np.testing.assert_array_equal(x[2], np.zeros(P))
  for k in (0, 3):
    np.testing.assert_allclose(
        x[k], np.linalg.solve(matrix[k], b[k]), rtol=1e-4, atol=1e-6
    )


def test_tolerance_stops():
  matrix, b = systems()
  np.testing.assert_array_equal(solve(matrix, b, P, tolerance=1e9), 0.0 * b)


def test_a_direction_without_curvature_ends_its_system_alone():
  matrix, b = systems()
  matrix[0] = 0.0
  x = solve(matrix, b, 3 * P)
  np.testing.assert_array_equal(x[0], np.zeros(P))
  np.testing.assert_allclose(
      x[1], np.linalg.solve(matrix[1], b[1]), rtol=1e-4, atol=1e-6
  )


@pytest.mark.parametrize('where', ['matrix', 'b'])
def test_nan_is_seen_and_does_not_spread(where):
  matrix, b = systems()
  (matrix if where == 'matrix' else b)[0, 0] = np.nan
  x = solve(matrix, b, P)
  assert np.isnan(x[0]).any()
  assert np.isfinite(x[1:]).all()


def test_refuses():
  matrix, b = systems()
  with pytest.raises(ValueError, match=r'b must be \[K, P\]'):
    solve(matrix[0], b[0], 1)
  with pytest.raises(ValueError, match='num_iterations must be >= 1, got 0'):
    solve(matrix, b, 0)


def test_products_of_another_shape_are_refused():
  with pytest.raises(ValueError, match='conjugate_gradient: product has shape'):
    conjugate_gradient.conjugate_gradient(
        lambda v: v[:, :1], tf.ones([K, P]), num_iterations=2
    )
