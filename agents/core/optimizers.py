"""Keras' optimisers, with their own variables made: checkpoints hold them."""

from typing import Optional, Sequence

from distillery.ops import gradients as gradient_ops
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


def apply_clipped(
    optimizer: tf.keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    variables: Sequence[tf.Variable],
    max_norm: float,
    *,
    num_tasks: Optional[int] = None,
) -> None:
  """Moves variables by gradients of bounded norm; none if there are none.

  Args:
    optimizer: the optimiser of these variables.
    gradients: the gradient of each variable, of the variable's shape.
    variables: what is moved, in the same order.
    max_norm: the largest Euclidean norm, > 0.
    num_tasks: K, if the variables have a leading task axis and each task's
      gradient is clipped by its own norm, see `clip_by_task_norm`. None: one
      norm over all variables.

  Raises:
    ValueError: as `clip_by_task_norm`.
  """
  if not variables:
    return
  if num_tasks is None:
    gradients, _ = tf.clip_by_global_norm(gradients, max_norm)
  else:
    gradients = gradient_ops.clip_by_task_norm(
        gradients, max_norm, num_tasks=num_tasks
    )
  optimizer.apply_gradients(zip(gradients, variables))


def _build(
    optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]
) -> tf.keras.optimizers.Optimizer:
  # The second is its name in the TensorFlow that goes with Launchpad.
  build = getattr(optimizer, 'build', None) or optimizer._create_all_weights
  build(variables)
  return optimizer
