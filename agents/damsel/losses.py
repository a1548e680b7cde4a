"""The losses of DAMSEL (Mendonca et al. 2020), one number a task, `[M]`.

  L_BC    = mean_n |pi(s, z) - a*|^2              moves policy and encoder
  L_model = mean_n |M(s, a, z) - (s' - s, r)|^2   moves model and encoder
  L_f     = |z - f|^2                             moves the encoder

All are minimised. The paper prints the first two with a minus sign, and the
third as a norm without the square. The square is smooth at its minimum.
"""

from distillery.ops import checks
import tensorflow as tf


def imitation_loss(action: tf.Tensor, expert_action: tf.Tensor) -> tf.Tensor:
  """Computes L_BC, the error of the imitation.

  Args:
    action: the policy's actions, in the unit box, `[M, N, A]`.
    expert_action: the expert's actions in the same states, of the same shape.
      No gradient reaches them.

  Returns:
    L_BC of each task, `[M]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  return _mean_square('imitation_loss', prediction=action, target=expert_action)


def model_loss(prediction: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
  """Computes L_model, the error of the model.

  Args:
    prediction: the model's predictions, `[M, N, D + 1]`.
    change: the standardised changes of the observation, and the scaled rewards,
      of the same shape. No gradient reaches them.

  Returns:
    L_model of each task, `[M]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  return _mean_square('model_loss', prediction=prediction, target=change)


def component_loss(latent: tf.Tensor, component: tf.Tensor) -> tf.Tensor:
  """Computes L_f, the squared distance of latents from their components.

  Args:
    latent: the inferred latents z, `[M, L]`.
    component: the component f of each task's family, of the same shape. No
      gradient reaches it.

  Returns:
    L_f of each task, `[M]`.

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
