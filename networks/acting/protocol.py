"""The protocols of policies in NumPy, which this folder's policies inherit."""

import dataclasses
import math
from typing import Any, Dict, Optional, Protocol, Sequence, Tuple, Union

import numpy as np


class _Policy(Protocol):
  """The common part of policies with a memory and policies without."""

  @property
  def state_size(self) -> int:
    """Returns S, the size of an environment's memory; 0 if there is none.

    It is a property, or an attribute of the class; see `acting.register`.
    """

  def to_json(self) -> Dict[str, Any]:
    """Returns the fields that checkpoints store for this policy.

    `acting.from_json` makes the policy from them. This method serves subclasses
    that are dataclasses.
    """
    fields: Any = self
    return {'class': type(self).__name__, **dataclasses.asdict(fields)}

  def sizes(
      self, parameters: Dict[str, np.ndarray]
  ) -> Tuple[float, Optional[int]]:
    """Returns the number of tasks K and the size D of an observation.

    A policy that knows neither inherits this method, which returns infinity and
    None. Then indices of tasks and observations are checked less strictly.
    """
    return math.inf, None

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Any:
    """Gathers the parameters of some tasks.

    It is called once for each refresh of the parameters.

    Args:
      parameters: the policy's parameters by name, float32.
      task_index: the task of each unit, `[U]` integers.

    Returns:
      The argument `selected` of `sample` and `deterministic`.

    Raises:
      ValueError: if the task matters and an index is not an integer in [0, K).
    """

  def draw_noise(
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    """Draws the noise of an unroll.

    Args:
      rng: the generator that the noise is drawn from.
      num_steps: the number of steps of the unroll.
      environments: the index of each row's environment among those of its task,
        `[N]`.

    Returns:
      The noise, `[num_steps, N, ...]` float32.
    """


class ActingPolicy(_Policy, Protocol):
  """A policy in NumPy without a memory, for processes that step environments.

  It can be pickled. Rows come in units, see the module's docstring. Parameters
  are a flat dict of float32 arrays.
  """

  @property
  def state_size(self) -> int:
    return 0

  def sample(
      self, selected: Any, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Draws actions.

    Args:
      selected: the result of `select_tasks`.
      observation: the observations, `[U, C, D]` float32.
      noise: the noise of one step, from `draw_noise`, `[U, C, ...]`.

    Returns:
      The actions, `[U, C, A]` float32 (`[U, C]` int32 if discrete), and their
      log-probabilities, `[U, C]` float32.
    """

  def deterministic(self, selected: Any, observation: np.ndarray) -> np.ndarray:
    """Returns the actions that the policy takes without noise.

    Args:
      selected: the result of `select_tasks`.
      observation: the observations, `[U, C, D]` float32.

    Returns:
      The actions, `[U, C, A]` float32 (`[U, C]` int32 if discrete).
    """


class StatefulPolicy(_Policy, Protocol):
  """A policy like `ActingPolicy`, with a memory that the caller keeps.

  Its methods take the state `[U, C, S]` float32, 0 where an episode begins, as
  their last argument, and return the new state last. `state_size`, S, is
  positive.
  """

  def sample(
      self,
      selected: Any,
      observation: np.ndarray,
      noise: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws actions and updates the state.

    Args:
      selected: the result of `select_tasks`.
      observation: the observations, `[U, C, D]` float32.
      noise: the noise of one step, from `draw_noise`, `[U, C, ...]`.
      state: the state before the step, `[U, C, S]` float32.

    Returns:
      The actions and log-probabilities as in `ActingPolicy.sample`, and the new
      state.
    """

  def deterministic(
      self, selected: Any, observation: np.ndarray, state: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the actions without noise, and the new state.

    Args:
      selected: the result of `select_tasks`.
      observation: the observations, `[U, C, D]` float32.
      state: the state before the step, `[U, C, S]` float32.

    Returns:
      The actions as in `ActingPolicy.deterministic`, and the new state.
    """


AnyPolicy = Union[ActingPolicy, StatefulPolicy]
