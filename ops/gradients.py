"""Gradients of stacked networks."""

from typing import List, Sequence

import tensorflow as tf


def clip_by_task_norm(
    gradients: Sequence[tf.Tensor], max_norm: float) -> List[tf.Tensor]:
  """Clips each task's gradient by its own norm over all variables.

  One norm over all tasks would let a task with a large gradient stop the rest.

  Args:
    gradients: each `[K, ...]`, of variables with a leading task axis.
    max_norm: largest Euclidean norm of a task's gradient, > 0.

  Returns:
    The clipped gradients, in the same order and shapes.
  """
  square = tf.add_n([
      tf.reduce_sum(tf.square(g), axis=list(range(1, g.shape.rank)))
      for g in gradients])  # [K]
  scale = max_norm / tf.maximum(tf.sqrt(square), max_norm)
  return [g * tf.reshape(scale, [-1] + [1] * (g.shape.rank - 1))
          for g in gradients]
