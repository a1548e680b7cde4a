"""Adam, as all learners have it."""

from typing import Sequence

import tensorflow as tf


def adam(learning_rate: float, variables: Sequence[tf.Variable],
         epsilon: float = 1e-7) -> tf.keras.optimizers.Optimizer:
  """Keras' Adam, with its own variables made: a checkpoint has to hold them.

  Args:
    learning_rate: of the optimiser.
    variables: that it will move.
    epsilon: added to the root of the second moment.
  """
  optimizer = tf.keras.optimizers.Adam(learning_rate, epsilon=epsilon)
  # The second is its name in the TensorFlow that goes with Launchpad.
  build = getattr(optimizer, 'build', None) or optimizer._create_all_weights  # pylint: disable=protected-access
  build(variables)
  return optimizer
