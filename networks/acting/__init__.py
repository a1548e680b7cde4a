"""Policies in NumPy, for the processes that step environments.

The forward passes of the Sonnet modules, equal within 1e-5. TensorFlow costs 5
to 15 times as much at a simulator's batch sizes. Rows come in U units of C
environments of one task, `[U, C, D]`. Products are made unit by unit: a row's
result does not depend on the others in the call.
"""

from typing import Any, Callable, Dict, Protocol, Tuple, Type, Union

from distillery.networks.acting import columns
from distillery.networks.acting import latent
from distillery.networks.acting import multi_head
from distillery.networks.acting import recurrent
from distillery.networks.acting import squashed
import numpy as np


class _Policy(Protocol):
  """What policies with a memory and policies without have in common."""

  @property
  def state_size(self) -> int:
    """S, how many numbers are remembered of an environment; 0: no memory.

    A property or an attribute of the class, see `register`.
    """

  def to_json(self) -> Dict[str, Any]:
    """What checkpoints keep of it, see `from_json` and `register`."""

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[float, int]:
    """Returns the number of tasks K and the size D of an observation."""

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ):
    """Gathers what the tasks `[U]` need; called once a parameter refresh."""

  def draw_noise(
      self, rng: np.random.Generator, num_steps: int, num_rows: int
  ) -> np.ndarray:
    """The randomness of an unroll, `[num_steps, num_rows, ...]` float32."""


class ActingPolicy(_Policy, Protocol):
  """A policy in NumPy, for the processes that step environments. Picklable.

  Rows come in units, see above. Parameters are a flat dict of float32 arrays.
  `state_size` is 0.
  """

  def sample(
      self, selected, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """`[U, C, D]`, `[U, C, ...]` to action `[U, C, A]`, log-prob `[U, C]`."""

  def deterministic(self, selected, observation: np.ndarray) -> np.ndarray:
    """What to do without noise, `[U, C, A]` (int32 `[U, C]` if discrete)."""


class StatefulPolicy(_Policy, Protocol):
  """An `ActingPolicy` with a memory, which its caller keeps.

  It takes the state `[U, C, S]` float32, 0 where an episode begins, as its last
  argument, and returns the new one last. `state_size`, S, is positive.
  """

  def sample(
      self,
      selected,
      observation: np.ndarray,
      noise: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns what `ActingPolicy.sample` does, and the new state."""

  def deterministic(
      self, selected, observation: np.ndarray, state: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Returns what `ActingPolicy.deterministic` does, and the new state."""


AnyPolicy = Union[ActingPolicy, StatefulPolicy]


def from_json(content: Dict[str, Any]) -> AnyPolicy:
  """Makes a policy of a registered class from what its `to_json` gave.

  Raises:
    ValueError: if there is no such class.
  """
  fields: Dict[str, Any] = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in content.items()
  }
  name = fields.pop('class')
  if name not in _POLICIES:
    raise ValueError(f'unknown policy {name!r}; known: {sorted(_POLICIES)}.')
  return _POLICIES[name](**fields)


def register(policy_class: Type[AnyPolicy]) -> Type[AnyPolicy]:
  """Lets `from_json`, which imports nothing, make policies of this class.

  Raises:
    ValueError: if another class has that name, or this one no `state_size`.
  """
  name = policy_class.__name__
  if _POLICIES.get(name, policy_class) is not policy_class:
    raise ValueError(f'there is a policy {name!r} already: {_POLICIES[name]}.')
  if not hasattr(policy_class, 'state_size'):
    raise ValueError(
        f'policy {name!r} has no `state_size`; want an attribute of the class, '
        'or a property: how many numbers it remembers of an environment, 0 if '
        'it has no memory.'
    )
  _POLICIES[name] = policy_class
  return policy_class


_POLICIES: Dict[str, Callable[..., AnyPolicy]] = {
    kind.__name__: kind
    for kind in (
        columns.ColumnPolicy,
        latent.LatentPolicy,
        squashed.SquashedPolicy,
        recurrent.RecurrentPolicy,
        multi_head.MultiHeadPolicy,
    )
}
