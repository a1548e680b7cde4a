"""Makes one task of each DAMSEL family, with the target in the observation.

These tasks are for experts. An expert that is imitated may know the target. So
one expert for each family, which observes the target, replaces the experts of
all tasks of the family (Mendonca et al. 2020 train one expert for each task).
"""

import dataclasses
from typing import Any, Optional, Tuple

from distillery.environments import base
from distillery.environments.damsel import environment
from distillery.environments.damsel import tasks
import dm_env
from dm_env import specs
import numpy as np

# The largest number of values of a target; shorter targets end in zeros.
_TARGET_SIZE = 2


def with_target(observation: np.ndarray, target: tasks.Target) -> np.ndarray:
  """Appends a target to an observation.

  Args:
    observation: the observation of a DAMSEL task, float `[12]`.
    target: the target of the task.

  Returns:
    The observation with the target's values, padded with zeros, float32 `[14]`.

  Raises:
    ValueError: if the observation has another shape.
  """
  tasks.check_observation(observation)
  missing = _TARGET_SIZE - len(target.value)
  return np.array([*observation, *target.value, *[0.0] * missing], np.float32)


class FamilyEnvironment(base.TaskEnvironment):
  """A DAMSEL environment that draws a target of its family in every episode.

  Its variations are the family's train targets. See
  `damsel.environment.DamselEnvironment`.
  """

  def __init__(self, targets: Tuple[tasks.Target, ...], *, seed: int):
    """Builds the simulator.

    Args:
      targets: the targets, which belong to one family.
      seed: the seed of the random stream that draws targets.

    Raises:
      ValueError: if the scene cannot reach a target.
    """
    for target in targets:
      tasks.check_target(target)
    self._targets = targets
    self._environment = environment.DamselEnvironment(targets[0], sparse=False)
    self._rng = np.random.default_rng(seed)
    self._has_ended = True

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class."""
    if variation is not None and not base.is_index(
        variation, len(self._targets)
    ):
      raise ValueError(
          f'variation: got {variation}, want an integer in '
          f'[0, {self.num_variations})'
      )
    if variation is None:
      rng = self._rng if seed is None else np.random.default_rng(seed)
      variation = int(rng.integers(self.num_variations))
    self._environment.target = self._targets[variation]
    self._has_ended = False
    return self._told(self._environment.reset())

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._has_ended:
      return self.reset()
    timestep = self._told(self._environment.step(action))
    self._has_ended = timestep.last()
    return timestep

  def _told(self, timestep: dm_env.TimeStep) -> dm_env.TimeStep:
    return timestep._replace(
        observation=with_target(timestep.observation, self._environment.target)
    )

  @property
  def success(self) -> bool:
    """See base class."""
    return self._environment.success

  @property
  def num_variations(self) -> int:
    """See base class."""
    return len(self._targets)

  def render(self, *, height: int = 480, width: int = 480) -> np.ndarray:
    """See base class."""
    return self._environment.render(height=height, width=width)

  def observation_spec(self) -> specs.Array:
    """See base class."""
    return observation_spec()

  def action_spec(self) -> specs.BoundedArray:
    """See base class."""
    return environment.action_spec()

  def close(self) -> None:
    """See base class."""
    self._environment.close()


@dataclasses.dataclass(frozen=True)
class FamilyFactory:
  """A small, picklable factory for the environments of one family.

  Attributes:
    targets: the targets, which belong to one family.
  """

  targets: Tuple[tasks.Target, ...]

  def __call__(self, seed: int) -> FamilyEnvironment:
    return FamilyEnvironment(self.targets, seed=seed)


def observation_spec() -> specs.Array:
  """Returns the spec of an observation, float32 [14]; see `with_target`."""
  return specs.Array(
      (tasks.OBSERVATION_SIZE + _TARGET_SIZE,), np.float32, name='observation'
  )


def families_suite(name: str) -> base.TaskSuite:
  """Makes a suite with one train task for each family and no test tasks.

  Args:
    name: the name of the suite.

  Returns:
    The suite.
  """
  targets = tasks.targets('train')
  return dataclasses.replace(
      environment.damsel_suite(name, sparse=False),
      observation_spec=observation_spec(),
      tasks=tuple(
          base.Task(
              name=family,
              family=family,
              split='train',
              factory=FamilyFactory(
                  tuple(target for target in targets if target.family == family)
              ),
          )
          for family in tasks.FAMILIES
      ),
  )
