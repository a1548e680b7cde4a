"""Checks of shapes, with errors that name the argument that is wrong.

They look at static shapes. Inside a `tf.function` they cost time only while it
is traced.
"""

from typing import Any, Optional, Sequence

import tensorflow as tf


def same_shape(op: str, **tensors: Any) -> None:
  """Checks that the static shapes of all tensors can be equal.

  Otherwise TensorFlow silently broadcasts `[B]` against `[B, 1]` to `[B, B]`.

  Args:
    op: the name of the calling operation, for the message.
    **tensors: the tensors by argument name; for a distribution, its batch shape
      is compared.

  Raises:
    ValueError: if two static shapes disagree.
  """
  (first, reference), *others = (
      (name, _shape(tensor)) for name, tensor in tensors.items()
  )
  for name, shape in others:
    if shape.rank != reference.rank or not shape.is_compatible_with(reference):
      raise ValueError(
          f'{op}: {name} has shape {shape}, but {first} has shape '
          f'{reference}; they must be equal.'
      )


def has_shape(op: str, shape: Sequence[Optional[int]], **tensors: Any) -> None:
  """Checks that the static shapes of all tensors agree with a given shape.

  Args:
    op: the name of the calling operation, for the message.
    shape: the shape that is needed; None stands for any number.
    **tensors: the tensors by argument name; for a distribution, its batch shape
      is compared.

  Raises:
    ValueError: if a static shape disagrees with it.
  """
  for name, tensor in tensors.items():
    if not _shape(tensor).is_compatible_with(shape):
      raise ValueError(
          f'{op}: {name} has shape {_shape(tensor)}, want '
          f'{tf.TensorShape(shape)}.'
      )


def action_of(op: str, policy: Any, action: tf.Tensor) -> None:
  """Checks that there is one action for each state of a policy.

  `policy.log_prob` broadcasts: it would silently use actions `[N, A]` for every
  task.

  Args:
    op: the name of the calling operation, for the message.
    policy: a distribution of actions.
    action: the actions; their shape must be the policy's batch shape followed
      by its event shape.

  Raises:
    ValueError: if the static shapes disagree.
  """
  has_shape(
      op, policy.batch_shape.concatenate(policy.event_shape), action=action
  )


def _shape(tensor: Any) -> tf.TensorShape:
  return (
      tensor.batch_shape
      if hasattr(tensor, 'batch_shape')
      else tf.TensorShape(tensor.shape)
  )
