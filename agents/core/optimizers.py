"""Keras' optimisers, with their own variables made: checkpoints hold them."""

from typing import Sequence

import tensorflow as tf


def adam(
    learning_rate: float,
    variables: Sequence[tf.Variable],
    epsilon: float = 1e-7,
) -> tf.keras.optimizers.Optimizer:
  """Adam.

  Args:
    learning_rate: of the optimiser.
    variables: that it will move.
    epsilon: added to the root of the second moment.
  """
  return _build(
      tf.keras.optimizers.Adam(learning_rate, epsilon=epsilon), variables
  )


def rms_prop(
    learning_rate: float, variables: Sequence[tf.Variable], epsilon: float
) -> tf.keras.optimizers.Optimizer:
  """RMSprop with a decay of 0.99.

  Args:
    learning_rate: of the optimiser.
    variables: that it will move.
    epsilon: added to the mean square, under the root (beside the root by the
      TensorFlow that goes with Launchpad). Where gradients are below its root,
      steps are smaller than the learning rate.
  """
  return _build(
      tf.keras.optimizers.RMSprop(learning_rate, rho=0.99, epsilon=epsilon),
      variables,
  )


def _build(
    optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]
) -> tf.keras.optimizers.Optimizer:
  # The second is its name in the TensorFlow that goes with Launchpad.
  build = getattr(optimizer, 'build', None) or optimizer._create_all_weights
  build(variables)
  return optimizer
