"""Many half-cheetahs, stepped at once by the caller and other threads."""

from concurrent import futures
import os
from typing import Any, List, Sequence, Tuple

from distillery.environments import base
from distillery.environments.adapters import specs as adapted_specs
import numpy as np

HORIZON = 1000
# gymnasium's HalfCheetah-v5.
_FRAME_SKIP = 5
_CONTROL_COST = 0.1
_RESET_NOISE = 0.1
# Fewer are stepped sooner than a thread wakes up that slept through learning.
_ROWS_OF_A_THREAD = 8
# A state is time, positions and velocities; the first position is not observed.
_TIME, _X, _OBSERVED = 0, 1, 2


class _Share:
  """Rows that are stepped together."""

  def __init__(self, rows: slice, models: Sequence[Any], num_threads: int):
    """Deals the `rows` of N models to threads; with none, the caller's own."""
    from distillery.environments import rendering  # noqa: F401
    import mujoco
    from mujoco import rollout

    self._rows = rows
    self._models = list(models[rows])
    self._rollout = rollout.Rollout(nthread=num_threads)
    self._scratch = [
        mujoco.MjData(models[0]) for _ in range(max(1, num_threads))
    ]
    # As much for each at once: to come back for more, they wait in line.
    self._chunk_size = -(-len(self._models) // len(self._scratch))
    self._no_sensors = np.zeros(
        (len(self._models), _FRAME_SKIP, models[0].nsensordata)
    )

  def step(
      self, state: np.ndarray, control: np.ndarray, states: np.ndarray
  ) -> None:
    """From `state` `[N, S]`, by `control` `[N, T, A]`; fills in `states`."""
    rows = self._rows
    self._rollout.rollout(
        self._models,
        self._scratch,
        state[rows],
        control[rows],
        nstep=_FRAME_SKIP,
        state=states[rows],
        sensordata=self._no_sensors,
        chunk_size=self._chunk_size,
        skip_checks=True,
    )


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
    from distillery.environments import rendering  # noqa: F401
    import mujoco

    self._models = list(models)
    num_rows, model = len(self._models), self._models[0]
    self._shares = _make_shares(self._models)
    # For the others' share. The caller steps one itself: it would be woken up
    # late if it but waited.
    self._thread = futures.ThreadPoolExecutor(1)
    self._dt = _FRAME_SKIP * model.opt.timestep
    self._state = np.zeros(
        (
            num_rows,
            mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS),
        )
    )
    self._states = np.zeros((num_rows, _FRAME_SKIP, self._state.shape[1]))
    self._steps = np.zeros(num_rows, np.int64)
    self._shape = (num_rows, model.nu)  # Of actions.
    self.success = np.zeros(num_rows, bool)

  @property
  def observation(self) -> np.ndarray:
    """Float32 `[N, 17]`, of now: positions but for x, and velocities."""
    return self._state[:, _OBSERVED:].astype(np.float32)

  def reset(self, row: int, seed: int) -> None:
    """Begins an episode in one row, as gymnasium does with this seed."""
    base.check_row(row, len(self._models))
    model, rng = self._models[row], np.random.default_rng(seed)
    self._state[row, _TIME] = 0.0
    self._state[row, _X:] = np.concatenate(
        [
            model.qpos0 + rng.uniform(-_RESET_NOISE, _RESET_NOISE, model.nq),
            _RESET_NOISE * rng.standard_normal(model.nv),
        ]
    )
    self._steps[row] = 0

  def step(
      self, action: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps every row; see `base.Batch`.

    Raises:
      ValueError: if the actions have another shape or type, or one is not
        finite. MuJoCo would read beyond an array that is too small.
    """
    checked = adapted_specs.as_floats(action, np.float64)
    if checked.shape != self._shape or not np.isfinite(checked).all():
      raise ValueError(
          f'action: got {checked.tolist()}, want '
          f'{list(self._shape)} finite numbers'
      )
    control = np.repeat(checked[:, np.newaxis], _FRAME_SKIP, 1)
    stepped = [
        self._thread.submit(share.step, self._state, control, self._states)
        for share in self._shares[1:]
    ]
    try:
      self._shares[0].step(self._state, control, self._states)
    finally:
      for others in stepped:
        others.result()
    x = self._state[:, _X].copy()
    self._state[...] = self._states[:, -1]
    self._steps += 1
    reward = (self._state[:, _X] - x) / self._dt - _CONTROL_COST * np.sum(
        np.square(action), axis=-1
    )
    return (
        reward.astype(np.float32),
        np.ones(len(x), np.float32),
        self._steps == HORIZON,
    )


def _make_shares(models: Sequence[Any]) -> List[_Share]:
  """The caller's share, and, if there is more than one thread, the others'."""
  num_rows = len(models)
  num_threads = min(len(os.sched_getaffinity(0)), num_rows // _ROWS_OF_A_THREAD)
  if num_threads < 2:
    return [_Share(slice(0, num_rows), models, 0)]
  end = num_rows // num_threads
  # A single other is the thread that would only wait for MuJoCo's.
  others = num_threads - 1 if num_threads > 2 else 0
  return [
      _Share(slice(0, end), models, 0),
      _Share(slice(end, num_rows), models, others),
  ]
