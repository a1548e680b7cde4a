"""Steps many half-cheetahs at once, in the caller's and other threads."""

from concurrent import futures
import os
from typing import Any, List, Optional, Sequence, Tuple

from distillery.environments import action_checks
from distillery.environments import base
import numpy as np

HORIZON = 1000
# The constants of gymnasium's HalfCheetah-v5.
_FRAME_SKIP = 5
_CONTROL_COST = 0.1
_RESET_NOISE = 0.1
# With fewer rows, one thread steps them faster than a second thread, which
# slept while the learner ran, can wake up.
_ROWS_OF_A_THREAD = 8
# The indices in a state, which is the time, the positions and the velocities.
# The first position, x, is not observed.
_TIME, _X, _OBSERVED = 0, 1, 2


class _Share:
  """A share of the rows, which are stepped together."""

  def __init__(self, rows: slice, models: Sequence[Any], num_threads: int):
    """Makes a share of the rows of N models.

    Args:
      rows: the rows of the share.
      models: N `mujoco.MjModel`, one for each row of the batch.
      num_threads: the number of threads that step the share; if 0, the thread
        that calls `step` does it.
    """
    from distillery.environments import rendering  # noqa: F401
    import mujoco
    from mujoco import rollout

    self._rows = rows
    self._models = list(models[rows])
    self._rollout = rollout.Rollout(nthread=num_threads)
    self._scratch = [
        mujoco.MjData(models[0]) for _ in range(max(1, num_threads))
    ]
    # Each thread gets its rows at once, as threads wait for each other to get
    # more.
    self._chunk_size = -(-len(self._models) // len(self._scratch))
    self._no_sensors = np.zeros(
        (len(self._models), _FRAME_SKIP, models[0].nsensordata)
    )

  def step(
      self, state: np.ndarray, control: np.ndarray, states: np.ndarray
  ) -> None:
    """Steps the rows T times and fills their part of `states`.

    Args:
      state: the states to begin with, float64 `[N, S]`.
      control: the controls of each step, float64 `[N, T, A]`.
      states: the states after each step, float64 `[N, T, S]`, to be filled.
    """
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
  """A batch of N half-cheetahs, each with its own body; see `base.Batch`.

  A step equals a step of gymnasium's HalfCheetah-v5 from the same state, except
  that MuJoCo's solver starts from zero acceleration instead of the previous
  one. So the results agree up to the tolerance of the solver.

  Attributes:
    success: the flags of success, bool `[N]`, always False.
  """

  def __init__(self, models: Sequence[Any]):
    """Makes N rows; reset each row before stepping.

    Args:
      models: N `mujoco.MjModel`; a model may be in the list more than once.
    """
    from distillery.environments import rendering  # noqa: F401
    import mujoco

    self._models = list(models)
    num_rows, model = len(self._models), self._models[0]
    self._shares = _make_shares(self._models)
    # This thread steps the other share. The caller steps a share itself: if it
    # only waited, it would wake up late.
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
    # The renderer, and the row and size that it was opened for.
    self._renderer: Any = None
    self._renderer_of: Optional[Tuple[int, int, int]] = None
    self._shape = (num_rows, model.nu)  # The actions' shape.
    self.success = np.zeros(num_rows, bool)

  def render(self, row: int, *, height: int, width: int) -> np.ndarray:
    """Draws one half-cheetah, by the camera that follows it.

    Args:
      row: the index of the row, in [0, N).
      height: the height of the picture, in pixels.
      width: the width of the picture, in pixels.

    Returns:
      The picture, uint8 `[height, width, 3]`.

    Raises:
      OSError: if nothing can be drawn on this machine.
    """
    from distillery.environments import rendering
    import mujoco

    model = self._models[row]
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = np.split(self._state[row, _X:], [model.nq])
    mujoco.mj_forward(model, data)
    size = row, height, width
    if self._renderer_of != size:
      self._renderer = rendering.open_renderer(model, height, width)
      self._renderer_of = size
    self._renderer.update_scene(data, camera='track')
    return self._renderer.render()

  @property
  def observation(self) -> np.ndarray:
    """The present positions except x, and velocities, float32 `[N, 17]`."""
    return self._state[:, _OBSERVED:].astype(np.float32)

  def reset(self, row: int, seed: int) -> None:
    """Begins an episode in one row, as gymnasium does with this seed.

    Args:
      row: the index of the row, in [0, N).
      seed: the seed, which determines the initial state.

    Raises:
      ValueError: if there is no such row.
    """
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

    Args:
      action: the actions, float `[N, 6]`, in [-1, 1].

    Returns:
      The rewards, float32 `[N]`, the discounts, float32 `[N]` (always 1), and a
      bool `[N]` that is True where the episode has ended.

    Raises:
      ValueError: if the actions have another shape or type, or one is not
        finite. MuJoCo would read beyond an array that is too small.
    """
    checked = action_checks.as_floats(action, np.float64)
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
  """Returns the caller's share and, with several threads, the other share."""
  num_rows = len(models)
  num_threads = min(len(os.sched_getaffinity(0)), num_rows // _ROWS_OF_A_THREAD)
  if num_threads < 2:
    return [_Share(slice(0, num_rows), models, 0)]
  end = num_rows // num_threads
  # With two threads in all, the executor's thread steps the other share itself;
  # otherwise it waits for MuJoCo's threads.
  others = num_threads - 1 if num_threads > 2 else 0
  return [
      _Share(slice(0, end), models, 0),
      _Share(slice(end, num_rows), models, others),
  ]
