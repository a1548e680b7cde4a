"""Gradients of stacked networks."""

from typing import List, Sequence

import tensorflow as tf


def clip_by_task_norm(
    gradients: Sequence[tf.Tensor], max_norm: float, *, num_tasks: int
) -> List[tf.Tensor]:
  """Clips each task's gradient by its own norm over all variables.

  With one norm over all tasks, a task with a large gradient would stop the
  others from learning.

  Args:
    gradients: the gradients of variables with a leading task axis, each
      `[K, ...]`; or `[C * K, ...]` for C copies of such variables, one copy
      after the other.
    max_norm: the largest Euclidean norm of a task's gradient, > 0.
    num_tasks: K, the number of tasks.

  Returns:
    The clipped gradients, in the same order and shapes.

  Raises:
    ValueError: if a leading axis is not a multiple of K, or max_norm is not
      positive.
  """
  if not max_norm > 0.0:
    raise ValueError(f'max_norm must be positive, got {max_norm}.')
  for gradient in gradients:
    if not gradient.shape.rank or gradient.shape[0] % num_tasks:
      raise ValueError(
          f'gradients: one has shape {gradient.shape}, want a leading axis of '
          f'a multiple of {num_tasks}, the number of tasks.'
      )
  # [C, K, ...] for any C.
  split = [tf.reshape(g, [-1, num_tasks, *g.shape[1:]]) for g in gradients]
  square = tf.add_n(
      [
          tf.reduce_sum(tf.square(g), axis=[0, *range(2, g.shape.rank)])
          for g in split
      ]
  )  # [K]
  scale = max_norm / tf.maximum(tf.sqrt(square), max_norm)
  return [
      tf.reshape(
          s * tf.reshape(scale, [-1] + [1] * (s.shape.rank - 2)), g.shape
      )
      for g, s in zip(gradients, split)
  ]
