"""Makes a single environment of a simulator of arrays."""

from typing import Any, Optional

from distillery.environments import action_checks
from distillery.environments import base
from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import batch_stepping
import dm_env
from dm_env import specs
import numpy as np

_MAX_SEED = 2**31


class BatchEnvironment(base.TaskEnvironment):
  """A batch with a single row, as a task environment."""

  def __init__(
      self,
      batch: base.Batch,
      *,
      observation_spec: specs.Array,
      action_spec: specs.Array,
      seed: int,
  ):
    """Wraps a batch.

    Args:
      batch: the simulator, which has a single row.
      observation_spec: the spec of its observation, float32 of shape [D].
      action_spec: the spec of its action, a float32 array of shape [A] or a
        DiscreteArray.
      seed: the seed of the random stream for episodes whose `reset` gets no
        seed.
    """
    self._batch = batch
    self._shape = (1, *observation_spec.shape)
    self._observation_spec = observation_spec
    self._action_spec = action_spec
    self._encoder = action_checks.ActionEncoder(
        action_spec, action_spec.dtype, start=0
    )
    self._rng = np.random.default_rng(seed)
    self._is_over = True
    self._success = False

  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """See base class; there is a single variation."""
    base.check_only_variation(variation)
    if seed is None:
      seed = int(self._rng.integers(_MAX_SEED))
    self._batch.reset(0, seed)
    try:
      (observation,) = batch_stepping.read_observation(self._batch, self._shape)
    except number_checks.BadRow as error:
      raise timestep_checks.BadValue(str(error)) from None
    self._is_over = self._success = False
    return dm_env.restart(np.array(observation, np.float32))

  def step(self, action: Any) -> dm_env.TimeStep:
    """See base class."""
    if self._is_over:
      return self.reset()
    returned = self._batch.step(np.asarray(self._encoder(action))[np.newaxis])
    try:
      stepped = batch_stepping.read(self._batch, returned, self._shape)
    except number_checks.BadRow as error:  # Its row is not a row of the pool.
      raise timestep_checks.BadValue(str(error)) from None
    (observation,), (reward,), (discount,), (ended,), (success,) = stepped
    self._is_over, self._success = bool(ended), bool(success)
    return dm_env.TimeStep(
        dm_env.StepType.LAST if ended else dm_env.StepType.MID,
        np.float32(reward),
        np.float32(discount),
        np.array(observation, np.float32),
    )

  def render(self, *, height: int = 480, width: int = 480) -> np.ndarray:
    """See base class."""
    return self._batch.render(0, height=height, width=width)

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
