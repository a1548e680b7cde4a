"""DAMSEL's losses (Mendonca et al. 2020), each of M tasks, `[M]`.

  L_BC    = mean_n |pi(s, z) - a*|^2          moves policy and encoder
  L_model = mean_n |M(s, a, z) - (s' - s, r)|^2      model and encoder
  L_f     = |z - f|^2                                    the encoder

All are minimised. The paper prints the first two with a minus, and the third as
a norm that is not squared; the square is smooth at its minimum.
"""

from distillery.ops import checks
import tensorflow as tf


def imitation_loss(action: tf.Tensor, expert_action: tf.Tensor) -> tf.Tensor:
  """L_BC.

  Args:
    action: of the policy, `[M, N, A]`.
    expert_action: what the expert does in the same states; same shape. Held
      fixed.

  Returns:
    `[M]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  return _mean_square('imitation_loss', prediction=action, target=expert_action)


def model_loss(prediction: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
  """L_model.

  Args:
    prediction: of the model, `[M, N, D + 1]`.
    change: what the step led to, standardised; same shape. Held fixed.

  Returns:
    `[M]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  return _mean_square('model_loss', prediction=prediction, target=change)


def component_loss(latent: tf.Tensor, component: tf.Tensor) -> tf.Tensor:
  """L_f.

  Args:
    latent: z, `[M, L]`.
    component: f of the task's family; same shape. Held fixed.

  Returns:
    `[M]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape('component_loss', latent=latent, component=component)
  return tf.reduce_sum(tf.square(latent - tf.stop_gradient(component)), axis=-1)


def _mean_square(
    op: str, *, prediction: tf.Tensor, target: tf.Tensor
) -> tf.Tensor:
  checks.same_shape(op, prediction=prediction, target=target)
  return tf.reduce_mean(
      tf.reduce_sum(tf.square(prediction - tf.stop_gradient(target)), axis=-1),
      axis=-1,
  )
