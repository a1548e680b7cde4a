"""Makes Keras' optimisers with their own variables, which checkpoints hold."""

from typing import Optional, Sequence

from distillery.ops import gradients as gradient_ops
import tensorflow as tf


def adam(
    learning_rate: float,
    variables: Sequence[tf.Variable],
    *,
    epsilon: float,
) -> tf.keras.optimizers.Optimizer:
  """Makes an Adam optimiser.

  Args:
    learning_rate: the learning rate, > 0.
    variables: the variables that the optimiser will change.
    epsilon: the number that is added to the root of the second moment, > 0.

  Returns:
    The optimiser.
  """
  return _build(
      tf.keras.optimizers.Adam(learning_rate, epsilon=epsilon), variables
  )


def rms_prop(
    learning_rate: float,
    variables: Sequence[tf.Variable],
    *,
    decay: float,
    epsilon: float,
) -> tf.keras.optimizers.Optimizer:
  """Makes an RMSprop optimiser.

  Args:
    learning_rate: the learning rate, > 0.
    variables: the variables that the optimiser will change.
    decay: the decay of the running mean of squared gradients, in [0, 1].
    epsilon: the number that is added to the mean square, under the root. (The
      TensorFlow version for Launchpad adds it outside the root.) Steps are
      smaller than the learning rate where gradients are below the root of
      epsilon.

  Returns:
    The optimiser.
  """
  return _build(
      tf.keras.optimizers.RMSprop(learning_rate, rho=decay, epsilon=epsilon),
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
  """Clips gradients by their norm and applies them to variables.

  Does nothing if there are no variables.

  Args:
    optimizer: the optimiser of these variables.
    gradients: the gradient of each variable, of the variable's shape.
    variables: the variables to change, in the same order.
    max_norm: the largest Euclidean norm, > 0.
    num_tasks: K, if the variables have a leading task axis and each task's
      gradient is clipped by its own norm, see `clip_by_task_norm`. None: one
      norm over all variables.

  Raises:
    ValueError: if `num_tasks` is given, and `max_norm` is not positive or a
      gradient's leading axis is not a multiple of K.
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
  # The TensorFlow version for Launchpad has the second name.
  build = getattr(optimizer, 'build', None) or optimizer._create_all_weights
  build(variables)
  return optimizer
