"""Refusals that name what was wrong, before any arithmetic.

They look at static shapes: in a `tf.function` they cost nothing but when it is
traced.
"""

from typing import Any, Optional, Sequence

import tensorflow as tf


def same_shape(op: str, **tensors: Any) -> None:
  """Refuses tensors whose static shapes cannot be equal.

  Broadcasting `[B]` against `[B, 1]` is silent and gives `[B, B]`.

  Args:
    op: name of the calling operation, for the message.
    **tensors: tensors by argument name, or distributions, whose batch shape
      counts.

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
  """Refuses tensors whose static shapes are not as an operation needs them.

  Args:
    op: name of the calling operation, for the message.
    shape: what is wanted; None stands for any number.
    **tensors: tensors by argument name.

  Raises:
    ValueError: if a static shape is another one.
  """
  for name, tensor in tensors.items():
    if not _shape(tensor).is_compatible_with(shape):
      raise ValueError(
          f'{op}: {name} has shape {_shape(tensor)}, want '
          f'{tf.TensorShape(shape)}.'
      )


def action_of(op: str, policy: Any, action: tf.Tensor) -> None:
  """Refuses actions that are not one for each of a policy's states.

  `policy.log_prob` broadcasts: `[N, A]` would be taken for all tasks' actions.

  Args:
    op: name of the calling operation, for the message.
    policy: a distribution of actions.
    action: of its batch shape, followed by its event shape.

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
