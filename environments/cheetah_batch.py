"""Many half-cheetahs, stepped at once by MuJoCo's own threads."""

import os
from typing import Any, Sequence, Tuple

import numpy as np

HORIZON = 1000
# gymnasium's HalfCheetah-v5.
_FRAME_SKIP = 5
_CONTROL_COST = 0.1
_RESET_NOISE = 0.1
# Fewer are stepped sooner than a thread wakes up that slept through learning.
_ROWS_OF_A_THREAD = 16
# A state is time, positions and velocities; the first position is not observed.
_TIME, _X, _OBSERVED = 0, 1, 2


class CheetahBatch:
  """N half-cheetahs with bodies of their own; implements `base.Batch`.

  Each step equals one of gymnasium's HalfCheetah-v5 from the same state, but
  that MuJoCo's solver begins at no acceleration instead of the last one; they
  agree to what the solver leaves.

  Attributes:
    success: bool `[N]`, never.
  """

  def __init__(self, models: Sequence[Any]):
    """Makes them; none has begun an episode.

    Args:
      models: N `mujoco.MjModel`; one may be given more than once.
    """
    import mujoco  # pylint: disable=g-import-not-at-top
    from mujoco import rollout  # pylint: disable=g-import-not-at-top
    self._models = list(models)
    num_rows, model = len(self._models), self._models[0]
    num_threads = min(len(os.sched_getaffinity(0)),
                      num_rows // _ROWS_OF_A_THREAD)
    # With one thread, the caller's own.
    self._rollout = rollout.Rollout(
        nthread=num_threads if num_threads > 1 else 0)
    self._scratch = [
        mujoco.MjData(model) for _ in range(max(1, num_threads))]
    self._dt = _FRAME_SKIP * model.opt.timestep
    self._state = np.zeros((num_rows, mujoco.mj_stateSize(
        model, mujoco.mjtState.mjSTATE_FULLPHYSICS)))
    self._states = np.zeros(
        (num_rows, _FRAME_SKIP, self._state.shape[1]))
    self._no_sensors = np.zeros((num_rows, _FRAME_SKIP, model.nsensordata))
    self._steps = np.zeros(num_rows, np.int64)
    self.success = np.zeros(num_rows, bool)

  @property
  def observation(self) -> np.ndarray:
    """Float32 `[N, 17]`, of now: positions but for x, and velocities."""
    return self._state[:, _OBSERVED:].astype(np.float32)

  def reset(self, row: int, seed: int) -> None:
    """Begins an episode in one row, as gymnasium does with this seed."""
    model, rng = self._models[row], np.random.default_rng(seed)
    self._state[row, _TIME] = 0.
    self._state[row, _X:] = np.concatenate([
        model.qpos0 + rng.uniform(-_RESET_NOISE, _RESET_NOISE, model.nq),
        _RESET_NOISE * rng.standard_normal(model.nv)])
    self._steps[row] = 0

  def step(self, action: np.ndarray
           ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps every row; see `base.Batch`."""
    control = np.repeat(action[:, np.newaxis].astype(float), _FRAME_SKIP, 1)
    self._rollout.rollout(
        self._models, self._scratch, self._state, control, nstep=_FRAME_SKIP,
        state=self._states, sensordata=self._no_sensors, skip_checks=True)
    x = self._state[:, _X].copy()
    self._state[...] = self._states[:, -1]
    self._steps += 1
    reward = (self._state[:, _X] - x) / self._dt - _CONTROL_COST * np.sum(
        np.square(action), axis=-1)
    return (reward.astype(np.float32), np.ones(len(x), np.float32),
            self._steps == HORIZON)
