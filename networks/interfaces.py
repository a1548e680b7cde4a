"""Defines the interfaces that agents need from networks.

They are protocols, so a network does not have to inherit from them.
"""

from typing import Dict, Optional, Protocol, Sequence

from distillery.networks import acting
import tensorflow as tf
from tensorflow_probability import distributions as tfd


class MultiTaskPolicy(Protocol):
  """A set of K task policies and one policy that all tasks share.

  Observations are task-major, `[K, N, D]` float32, and the returned
  distributions have batch shape `[K, N]`. The two sets of variables do not
  overlap. Gradients of `task` may reach `shared_variables` (in Distral's two
  columns they do). To hold one set fixed, differentiate with respect to the
  other set alone.

  `origin` `[K, N]` int32 is the task that each observation came from. A policy
  that observes the task needs it for states of other tasks. None means that the
  observations of row k came from task k.
  """

  num_tasks: int

  def shared(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the shared policy pi_0(.|s).

    Args:
      observation: the states s, `[K, N, D]`.
      origin: the task that each state came from, `[K, N]` int32; None: row k's.

    Returns:
      A distribution of actions with batch shape `[K, N]`.
    """

  def task(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the policy pi_k(.|s) of row k, also for states of other tasks.

    Args:
      observation: the states s, `[K, N, D]`.
      origin: the task that each state came from, `[K, N]` int32; None: row k's.

    Returns:
      A distribution of actions with batch shape `[K, N]`.
    """

  def shared_variables(self) -> Sequence[tf.Variable]:
    """Returns the trainable variables of the shared policy."""

  def task_variables(self) -> Sequence[tf.Variable]:
    """Returns the trainable variables of the task policies, each `[K, ...]`."""

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that the policy in NumPy needs, by name."""

  def acting_policy(
      self,
      which: str,
      low: Sequence[float] = (),
      high: Sequence[float] = (),
      noise_colors: Sequence[float] = (),
  ) -> acting.ActingPolicy:
    """Returns the same policy in NumPy.

    Args:
      which: 'task' for pi_k, 'shared' for pi_0.
      low: the A lower bounds to which the environment clips continuous actions;
        empty if it does not clip them.
      high: the A upper bounds, or empty.
      noise_colors: the colors of a Gaussian policy's noise, >= 0; see
        `acting.gaussian.colored_noise`.

    Returns:
      A policy that acts with the values of `acting_variables`.
    """

  def observe(self, observation: tf.Tensor) -> None:
    """Updates the statistics of observations, if there are any.

    The observations are `[K, N, D]`.
    """

  def project(self, max_std: Optional[tf.Tensor] = None) -> None:
    """Moves the variables back into their ranges, after a step.

    Args:
      max_std: the upper bound of the standard deviation of the policy that acts
        now, if it is Gaussian, float32 []; None: the bound that the policy was
        made with.
    """

  def reset_tasks(self) -> None:
    """Makes every pi_k equal to pi_0, as nearly as the architecture allows.

    Raises:
      ValueError: if the architecture does not allow it.
    """


class MultiTaskValue(Protocol):
  """The values of the states of K tasks."""

  def __call__(self, observation: tf.Tensor) -> tf.Tensor:
    """Returns the values V_k(s), `[K, N]`, of states `[K, N, D]`."""

  @property
  def trainable_variables(self) -> Sequence[tf.Variable]:
    """Returns the trainable variables, each with a leading task axis."""
