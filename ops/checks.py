"""Refusals that name what was wrong, before any arithmetic."""

import tensorflow as tf


def same_shape(op: str, **tensors: tf.Tensor) -> None:
  """Refuses tensors whose static shapes cannot be equal.

  Broadcasting `[B]` against `[B, 1]` is silent and gives `[B, B]`.

  Args:
    op: name of the calling operation, for the message.
    **tensors: tensors by argument name.

  Raises:
    ValueError: if two static shapes disagree.
  """
  (first, reference), *others = tensors.items()
  for name, tensor in others:
    if (tensor.shape.rank != reference.shape.rank
        or not tensor.shape.is_compatible_with(reference.shape)):
      raise ValueError(
          f'{op}: {name} has shape {tensor.shape}, but {first} has shape '
          f'{reference.shape}; they must be equal.')
