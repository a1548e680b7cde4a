"""Acts with a trained policy, in NumPy."""

from typing import Any, Mapping, Optional, TypeGuard, Union

from distillery.networks import acting
from distillery.networks.acting import perceptron as acting_perceptron
from distillery.networks.acting import policy_arguments
import numpy as np


class LoadedPolicy:
  """A trained policy and its parameters, in NumPy.

  Attributes:
    policy: the acting policy.
    parameters: the policy's parameters by name, read-only copies.
    env_steps: the environment steps of training so far.
    wall_s: the seconds of training so far.
  """

  def __init__(
      self,
      policy: acting.AnyPolicy,
      parameters: Mapping[str, np.ndarray],
      env_steps: int,
      wall_s: float,
  ):
    """Initialises the policy.

    Args:
      policy: the acting policy.
      parameters: the policy's parameters, arrays by name.
      env_steps: the environment steps of training so far.
      wall_s: the seconds of training so far.
    """
    self.env_steps = env_steps
    self.wall_s = wall_s
    self.policy = policy
    # They are read-only copies, because `_select` keeps a selection of them,
    # which would not follow a change.
    self.parameters = {
        name: np.array(value) for name, value in parameters.items()
    }
    for value in self.parameters.values():
      value.flags.writeable = False
    self._num_tasks, self._observation_size = policy.sizes(self.parameters)
    self._task_index: Optional[np.ndarray] = None
    self._selected: Any = None

  def act(
      self, observation: np.ndarray, task_index: Union[int, np.ndarray]
  ) -> np.ndarray:
    """Returns the policy's actions without noise.

    Args:
      observation: the observations `[N, D]`, or a single one `[D]`; finite
        numbers, without a one-hot of the task.
      task_index: the place of each row's task in the suite, from 0: integers
        `[N]`, or one integer for all rows.

    Returns:
      The actions: float32 `[N, A]`, within the bounds of the action spec, or
      int32 `[N]` if actions are discrete. For a single observation, `[A]` or
      `[]`.

    Raises:
      ValueError: if the policy has a memory, which cannot be passed here, or if
        an argument has another shape or type, or is out of range.
    """
    if not _is_memoryless(self.policy):
      raise ValueError(
          'this policy remembers what it has seen; call `policy.deterministic` '
          'with `parameters` and a state, as `actors.PolicyActor` does.'
      )
    rows = policy_arguments.checked_observation(
        observation, self._observation_size, max_rank=2
    )
    is_single = rows.ndim == 1
    rows = np.atleast_2d(rows)
    self._select(policy_arguments.index_of_each(task_index, len(rows)))
    action = self.policy.deterministic(self._selected, rows[:, np.newaxis])[
        :, 0
    ]
    return action[0] if is_single else action

  def _select(self, index: np.ndarray) -> None:
    """Gathers the weights of the rows' tasks."""
    # Gathering takes longer than acting, and the rows' tasks seldom change.
    if (
        self._task_index is None
        or index.dtype.kind not in 'iu'
        or not np.array_equal(index, self._task_index)
    ):
      index = acting_perceptron.checked_tasks(index, self._num_tasks)
      self._selected = self.policy.select_tasks(self.parameters, index)
      self._task_index = index


def _is_memoryless(
    policy: acting.AnyPolicy,
) -> TypeGuard[acting.ActingPolicy]:
  """Tells whether a policy remembers nothing of its earlier observations."""
  return not policy.state_size
