"""Orders of minibatches."""

from distillery.ops import minibatches
import numpy as np
import pytest
import tensorflow as tf

K, N, EPOCHS, MINIBATCHES = 2, 24, 3, 4


def orders(seed=(1, 2)):
  return minibatches.orders(
      tf.constant(seed), K, N, num_epochs=EPOCHS, num_minibatches=MINIBATCHES
  ).numpy()


def test_every_pass_takes_every_sample_of_every_task_once():
  order = orders()
  assert order.dtype == np.int32
  assert order.shape == (EPOCHS * MINIBATCHES, K, N // MINIBATCHES)
  for i in range(0, len(order), MINIBATCHES):
    for k in range(K):
      assert sorted(order[i : i + MINIBATCHES, k].ravel()) == list(range(N))


def test_no_two_passes_and_no_two_tasks_have_one_order():
  passes = orders().reshape(EPOCHS, MINIBATCHES, K, -1)
  found = {
      tuple(passes[i, :, k].ravel()) for i in range(EPOCHS) for k in range(K)
  }
  assert len(found | {tuple(range(N))}) == EPOCHS * K + 1


def test_the_seed_fixes_the_orders():
  np.testing.assert_array_equal(orders(), orders())
  for other in ((1, 3), (2, 2)):
    assert (orders() != orders(other)).any(axis=(1, 2)).all()


def test_minibatches_are_equally_large():
  with pytest.raises(ValueError, match='must be a multiple of .* 10 and 4'):
    minibatches.orders(
        tf.constant((1, 2)), 2, 10, num_epochs=1, num_minibatches=4
    )
