"""DAMSEL's losses, by hand."""

from distillery.agents.damsel import losses
import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize('loss', [losses.imitation_loss, losses.model_loss])
def test_mean_of_squared_distances(loss):
  got = loss(
      tf.constant([[[1.0, 2.0], [0.0, 0.0]], [[3.0, 0.0], [1.0, 1.0]]]),
      tf.constant([[[0.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, 3.0]]]),
  )
  np.testing.assert_allclose(got, [(5.0 + 1.0) / 2.0, (0.0 + 4.0) / 2.0])


def test_squared_distance_to_the_component():
  got = losses.component_loss(
      tf.constant([[1.0, 0.0], [2.0, 2.0]]),
      tf.constant([[1.0, 0.0], [0.0, 1.0]]),
  )
  np.testing.assert_allclose(got, [0.0, 5.0])


@pytest.mark.parametrize(
    'loss, shape',
    [
        (losses.imitation_loss, (2, 3, 4)),
        (losses.model_loss, (2, 3, 4)),
        (losses.component_loss, (2, 4)),
    ],
)
def test_targets_are_held_fixed_and_shapes_checked(loss, shape):
  rng = np.random.default_rng(0)
  x, target = (tf.constant(rng.normal(size=shape)) for _ in range(2))
  with tf.GradientTape() as tape:
    tape.watch([x, target])
    value = tf.reduce_sum(loss(x, target))
  d_x, d_target = tape.gradient(value, [x, target])
  assert d_target is None and np.abs(d_x).min() > 0.0
  # Downhill is toward the target.
  assert (np.sign(d_x) == np.sign(x - target)).all()
  with pytest.raises(ValueError, match='must be equal'):
    loss(x, target[:1])
