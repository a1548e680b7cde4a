"""Wraps environments of gymnasium and dm_env; see `adapters.suites`."""

from collections import abc
import os
import sys
from typing import Any, Callable, Optional

from distillery.environments import action_checks
from distillery.environments import base
from distillery.environments import timestep_checks
from distillery.environments.adapters import specs as adapted_specs
import dm_env
from dm_env import specs
import numpy as np


class GymnasiumEnvironment(base.TaskEnvironment):
  """A `gymnasium.Env` as a task environment.

  `terminated` gives discount 0, `truncated` alone gives discount 1. Success is
  `info['success']` or `info['is_success']`, a bool or a number of 0 or 1. It is
  False if the info has neither.
  """

  def __init__(self, environment: Any, *, seed: int):
    """Wraps an environment.

    Args:
      environment: the `gymnasium.Env`. Its observation space is a Box of shape
        [D]; its action space is a Box of floats of shape [A], or a Discrete.
      seed: the seed of the first reset that gets none.

    Raises:
      ValueError: if a space is of another kind. The message says what to do.
    """
    self._environment = environment
    self._observation_spec = adapted_specs.of_observation_space(
        environment.observation_space
    )
    self._action_spec = adapted_specs.of_action_space(environment.action_space)
    self._encoder = action_checks.ActionEncoder(
        self._action_spec,
        environment.action_space.dtype,
        start=getattr(environment.action_space, 'start', 0),
    )
    self._seed: Optional[int] = seed
    self._needs_reset = True
    self._success = False

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class; there is a single variation."""
    base.check_only_variation(variation)
    seed = self._seed if seed is None else seed
    self._seed = None  # The environment continues its own random stream.
    observation, _ = _parts(
        self._environment.reset(seed=seed), 'reset', 'observation', 'info'
    )
    observation = self._read(observation, 'reset')
    self._needs_reset = False
    self._success = False
    return dm_env.restart(observation)

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._needs_reset:
      return self.reset()
    observation, reward, terminated, truncated, info = _parts(
        self._environment.step(self._encoder(action)),
        'step',
        'observation',
        'reward',
        'terminated',
        'truncated',
        'info',
    )
    timestep_checks.check_number(reward, 'reward')
    terminated = timestep_checks.as_flag(terminated, 'terminated')
    truncated = timestep_checks.as_flag(truncated, 'truncated')
    self._success = _success(info)
    self._needs_reset = terminated or truncated
    return dm_env.TimeStep(
        dm_env.StepType.LAST if self._needs_reset else dm_env.StepType.MID,
        np.float32(reward),
        np.float32(0.0 if terminated else 1.0),
        self._read(observation),
    )

  def _read(self, observation: Any, who: str = 'the environment') -> np.ndarray:
    return _to_float32(
        timestep_checks.check_observation(
            observation, self._observation_spec.shape, who
        )
    )

  @property
  def success(self) -> bool:
    """See base class."""
    return self._success

  def observation_spec(self) -> specs.Array:
    """See base class."""
    return self._observation_spec

  def action_spec(self) -> specs.Array:
    """See base class."""
    return self._action_spec

  def render(self, *, height: int = 480, width: int = 480) -> np.ndarray:
    """Returns the picture that the wrapped environment draws, in its size."""
    del height, width
    if self._environment.render_mode != 'rgb_array':
      raise OSError(
          'cannot draw: the environment was made without '
          "render_mode='rgb_array'"
      )
    try:
      return self._environment.render()
    except Exception as error:  # Every package raises its own.
      raise OSError(
          f'cannot draw: {str(error) or type(error).__name__}; packages that '
          'draw with mujoco need MUJOCO_GL=egl where there is no display, set '
          'before Python starts'
      ) from error

  def close(self) -> None:
    """Closes the wrapped environment."""
    self._environment.close()


class DmEnvironment(base.TaskEnvironment):
  """A `dm_env.Environment` as a task environment.

  A dm_env environment takes a seed only when it is made, so `reset(seed=...)`
  calls the factory again. Success is the environment's attribute `success`, a
  bool or a number of 0 or 1. It is False if there is no such attribute.
  """

  def __init__(
      self,
      environment: dm_env.Environment,
      factory: Callable[[int], dm_env.Environment],
  ):
    """Wraps an environment.

    Args:
      environment: the environment, made by `factory`. Its observation spec is
        an Array of shape [D]; its action spec is a BoundedArray of floats of
        shape [A], or a DiscreteArray.
      factory: the function that makes another such environment from a seed.

    Raises:
      ValueError: if a spec is of another kind. The message says what to do.
    """
    self._factory = factory
    self._environment = environment
    self._observation_spec = adapted_specs.of_observation_spec(
        self._environment.observation_spec()
    )
    spec = self._environment.action_spec()
    self._action_spec = adapted_specs.of_action_spec(spec)
    self._encoder = action_checks.ActionEncoder(
        self._action_spec, spec.dtype, start=0
    )
    self._needs_reset = True
    self._is_first = True

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class; there is a single variation."""
    base.check_only_variation(variation)
    if seed is not None:
      self._environment.close()
      self._environment = self._factory(seed)
    observation = timestep_checks.first_observation(
        self._environment.reset(), self._observation_spec.shape
    )
    self._needs_reset = False
    self._is_first = True
    return dm_env.restart(observation)

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._needs_reset:
      return self.reset()
    timestep = self._environment.step(self._encoder(action))
    timestep_checks.check_step(timestep, self._observation_spec.shape)
    step_type, reward, discount, observation = timestep
    self._is_first = False
    self._needs_reset = step_type == dm_env.StepType.LAST
    return dm_env.TimeStep(
        step_type,
        np.float32(reward),
        np.float32(discount),
        _to_float32(observation),
    )

  @property
  def success(self) -> bool:
    """See base class."""
    return not self._is_first and timestep_checks.as_flag(
        getattr(self._environment, 'success', False), 'success'
    )

  def observation_spec(self) -> specs.Array:
    """See base class."""
    return self._observation_spec

  def action_spec(self) -> specs.Array:
    """See base class."""
    return self._action_spec

  def render(self, *, height: int = 480, width: int = 480) -> np.ndarray:
    """Returns the picture of a `dm_control` environment's physics."""
    physics = getattr(self._environment, 'physics', None)
    if physics is None:
      return super().render(height=height, width=width)
    return physics.render(height, width, camera_id=0)

  def close(self) -> None:
    """Closes the wrapped environment."""
    self._environment.close()


