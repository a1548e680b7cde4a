"""A family of DAMSEL's as one task that is told its target, for experts.

What is to be imitated may know what is asked for: one expert a family, given
the target, stands for those of all of its tasks (Mendonca et al. 2020 train one
a task).
"""

import dataclasses
from typing import Any, Optional, Tuple

from distillery.environments import base
from distillery.environments.damsel import environment
from distillery.environments.damsel import tasks
import dm_env
from dm_env import specs
import numpy as np

# A target has at most as many numbers; one that has fewer ends in zeros.
_TARGET_SIZE = 2


def with_target(observation: np.ndarray, target: tasks.Target) -> np.ndarray:
  """DAMSEL's observation `[12]`, and what its task asks for: float32 `[14]`.

  Args:
    observation: of the task, without a target.
    target: what the task asks for.

  Raises:
    ValueError: if the observation has another shape.
  """
  tasks.check_observation(observation)
  missing = _TARGET_SIZE - len(target.value)
  return np.array([*observation, *target.value, *[0.0] * missing], np.float32)


class FamilyEnvironment(base.TaskEnvironment):
  """`damsel.environment.DamselEnvironment` with a target drawn for every episode.

  Its variations are the family's targets to learn from.
  """

  def __init__(self, targets: Tuple[tasks.Target, ...], *, seed: int):
    """Builds the simulator.

    Args:
      targets: of one family.
      seed: of the draws.

    Raises:
      ValueError: if there is no such target in the scene.
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

  def observation_spec(self) -> specs.Array:
    """See `observation_spec`."""
    return observation_spec()

  def action_spec(self) -> specs.BoundedArray:
    """See base class."""
    return environment.action_spec()

  def close(self) -> None:
    """See base class."""
    self._environment.close()


@dataclasses.dataclass(frozen=True)
class FamilyFactory:
  """Makes the environment of one family; small and picklable.

  Attributes:
    targets: of one family.
  """

  targets: Tuple[tasks.Target, ...]

  def __call__(self, seed: int) -> FamilyEnvironment:
    return FamilyEnvironment(self.targets, seed=seed)


def observation_spec() -> specs.Array:
  """Float32 [14], see `with_target`."""
  return specs.Array(
      (tasks.OBSERVATION_SIZE + _TARGET_SIZE,), np.float32, name='observation'
  )


def families_suite(name: str) -> base.TaskSuite:
  """A task a family; nothing is held out.

  Args:
    name: of the suite.
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
