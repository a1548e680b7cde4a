"""Steps a worker's environments: the inner loop of the pool.

Arrays are allocated once. A step calls the policy once for all units, checks
the numbers once for all environments, and writes the results in place.
"""

import os
import sys
from typing import Any, Collection, Dict, List, Mapping, Sequence, Tuple

from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import environment_building
from distillery.environments.pool import episodes
from distillery.environments.pool import progress
from distillery.environments.pool import seeds
from distillery.environments.pool import work_plan
import dm_env
import numpy as np


class Stopped(Exception):
  """The exception that ends a worker whose parent stops it or has ended."""


class StopCheck:
  """A check that ends a worker when its parent stops it or has ended."""

  def __init__(self, stop: np.ndarray, parent: int):
    """Initialises the check.

    Args:
      stop: the shared flag, int64 [1], which the parent sets to 1.
      parent: the process id of the parent.
    """
    self._stop = stop
    self._parent = parent

  def __call__(self) -> None:
    """Raises `Stopped` if the worker should end; it takes 0.2 us."""
    if self._stop[0] or os.getppid() != self._parent:
      raise Stopped


class Unroller:
  """The inner loop of a worker, which rolls out one block at a time."""

  def __init__(
      self,
      plan: work_plan.Plan,
      units: Sequence[work_plan.Unit],
      rows: Sequence[environment_building.Row],
      place: np.ndarray,
      stop_check: StopCheck,
      block: Mapping[str, np.ndarray],
      control: Mapping[str, np.ndarray],
  ):
    """Allocates the arrays of a block.

    Args:
      plan: the plan of the pool.
      units: the units of this worker.
      rows: the environments of the units, with their indices.
      place: this worker's row of `control['progress']`, int64
        [`progress.WIDTH`].
      stop_check: the check, which is called at every step.
      block: the shared arrays of `plan.block_fields()`.
      control: the shared arrays of `plan.control_fields()`.
    """
    self._plan = plan
    self._rows = rows
    # The rows that take part in the block. The others rest.
    self._active: List[environment_building.Row] = []
    self._tasks = np.array([unit.task for unit in units], np.int64)
    self._place = place
    self._stop_check = stop_check
    self._block = block
    self._begun, self._start = control['begun'], control['start']
    self._random_steps = control['random_steps']
    self._shape = (
        len(units),
        work_plan.rows_per_unit(plan.envs_per_task),
    )  # U, C
    num_rows = self._shape[0] * self._shape[1]
    length = plan.unroll_length
    self._episode_steps = plan.train_episode_steps or sys.maxsize
    self._local: Dict[str, np.ndarray] = {}
    for name, (shape, dtype) in plan.block_fields().items():
      # The next block begins with the last observation, which is one more.
      steps = length + 1 if name == 'observation' else length
      self._local[name] = np.zeros((steps, num_rows) + shape[3:], dtype)
    self._observation = self._local['observation'].reshape(
        (length + 1,) + self._shape + (plan.observation_size,)
    )
    # The block's step at which the episode began; negative if in an earlier
    # block.
    self._begin = np.zeros(num_rows, np.int64)
    # The part of the episode's return from earlier blocks.
    self._return = np.zeros(num_rows, np.float64)
    self._success = np.zeros(num_rows, np.bool_)
    self._gate = number_checks.ActionGate(plan.action_spec, self._shape)
    self._policy: Any = None

  def select(self, policy: Any, parameters: Mapping[str, np.ndarray]) -> None:
    """Sets the policy and its parameters.

    Args:
      policy: the policy, with the methods of the policies in
        `networks/acting/`.
      parameters: the policy's parameters, arrays by name.
    """
    if self._rows:
      self._place[progress.ROW] = progress.NO_ROW
      self._place[progress.PHASE] = progress.COLLECTING
      self._policy = policy
      self._selected = policy.select_tasks(parameters, self._tasks)

  def unroll(
      self, block: int, restart: bool, resting: Collection[int] = ()
  ) -> List[Tuple[int, int, episodes.Episode]]:
    """Rolls out a block and fills this worker's part of the shared arrays.

    Args:
      block: the number of the block, on which the noise of the actions depends.
      restart: whether every environment begins a new episode first.
      resting: the indices of the tasks whose environments rest. They begin new
        episodes when they do not rest any more.

    Returns:
      The tuple (step of the block, task, Episode) of every episode that ended.

    Raises:
      timestep_checks.BadValue: if the policy or an environment returns an
        invalid value. `progress` says where.
      Stopped: if the parent has asked the workers to stop, or has ended.
    """
    rested = {row.row for row in self._rows} - {row.row for row in self._active}
    self._active = [row for row in self._rows if row.task not in resting]
    if not self._active:
      return []
    self._place[progress.PHASE] = progress.COLLECTING
    observation = self._local['observation']
    observation[0] = observation[-1]
    for row in self._active:
      self._start[row.task, row.env] = self._begin[row.row]
      if restart or row.row in rested:
        self._begin_episode(row, 0)
    noise = self._draw_noise(block)
    finished = []
    for step in range(self._plan.unroll_length):
      self._stop_check()
      try:
        ended = self._step(step, noise[step])
      except number_checks.BadRow as error:
        self._point_at(error.row)
        raise
      for row in ended:
        finished.append((step, row.task, self._end_episode(row, step)))
        self._begin_episode(row, step + 1)
    self._carry_over()
    self._publish()
    self._place[progress.PHASE] = progress.IDLE
    return finished

  def _step(
      self, step: int, noise: np.ndarray
  ) -> List[environment_building.Row]:
    """Steps every environment once; returns the rows whose episode ended."""
    local, place = self._local, self._place
    place[progress.STEP] = step
    place[progress.ROW] = progress.NO_ROW
    action, log_prob = self._policy.sample(
        self._selected, self._observation[step], noise
    )
    actions = self._gate(action, log_prob)
    local['action'][step] = action.reshape(local['action'][step].shape)
    local['log_prob'][step] = log_prob.reshape(-1)
    local['episode_step'][step] = step - self._begin
    rewards, discounts = local['reward'][step], local['discount'][step]
    observations = local['next_observation'][step]
    successes, ends = local['success'][step], local['episode_end'][step]
    ends[:] = local['episode_step'][step] + 1 >= self._episode_steps
    last, row_column = dm_env.StepType.LAST, progress.ROW
    shape = observations.shape[1:]
    ended = []
    for row in self._active:
      i, _, _, code, environment = row
      place[row_column] = code
      timestep = environment.step(actions[i])
      timestep_checks.check_step(timestep, shape)
      step_type, rewards[i], discounts[i], observations[i] = timestep
      success = environment.success
      if type(success) is not bool:  # Nearly all are bools, which saves a call.
        success = timestep_checks.as_flag(success, 'success')
      successes[i] = success
      if step_type == last or ends[i]:
        ends[i] = True
        ended.append(row)
    number_checks.check_numbers(observations, rewards, discounts)
    local['observation'][step + 1] = observations
    return ended

  def _begin_episode(self, row: environment_building.Row, step: int) -> None:
    """Resets an environment; the episode begins at the block's step `step`."""
    episode = int(self._begun[row.task, row.env])
    self._place[progress.ROW] = row.code
    self._place[progress.STEP] = step
    self._begun[row.task, row.env] = episode + 1
    self._start[row.task, row.env] = step
    self._begin[row.row] = step
    self._return[row.row] = 0.0
    self._success[row.row] = False
    seed = seeds.episode_seed(self._plan.seed, row.task, row.env, episode)
    timestep = row.environment.reset(seed=seed)
    if self._plan.random_start_steps and row.env % 2:
      timestep = self._start_randomly(row, episode, timestep)
      if timestep.last():  # The random steps have ended the episode.
        timestep = row.environment.reset(seed=seed)
    self._local['observation'][step, row.row] = (
        timestep_checks.first_observation(
            timestep, (self._plan.observation_size,)
        )
    )

  def _start_randomly(
      self,
      row: environment_building.Row,
      episode: int,
      timestep: dm_env.TimeStep,
  ) -> dm_env.TimeStep:
    """Takes one random action for a random number of steps after a reset.

    One action that is held goes far. Actions drawn anew at every step would
    cancel out.

    Returns:
      The time step to begin with, of type FIRST; or LAST if the episode ended.
    """
    plan = self._plan
    rng = seeds.random_start_generator(plan.seed, row.task, row.env, episode)
    action = environment_building.random_action(plan.action_spec, rng)
    for _ in range(rng.integers(plan.random_start_steps + 1)):
      self._random_steps[row.task, row.env] += 1
      timestep = row.environment.step(action)
      timestep_checks.check_step(timestep, (plan.observation_size,))
      if timestep.last():
        return timestep
    return dm_env.restart(timestep.observation)

  def _end_episode(
      self, row: environment_building.Row, step: int
  ) -> episodes.Episode:
    i = row.row
    steps = slice(max(self._begin[i], 0), step + 1)
    return episodes.Episode(
        task=self._plan.tasks[row.task].name,
        env=row.env,
        episode=int(self._begun[row.task, row.env]) - 1,
        return_=float(
            self._return[i]
            + self._local['reward'][steps, i].sum(dtype=np.float64)
        ),
        length=int(step + 1 - self._begin[i]),
        success=bool(
            self._success[i] or self._local['success'][steps, i].any()
        ),
    )

  def _carry_over(self) -> None:
    """Adds this block's part to the episodes that continue in the next one."""
    length = self._plan.unroll_length
    for row in self._active:
      i = row.row
      steps = slice(max(self._begin[i], 0), length)
      self._return[i] += self._local['reward'][steps, i].sum(dtype=np.float64)
      self._success[i] |= self._local['success'][steps, i].any()
    self._begin -= length

  def _draw_noise(self, block: int) -> np.ndarray:
    """Draws each environment's own noise [T, U, C, ...]; padding has 0."""
    drawn = [
        self._policy.draw_noise(
            seeds.noise_generator(self._plan.seed, row.task, row.env, block),
            self._plan.unroll_length,
            (row.env,),
        )
        for row in self._active
    ]
    noise = np.zeros(
        drawn[0].shape[:1] + self._begin.shape + drawn[0].shape[2:],
        drawn[0].dtype,
    )
    for row, own in zip(self._active, drawn):
      noise[:, row.row] = own[:, 0]
    return noise.reshape(noise.shape[:1] + self._shape + noise.shape[2:])

  def _point_at(self, i: int) -> None:
    for row in self._rows:
      if row.row == i:
        self._place[progress.ROW] = row.code

  def _publish(self) -> None:
    """Copies every environment's part [T, ...] to the shared block."""
    length = self._plan.unroll_length
    for name, local in self._local.items():
      shared = self._block[name]
      for row in self._active:
        shared[row.task, :, row.env] = local[:length, row.row]
