"""Clipping of each task's gradient by its own norm."""

from distillery.ops import gradients
import numpy as np
import pytest
import tensorflow as tf


def test_hand_worked():
  # Task 0: norm of (3, 4, 12) is 13, to 6.5: halved. Task 1: 1, left alone.
  clipped = gradients.clip_by_task_norm(
      [tf.constant([[3.0, 4.0], [0.0, 1.0]]), tf.constant([[[12.0]], [[0.0]]])],
      6.5,
      num_tasks=2,
  )
  np.testing.assert_allclose(clipped[0], [[1.5, 2.0], [0.0, 1.0]])
  np.testing.assert_allclose(clipped[1], [[[6.0]], [[0.0]]])


def test_equals_a_loop_over_tasks():
  rng = np.random.default_rng(0)
  scales = [1e-3, 1.0, 100.0]
  arrays = [
      np.stack([s * rng.normal(size=shape) for s in scales])
      for shape in [(4, 5), (1, 5), (5, 2), ()]
  ]
  clipped = gradients.clip_by_task_norm(
      [tf.constant(array) for array in arrays], 0.5, num_tasks=3
  )
  for k in range(3):
    norm = np.sqrt(sum((array[k] ** 2).sum() for array in arrays))
    factor = min(1.0, 0.5 / norm)
    for result, array in zip(clipped, arrays):
      np.testing.assert_allclose(result[k], factor * array[k], rtol=1e-12)


def test_a_large_gradient_of_a_task_does_not_move_the_others():
  gradient = np.array([[0.1, 0.2], [1.0, 2.0]])
  before = gradients.clip_by_task_norm(
      [tf.constant(gradient)], 1.0, num_tasks=2
  )[0]
  gradient[1] *= 1e6
  after = gradients.clip_by_task_norm(
      [tf.constant(gradient)], 1.0, num_tasks=2
  )[0]
  np.testing.assert_array_equal(before[0], after[0])
  np.testing.assert_allclose(np.linalg.norm(after[1]), 1.0)


def test_zero_stays_zero_and_nan_does_not_spread():
  clipped = gradients.clip_by_task_norm(
      [tf.constant([[0.0, 0.0], [np.nan, 1.0]])], 0.5, num_tasks=2
  )[0]
  np.testing.assert_array_equal(clipped[0], [0.0, 0.0])
  assert np.isnan(clipped[1]).all()


def test_copies_of_a_task_have_one_norm():
  """Rows 0 and 2 are task 0's, of norm 5; rows 1 and 3 task 1's."""
  clipped = gradients.clip_by_task_norm(
      [tf.constant([[3.0], [0.1], [4.0], [0.2]])], 1.0, num_tasks=2
  )[0]
  np.testing.assert_allclose(clipped, [[0.6], [0.1], [0.8], [0.2]], rtol=1e-6)


@pytest.mark.parametrize('shape', [[5, 6], [4], []])
def test_gradients_of_other_tasks_are_refused(shape):
  with pytest.raises(ValueError, match='one has shape .*multiple of 3, the '):
    gradients.clip_by_task_norm(
        [tf.zeros([6, 2]), tf.zeros(shape)], 1.0, num_tasks=3
    )
  with pytest.raises(ValueError, match='max_norm must be positive, got 0.0'):
    gradients.clip_by_task_norm([tf.zeros([6, 2])], 0.0, num_tasks=3)
