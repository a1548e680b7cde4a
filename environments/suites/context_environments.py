"""Defines the environments of `contexts`, which need only the centroids."""

import dataclasses
from typing import Any, Callable, Optional, Tuple

from distillery.environments import base
from distillery.environments import timestep_checks
import dm_env
from dm_env import specs
import numpy as np

_MAX_RESETS = 10_000  # After as many resets, a context counts as empty.


def nearest(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
  """Returns the index of the nearest centroid for each point.

  Args:
    points: the points, float [..., C].
    centroids: the centroids, float [k, C].

  Returns:
    The indices, int [...], in [0, k).

  Raises:
    ValueError: if points and centroids have different numbers of coordinates.
  """
  if centroids.ndim != 2 or points.shape[-1:] != centroids.shape[-1:]:
    raise ValueError(
        f'centroids: got shape {centroids.shape}, want [k, C] for '
        f'points of shape {points.shape}'
    )
  return np.square(points[..., np.newaxis, :] - centroids).sum(-1).argmin(-1)


@dataclasses.dataclass(frozen=True)
class ContextFactory:
  """A small, picklable factory for the environments of one context.

  Attributes:
    factory: the function that makes the environment of the whole task.
    context: the index of the context, in [0, k).
    coordinates: the C indices of an observation that tell contexts apart.
    centroids: the centroids of all contexts, [k, C].
    variations: the indices of the task's variations that belong to this
      context.
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
    """Wraps the environment of the whole task.

    Args:
      environment: the environment of the whole task. `close` closes it, too.
      context: the index of the context in `centroids`, in [0, k).
      coordinates: the indices of an observation that tell contexts apart, int
        [C].
      centroids: the centroids of all contexts, float64 [k, C].
      variations: the indices of the variations of `environment` in which
        episodes begin.
      seed: the seed of the random stream of episodes.

    Raises:
      ValueError: if an index is out of range, the shapes do not match, or there
        are no variations.
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
        'want the environment of the task that was partitioned'
    )

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._needs_reset:  # The wrapped environment might begin outside.
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
    """The environment of the whole task, e.g. for scripted policies."""
    return self._environment

  def observation_spec(self) -> specs.Array:
    """See base class."""
    return self._environment.observation_spec()

  def action_spec(self) -> specs.Array:
    """See base class."""
    return self._environment.action_spec()

  def render(self, *, height: int = 480, width: int = 480) -> np.ndarray:
    """See base class."""
    return self._environment.render(height=height, width=width)

  def close(self) -> None:
    """Closes the environment of the whole task."""
    self._environment.close()


def _check(
    environment: base.TaskEnvironment,
    context: int,
    coordinates: np.ndarray,
    centroids: np.ndarray,
    variations: Tuple[int, ...],
) -> None:
  """Raises ValueError unless the arguments make a `ContextEnvironment`."""
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
