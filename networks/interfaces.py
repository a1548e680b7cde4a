"""What agents ask of a network; protocols, so that it inherits nothing."""

from typing import Dict, Optional, Protocol, Sequence

from distillery.networks import acting
import tensorflow as tf
from tensorflow_probability import distributions as tfd


class MultiTaskPolicy(Protocol):
  """K task policies and one policy that all tasks share.

  Observations are task-major, `[K, N, D]` float32; the distributions that come
  back have batch shape `[K, N]`. The two sets of variables do not overlap.
  Gradients of `task` may reach `shared_variables` (they do in Distral's two
  columns): who must hold one set fixed differentiates the other alone.

  `origin` `[K, N]` int32 says which task an observation came from, for a policy
  that is shown the task and asked about states of others; None: row k's own.
  """

  num_tasks: int

  def shared(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """pi_0(.|s)."""

  def task(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """pi_k(.|s) of row k, wherever s came from."""

  def shared_variables(self) -> Sequence[tf.Variable]:
    """Trainable variables of the shared policy."""

  def task_variables(self) -> Sequence[tf.Variable]:
    """Trainable variables of the task policies, each `[K, ...]`."""

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """By name, all that `networks.acting` needs to act without TensorFlow."""

  def acting_policy(
      self,
      which: str,
      low: Sequence[float] = (),
      high: Sequence[float] = (),
      noise_color: float = 0.0,
  ) -> acting.ActingPolicy:
    """The same policy in NumPy, 'task' or 'shared'.

    Args:
      which: 'task' (pi_k) or 'shared' (pi_0).
      low: bounds that the environment clips continuous actions to, A numbers;
        empty: it does not.
      high: likewise.
      noise_color: of a Gaussian policy's noise, see
        `acting.gaussian.colored_noise`.
    """

  def observe(self, observation: tf.Tensor) -> None:
    """Updates statistics of the observations, if it has any, `[K, N, D]`."""

  def project(self, max_std: Optional[tf.Tensor] = None) -> None:
    """Puts the variables back into their ranges, after a step.

    Args:
      max_std: upper bound of the standard deviation of what acts now, if that
        is Gaussian, float32 []; None: the one that it was made with.
    """

  def reset_tasks(self) -> None:
    """Makes every pi_k pi_0, as nearly as the architecture can.

    Raises:
      ValueError: if it cannot.
    """


class MultiTaskValue(Protocol):
  """K state values."""

  def __call__(self, observation: tf.Tensor) -> tf.Tensor:
    """V_k(s): `[K, N, D]` to `[K, N]`."""

  @property
  def trainable_variables(self) -> Sequence[tf.Variable]:
    """Variables with a leading task axis."""
