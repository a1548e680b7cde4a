"""What agents ask of a network. Protocols, so that a network inherits nothing."""

from typing import Dict, Protocol, Sequence

import numpy as np
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


class ActingPolicy(Protocol):
  """A policy in NumPy, for the processes that step environments. Picklable.

  Rows come in U units of C environments each; the environments of a unit
  belong to one task. Parameters are a flat dict of float32 arrays.
  """

  def select_tasks(self, parameters: Dict[str, np.ndarray],
                   task_index: np.ndarray):
    """Gathers what the tasks `[U]` need; called once a parameter refresh."""

  def draw_noise(self, rng: np.random.Generator, num_steps: int,
                 num_rows: int) -> np.ndarray:
    """The randomness of an unroll, `[num_steps, num_rows, ...]` float32."""

  def sample(self, selected, observation: np.ndarray, noise: np.ndarray):
    """`[U, C, D]`, `[U, C, ...]` to action `[U, C, A]`, log-prob `[U, C]`."""

  def mode(self, selected, observation: np.ndarray) -> np.ndarray:
    """The most likely action, `[U, C, A]` (int32 `[U, C]` if discrete)."""
