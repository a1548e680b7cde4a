"""A trained policy to act with, in NumPy."""

from typing import Mapping

from distillery.networks import acting
import numpy as np


class LoadedPolicy:
  """A trained policy, in NumPy."""

  def __init__(self, policy: acting.ActingPolicy,
               parameters: Mapping[str, np.ndarray], env_steps: int,
               wall_s: float):
    """Initialises the policy; it was trained for `env_steps` in `wall_s`."""
    self.env_steps = env_steps
    self.wall_s = wall_s
    self.policy = policy
    self.parameters = dict(parameters)
    self._task_index = None
    self._selected = None

  def act(self, observation: np.ndarray,
          task_index: np.ndarray) -> np.ndarray:
    """What the policy does without noise.

    Args:
      observation: `[N, D]`; without a one-hot of the task.
      task_index: `[N]` int, the tasks' places in the suite.

    Returns:
      `[N, A]` float32, within the bounds of the action spec; `[N]` int32 if
      actions are discrete.

    Raises:
      ValueError: if the policy has a memory, which rows here have not.
    """
    if hasattr(self.policy, 'state_size'):
      raise ValueError(
          'this policy remembers what it has seen; call `policy.deterministic` '
          'with `parameters` and a state, as `actors.PolicyActor` does.')
    task_index = np.asarray(task_index)
    # Gathering the weights costs more than a step; rows seldom change tasks.
    if self._task_index is None or not np.array_equal(
        task_index, self._task_index):
      self._selected = self.policy.select_tasks(self.parameters, task_index)
      self._task_index = task_index.copy()
    rows = np.asarray(observation, np.float32)[:, np.newaxis]
    return self.policy.deterministic(self._selected, rows)[:, 0]