def make_task_environment(
    factory: Callable[[int], Any], seed: int
) -> base.TaskEnvironment:
  """Makes an environment by a user's factory and wraps it if necessary.

  Args:
    factory: a function that takes a seed and returns a TaskEnvironment, any
      `dm_env.Environment`, or any `gymnasium.Env`.
    seed: the seed for the factory.

  Returns:
    The environment as a TaskEnvironment.

  Raises:
    ValueError: if the factory returns something else, or the spaces of its
      environment cannot be used.
  """
  if os.environ.get('MUJOCO_GL'):
    # The factory may import mujoco, which could fail with MUJOCO_GL set.
    from distillery.environments import rendering  # noqa: F401
  environment = factory(seed)
  if isinstance(environment, base.TaskEnvironment):
    return environment
  if isinstance(environment, dm_env.Environment):
    return DmEnvironment(environment, factory)
  # Not imported here: a factory that made one of its environments has done so.
  gymnasium = sys.modules.get('gymnasium')
  if gymnasium is not None and isinstance(environment, gymnasium.Env):
    return GymnasiumEnvironment(environment, seed=seed)
  raise ValueError(
      f'got a {type(environment).__module__}.{type(environment).__name__}, '
      'want a TaskEnvironment, a dm_env.Environment or a gymnasium.Env'
  )


def _parts(returned: Any, method: str, *names: str) -> Any:
  """Checks what a gymnasium method returned: a tuple that ends with an info."""
  if not isinstance(returned, (tuple, list)) or len(returned) != len(names):
    what = timestep_checks.brief(returned)
    if isinstance(returned, (tuple, list)):
      what = f'{len(returned)} values'
    raise timestep_checks.BadValue(
        f'{method} returned {what}, want {len(names)} values: '
        f'{", ".join(names)}'
    )
  if not isinstance(returned[-1], (dict, abc.Mapping)):
    raise timestep_checks.BadValue(
        f'{method} returned {timestep_checks.brief(returned[-1])} as info, '
        'want a dict'
    )
  return returned


def _success(info: abc.Mapping) -> bool:
  for key in ('success', 'is_success'):
    if key in info:
      return timestep_checks.as_flag(info[key], f'info[{key!r}]')
  return False


def _to_float32(observation: np.ndarray) -> np.ndarray:
  # A copy: some environments write the next observation into the same array.
  return np.array(observation, np.float32)
