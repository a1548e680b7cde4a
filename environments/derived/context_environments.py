"""The environments of `contexts`: what a worker needs, the centroids alone."""

import dataclasses
from typing import Any, Callable, Optional, Tuple

from distillery.environments import base
from distillery.environments import timestep_checks
import dm_env
from dm_env import specs
import numpy as np

_MAX_RESETS = 10_000  # Of one episode, before a context counts as empty.


def nearest(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
  """Returns the index of the centroid that is nearest to each point, [...].

  Args:
    points: [..., C].
    centroids: [k, C].

  Raises:
    ValueError: if they have different numbers of coordinates.
  """
  if centroids.ndim != 2 or points.shape[-1:] != centroids.shape[-1:]:
    raise ValueError(
        f'centroids: got shape {centroids.shape}, want [k, C] for '
        f'points of shape {points.shape}'
    )
  return np.square(points[..., np.newaxis, :] - centroids).sum(-1).argmin(-1)


@dataclasses.dataclass(frozen=True)
class ContextFactory:
  """Makes environments of one context; small and picklable.

  Attributes:
    factory: makes those of the whole task.
    context: index of the context.
    coordinates: C indices of an observation, by which contexts differ.
    centroids: of all contexts, [k, C].
    variations: the task's variations that are this context's.
  """

  factory: Callable[[int], base.TaskEnvironment]
  context: int
  coordinates: Tuple[int, ...]
  centroids: Tuple[Tuple[float, ...], ...]
  variations: Tuple[int, ...]

  def __call__(self, seed: int) -> 'ContextEnvironment':
    return ContextEnvironment(
        self.factory(seed),
        self.context,
        np.array(self.coordinates, int),
        np.array(self.centroids),
        self.variations,
        seed=seed,
    )


class ContextEnvironment(base.TaskEnvironment):
  """A task whose episodes all begin in one cluster of its initial states."""

  def __init__(
      self,
      environment: base.TaskEnvironment,
      context: int,
      coordinates: np.ndarray,
      centroids: np.ndarray,
      variations: Tuple[int, ...],
      *,
      seed: int,
  ):
    """Wraps a task's environment; arguments as in `ContextFactory`.

    Args:
      environment: of the whole task; closed with this one.
      context: index in `centroids`.
      coordinates: integers [C].
      centroids: float64 [k, C].
      variations: of `environment`, those to begin episodes in.
      seed: of the stream of episodes.

    Raises:
      ValueError: if they do not go together.
    """
    _check(environment, context, coordinates, centroids, variations)
    self._environment = environment
    self._context = context
    self._coordinates = coordinates
    self._centroids = centroids
    self._variations = variations
    self._rng = np.random.default_rng(seed)
    self._shape = environment.observation_spec().shape
    self._needs_reset = True

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class; resets until the observation lies in the cluster."""
    if variation is not None and not base.is_index(
        variation, self.num_variations
    ):
      raise ValueError(
          f'variation of context {self._context}: got {variation}, want an '
          f'integer in [0, {self.num_variations})'
      )
    rng = self._rng if seed is None else np.random.default_rng(seed)
    for _ in range(_MAX_RESETS):
      drawn = (
          variation
          if variation is not None
          else int(rng.integers(self.num_variations))
      )
      timestep = self._environment.reset(
          seed=int(rng.integers(2**31)), variation=self._variations[drawn]
      )
      observation = timestep_checks.first_observation(timestep, self._shape)
      if self._context == nearest(
          observation[self._coordinates], self._centroids
      ):
        self._needs_reset = False
        return timestep
    raise ValueError(
        f'context {self._context}: none of {_MAX_RESETS} resets began in it; '
        'want a task whose resets are those that the partition was made of'
    )

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._needs_reset:  # The task's own environment would begin anywhere.
      return self.reset()
    timestep = self._environment.step(action)
    timestep_checks.check_step(timestep, self._shape)
    self._needs_reset = timestep.step_type == dm_env.StepType.LAST
    return timestep

  @property
  def success(self) -> bool:
    """See base class."""
    return self._environment.success

  @property
  def num_variations(self) -> int:
    """See base class."""
    return len(self._variations)

  @property
  def environment(self) -> base.TaskEnvironment:
    """The whole task's, e.g. for scripted policies and pictures."""
    return self._environment

  def observation_spec(self) -> specs.Array:
    """See base class."""
    return self._environment.observation_spec()

  def action_spec(self) -> specs.Array:
    """See base class."""
    return self._environment.action_spec()

  def close(self) -> None:
    """Closes the task's environment."""
    self._environment.close()


def _check(
    environment: base.TaskEnvironment,
    context: int,
    coordinates: np.ndarray,
    centroids: np.ndarray,
    variations: Tuple[int, ...],
) -> None:
  """Raises ValueError unless a `ContextEnvironment` can be made of them."""
  (size,) = environment.observation_spec().shape
  for name, indices, num in (
      ('context', (context,), len(centroids)),
      ('coordinates', coordinates, size),
      ('variations', variations, environment.num_variations),
  ):
    if not all(base.is_index(index, num) for index in indices):
      raise ValueError(f'{name}: got {indices}, want integers in [0, {num})')
  if centroids.shape[1:] != coordinates.shape or not len(variations):
    raise ValueError(
        f'centroids: got shape {centroids.shape} with {len(coordinates)} '
        f'coordinates and {len(variations)} variations, want [k, C] with C '
        'coordinates and at least one variation'
    )
