"""Families of policies: parameters, KL divergence, Fisher information."""

from typing import List, NamedTuple, Sequence, TypeAlias, Union

import tensorflow as tf
from tensorflow_probability import distributions as tfd


class Gaussian(NamedTuple):
  """The parameters of independent normal actions, both `[..., A]`."""

  mean: tf.Tensor
  std: tf.Tensor  # The standard deviations, > 0.

  def kl(self, other: 'Parameters') -> tf.Tensor:
    """Returns KL(self || other) in nats, `[...]`.

    sum_d log(s_q / s_p) + (s_p^2 + (mu_p - mu_q)^2) / (2 s_q^2) - 1/2, written
    so that no large terms cancel when the two policies are close.

    Raises:
      ValueError: if the other policy is of another family or action size.
    """
    if not isinstance(other, Gaussian):
      raise ValueError(_other_family(self, other))
    _check_sizes(self.mean, other.mean)
    shift = (self.mean - other.mean) / other.std
    log_ratio = tf.math.log(self.std / other.std)
    return tf.reduce_sum(
        0.5 * tf.square(shift)
        + 0.5 * tf.math.expm1(2.0 * log_ratio)
        - log_ratio,
        axis=-1,
    )

  def metric(self, tangent: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """Multiplies a change of (mean, std) by their Fisher information.

    The change and the result are lists of two tensors `[..., A]`.
    """
    mean, std = tangent
    precision = 1.0 / tf.square(self.std)
    return [precision * mean, 2.0 * precision * std]


class Categorical(NamedTuple):
  """The parameters of discrete actions: logits `[..., A]`."""

  logits: tf.Tensor

  def kl(self, other: 'Parameters') -> tf.Tensor:
    """Returns KL(self || other) in nats, `[...]`.

    Raises:
      ValueError: if the other policy is of another family or number of actions.
    """
    if not isinstance(other, Categorical):
      raise ValueError(_other_family(self, other))
    _check_sizes(self.logits, other.logits)
    log_prob = tf.nn.log_softmax(self.logits)
    return tf.reduce_sum(
        tf.exp(log_prob) * (log_prob - tf.nn.log_softmax(other.logits)), axis=-1
    )

  def metric(self, tangent: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """Multiplies a change of the logits by their Fisher information.

    The change and the result are lists of one tensor `[..., A]`.
    """
    (logits,) = tangent
    prob = tf.nn.softmax(self.logits)
    mean = tf.reduce_sum(prob * logits, axis=-1, keepdims=True)
    return [prob * (logits - mean)]


# The parameters of a policy of either family.
Parameters: TypeAlias = Union[Gaussian, Categorical]


def _other_family(policy: Parameters, other: Parameters) -> str:
  return (
      f'kl: one policy is {type(policy).__name__} and the other is '
      f'{type(other).__name__}; both must be of one family.'
  )


def _check_sizes(first: tf.Tensor, second: tf.Tensor) -> None:
  """Checks that the last axes are equal; the others may be broadcast."""
  one, other = (tf.TensorShape(x.shape)[-1:] for x in (first, second))
  if not one.is_compatible_with(other):
    raise ValueError(
        f'kl: the one policy has parameters of shape '
        f'{first.shape}, the other of {second.shape}; want last '
        'axes that are equal.'
    )


def parameters(policy: tfd.Distribution) -> Parameters:
  """Returns a distribution's parameters at this moment, as tensors.

  A distribution may hold variables and would change together with them.

  Args:
    policy: Independent(Normal) with an event of one axis, or Categorical.

  Raises:
    ValueError: if the policy is of another family.
  """
  if isinstance(policy, tfd.Categorical):
    return Categorical(tf.convert_to_tensor(policy.logits_parameter()))
  normal = getattr(policy, 'distribution', None)
  if (
      isinstance(policy, tfd.Independent)
      and isinstance(normal, tfd.Normal)
      and policy.event_shape.rank == 1
  ):
    mean, std = (tf.convert_to_tensor(x) for x in (normal.loc, normal.scale))
    if not mean.shape.is_fully_defined() or mean.shape != std.shape:
      shape = tf.broadcast_dynamic_shape(tf.shape(mean), tf.shape(std))
      mean, std = tf.broadcast_to(mean, shape), tf.broadcast_to(std, shape)
    return Gaussian(mean, std)
  raise ValueError(
      'A policy must be Categorical, or Independent over one axis of Normal; '
      f'got {policy}.'
  )
