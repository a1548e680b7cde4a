"""The loss of distillation (Arora et al. 2018, section 3.1.4).

L = sum_k E_s KL( teacher_k(.|s) || student_k(.|s) )
"""

from distillery.ops import checks
import tensorflow as tf
from tensorflow_probability import distributions as tfd


def distillation_loss(
    teacher: tfd.Distribution, student: tfd.Distribution
) -> tf.Tensor:
  """Computes KL(teacher || student).

  Equation (4) of the study has the other direction; its code has this one.

  Args:
    teacher: the teachers' distributions, batch shape `[K, N]`.
    student: the student's distributions, of the same shapes.

  Returns:
    The KL in nats, `[K, N]`, unreduced.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.same_shape('distillation_loss', teacher=teacher, student=student)
  return tfd.kl_divergence(teacher, student)
