"""What agents ask of a network; protocols, so that it inherits nothing."""

from typing import Dict, Protocol, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


class MultiTaskPolicy(Protocol):
  """K task policies and one policy that all tasks share.

  Observations are task-major, `[K, N, D]` float32; the distributions that come
  back have batch shape `[K, N]`. The two sets of variables do not overlap.
  Gradients of `task` may reach `shared_variables` (they do in Distral's two
  columns): who must hold one set fixed differentiates the other alone.
  """
  num_tasks: int

  def shared(self, observation: tf.Tensor) -> tfd.Distribution:
    """pi_0(.|s)."""

  def task(self, observation: tf.Tensor) -> tfd.Distribution:
    """pi_k(.|s) of row k."""

  def shared_variables(self) -> Sequence[tf.Variable]:
    """Trainable variables of the shared policy."""

  def task_variables(self) -> Sequence[tf.Variable]:
    """Trainable variables of the task policies, each `[K, ...]`."""

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """By name, all that `networks.acting` needs to act without TensorFlow."""


class MultiTaskValue(Protocol):
  """K state values."""

  def __call__(self, observation: tf.Tensor) -> tf.Tensor:
    """V_k(s): `[K, N, D]` to `[K, N]`."""

  @property
  def trainable_variables(self) -> Sequence[tf.Variable]:
    """Variables with a leading task axis."""
