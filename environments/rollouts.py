"""Stepping a worker's environments: the pool's inner loop.

Arrays are allocated once. A step calls the policy once for all units, checks
everything once for all environments, and writes what came out in place.
"""

import time
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import dm_env
from dm_env import specs
import numpy as np

from distillery.environments import base
from distillery.environments import guards
from distillery.environments import progress
from distillery.environments import units

_CALIBRATION_STEPS = 20


class Stopped(Exception):
  """The parent asked every worker to stop."""


class Episode(NamedTuple):
  """A finished episode.

  Attributes:
    task: the task's name.
    env: index of the environment among its task's; 0 in evaluation.
    episode: the episode's number; the n-th that the environment began.
    return_: undiscounted sum of rewards.
    length: number of steps.
    success: whether any step solved the task.
  """
  task: str
  env: int
  episode: int
  return_: float
  length: int
  success: bool


class _Row(NamedTuple):
  """One environment of the worker, and where its numbers go."""
  row: int
  task: int
  index: int
  code: int  # task * E + index.
  environment: base.TaskEnvironment


class Unroller:
  """Builds a worker's share of the environments and rolls them out."""

  def __init__(self, plan: units.Plan, worker: int,
               block: Dict[str, np.ndarray], control: Dict[str, np.ndarray]):
    """Makes an unroller; `prepare` builds the environments.

    Args:
      plan: what all workers agree on.
      worker: this one's index.
      block: shared arrays of `plan.block_fields()`.
      control: shared arrays of `plan.control_fields()`.
    """
    self._plan = plan
    self._worker = worker
    self._block = block
    self._control = control
    self._stop = control['stop']
    self._progress = control['progress'][worker]
    self._rows: List[_Row] = []
    self._units: List[units.Unit] = []
    self._policy = None
    self._is_fresh = True

  def prepare(self) -> Iterator[None]:
    """Builds the environments, yielding after each so that one can look away.

    With several workers, each first measures some tasks' seconds a step. When
    all are known, every worker comes to the same deal by itself.
    """
    plan, costs = self._plan, self._control['cost']
    spare: Dict[Tuple[int, int], base.TaskEnvironment] = {}
    if plan.num_workers > 1:
      for task in range(self._worker, len(plan.tasks), plan.num_workers):
        spare[task, 0] = self._build(task, 0)
        self._progress[progress.PHASE] = progress.CALIBRATING
        costs[task] = _seconds_per_step(spare[task, 0], plan.action_spec)
        yield
      while not (costs > 0.).all():
        time.sleep(0.005)  # Other workers are still measuring.
        yield
    all_units = units.make_units(len(plan.tasks), plan.envs_per_task)
    hands = units.deal(
        [costs[unit.task] * len(unit.environments) for unit in all_units],
        plan.num_workers)
    self._units = [all_units[i] for i in hands[self._worker]]
    rows_per_unit = units.rows_per_unit(plan.envs_per_task)
    for position, unit in enumerate(self._units):
      for column, index in enumerate(unit.environments):
        environment = spare.pop((unit.task, index), None)
        self._rows.append(_Row(
            position * rows_per_unit + column, unit.task, index,
            unit.task * plan.envs_per_task + index,
            environment or self._build(unit.task, index)))
        yield
    for environment in spare.values():
      environment.close()
    self._allocate(rows_per_unit)

  def _build(self, task: int, index: int) -> base.TaskEnvironment:
    plan = self._plan
    self._progress[progress.TASK] = task
    self._progress[progress.ENVIRONMENT] = index
    self._progress[progress.PHASE] = progress.BUILDING
    return guards.build(
        plan.tasks[task], units.environment_seed(plan.seed, task, index),
        plan.observation_size, plan.action_spec)

  def _allocate(self, rows_per_unit: int) -> None:
    length, size = self._plan.unroll_length, self._plan.observation_size
    num_units = len(self._units)
    num_rows = num_units * rows_per_unit
    self._unit_shape = (num_units, rows_per_unit)
    self._local: Dict[str, np.ndarray] = {}
    for name, (shape, dtype) in self._plan.block_fields().items():
      # One observation more: the last is what the next block begins with.
      extra = int(name == 'observation')
      self._local[name] = np.zeros(
          (length + extra, num_rows) + shape[3:], dtype)
    self._observation = self._local['observation'].reshape(
        (length + 1,) + self._unit_shape + (size,))
    self._begin_at = np.zeros(num_rows, np.int64)
    self._return = np.zeros(num_rows, np.float64)
    self._success = np.zeros(num_rows, np.bool_)
    self._gate = guards.ActionGate(self._plan.action_spec, self._unit_shape)

  def select(self, policy: Any, parameters: Dict[str, np.ndarray]) -> None:
    """Takes fresh parameters; `prepare` must be done."""
    self._policy = policy
    if self._units:
      self._selected = policy.select_tasks(
          parameters, np.array([unit.task for unit in self._units]))

  def unroll(self, block: int, restart: bool) -> List[Tuple]:
    """Fills this worker's part of the shared block.

    Args:
      block: its number; the acting noise depends on it.
      restart: whether every environment begins a new episode first.

    Returns:
      (step of the block, task, Episode) of every episode that ended.

    Raises:
      guards.BadRow: on numbers that are not finite; `progress` says where.
      Stopped: if the parent asked to stop.
    """
    if not self._units:
      return []
    self._progress[progress.PHASE] = progress.COLLECTING
    observation = self._local['observation']
    observation[0] = observation[-1]
    for row in self._rows:
      if restart or self._is_fresh:
        self._begin_episode(row, 0)
      self._control['start'][row.task, row.index] = self._begin_at[row.row]
    self._is_fresh = False
    noise = self._draw_noise(block)
    finished: List[Tuple] = []
    for step in range(self._plan.unroll_length):
      if self._stop[0]:
        raise Stopped
      try:
        ended = self._step(step, noise[step])
      except guards.BadRow as error:
        self._point_at(error.row)
        raise
      for row in ended:
        finished.append((step, row.task, self._end_episode(row, step)))
        self._begin_episode(row, step + 1)
    self._carry_over()
    self._check_block()
    self._publish()
    self._progress[progress.PHASE] = progress.IDLE
    return finished

  def _step(self, step: int, noise: np.ndarray) -> List[_Row]:
    local, place = self._local, self._progress
    place[progress.STEP] = step
    place[progress.ROW] = progress.NO_ROW
    action, log_prob = self._policy.sample(
        self._selected, self._observation[step], noise)
    actions = self._gate(action)
    local['action'][step] = action.reshape(local['action'][step].shape)
    local['log_prob'][step] = log_prob.reshape(-1)
    observations, rewards = local['next_observation'][step], local['reward'][step]
    discounts, successes = local['discount'][step], local['success'][step]
    last, row_column = dm_env.StepType.LAST, progress.ROW
    ended = []
    for row in self._rows:
      i, _, _, code, environment = row
      place[row_column] = code
      step_type, rewards[i], discounts[i], observations[i] = environment.step(
          actions[i])
      successes[i] = environment.success
      if step_type == last:
        ended.append(row)
    guards.check_finite(observations, rewards)
    local['observation'][step + 1] = observations
    ends = local['episode_end'][step]
    ends[:] = False
    for row in ended:
      ends[row.row] = True
    return ended

  def _begin_episode(self, row: _Row, step: int) -> None:
    """Resets an environment; its episode's first step is the block's `step`."""
    control = self._control
    episode = int(control['begun'][row.task, row.index])
    self._progress[progress.ROW] = row.code
    self._progress[progress.STEP] = step
    control['begun'][row.task, row.index] = episode + 1
    control['start'][row.task, row.index] = step
    self._begin_at[row.row] = step
    self._return[row.row] = 0.
    self._success[row.row] = False
    timestep = row.environment.reset(seed=units.episode_seed(
        self._plan.seed, row.task, row.index, episode))
    self._local['observation'][step, row.row] = guards.first_observation(
        timestep, self._plan.observation_size)

  def _end_episode(self, row: _Row, step: int) -> Episode:
    i = row.row
    begin = self._begin_at[i]
    steps = slice(max(begin, 0), step + 1)
    return Episode(
        task=self._plan.tasks[row.task].name, env=row.index,
        episode=int(self._control['begun'][row.task, row.index]) - 1,
        return_=float(self._return[i] + self._local['reward'][steps, i].sum(
            dtype=np.float64)),
        length=int(step + 1 - begin),
        success=bool(self._success[i] or self._local['success'][steps, i].any()))

  def _carry_over(self) -> None:
    """Adds this block's part to the episodes that go on in the next."""
    length = self._plan.unroll_length
    for row in self._rows:
      i = row.row
      steps = slice(max(self._begin_at[i], 0), length)
      self._return[i] += self._local['reward'][steps, i].sum(dtype=np.float64)
      self._success[i] |= self._local['success'][steps, i].any()
    self._begin_at -= length

  def _draw_noise(self, block: int) -> np.ndarray:
    """Noise [T, U, C, ...]; every environment's is its own, padding has none."""
    noise = None
    for row in self._rows:
      rng = units.noise_generator(self._plan.seed, row.task, row.index, block)
      drawn = self._policy.draw_noise(rng, self._plan.unroll_length, 1)
      if noise is None:
        noise = np.zeros(
            (drawn.shape[0], self._begin_at.size) + drawn.shape[2:], drawn.dtype)
      noise[:, row.row] = drawn[:, 0]
    return noise.reshape(noise.shape[:1] + self._unit_shape + noise.shape[2:])

  def _check_block(self) -> None:
    """Checks once a block what no environment can be hurt by."""
    discount = self._local['discount']
    bad = ~np.isfinite(self._local['log_prob']) | (
        ~((discount >= 0.) & (discount <= 1.)))
    if bad.any():
      step, i = np.argwhere(bad)[0]
      self._progress[progress.STEP] = step
      self._point_at(i)
      raise ValueError(
          f'got log_prob {self._local["log_prob"][step, i]} and discount '
          f'{discount[step, i]}, want a finite one and one in [0, 1]')

  def _point_at(self, i: int) -> None:
    for row in self._rows:
      if row.row == i:
        self._progress[progress.ROW] = row.code

  def _publish(self) -> None:
    """Copies every environment's slice [T, ...] to its place."""
    length = self._plan.unroll_length
    for name, local in self._local.items():
      shared = self._block[name]
      for row in self._rows:
        shared[:, row.task, row.index] = local[:length, row.row]


def _seconds_per_step(environment: base.TaskEnvironment, spec: specs.Array
                      ) -> float:
  """Median over a few random steps."""
  rng = np.random.default_rng(0)
  environment.reset(seed=0)
  seconds = []
  for _ in range(_CALIBRATION_STEPS):
    action = guards.random_action(spec, rng)
    begin = time.perf_counter()
    environment.step(action)
    seconds.append(time.perf_counter() - begin)
  return max(float(np.median(seconds)), 1e-9)
