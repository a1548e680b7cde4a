"""Builds a worker's share of the environments, assigned by their cost."""

import time
from typing import Any, Generator, List, Mapping, NamedTuple, Tuple

from distillery.environments import base
from distillery.environments import timestep_checks
from distillery.environments.pool import progress
from distillery.environments.pool import seeds
from distillery.environments.pool import work_plan
from dm_env import specs
import numpy as np

_CALIBRATION_STEPS = 20
_POLL_S = 0.005


class Row(NamedTuple):
  """An environment of a worker, and its indices.

  Attributes:
    row: the index of its row in the worker's arrays, including padding.
    task: the index of its task.
    env: its index among the environments of its task.
    code: the number `task * E + env`.
    environment: the environment.
  """

  row: int
  task: int
  env: int
  code: int
  environment: base.TaskEnvironment


def build(
    task: base.Task, seed: int, observation_size: int, action_spec: specs.Array
) -> base.TaskEnvironment:
  """Makes an environment of a task.

  Args:
    task: the task.
    seed: the seed for the task's factory.
    observation_size: D, the size of the pool's observations.
    action_spec: the spec of the pool's actions.

  Returns:
    The environment.

  Raises:
    ValueError: if its specs are not those of the pool.
  """
  environment = task.factory(seed)
  got = environment.observation_spec()
  if got.shape != (observation_size,):
    raise ValueError(
        f'got observations of shape {got.shape}, want '
        f'{(observation_size,)} as the pool was told'
    )
  got = environment.action_spec()
  if got.shape != action_spec.shape or getattr(
      got, 'num_values', None
  ) != getattr(action_spec, 'num_values', None):
    raise ValueError(f'got {got}, want {action_spec} as the pool was told')
  return environment


def prepare(
    plan: work_plan.Plan, worker: int, control: Mapping[str, np.ndarray]
) -> Generator[None, None, Tuple[List[work_plan.Unit], List[Row]]]:
  """Builds a worker's environments one by one.

  It yields often, so that the worker can look for commands. If there are
  several workers, each first measures the seconds a step of some tasks. When
  all are known, every worker computes the same assignment by itself.

  Args:
    plan: the plan of the pool.
    worker: the index of this worker.
    control: the shared arrays of `plan.control_fields()`.

  Yields:
    None, after each environment and while it waits for other workers.

  Returns:
    The worker's units and the rows of their environments.
  """
  place, costs = control['progress'][worker], control['cost']

  def build_one(task: int, index: int) -> base.TaskEnvironment:
    place[progress.TASK] = task
    place[progress.ENVIRONMENT] = index
    place[progress.PHASE] = progress.BUILDING
    return build(
        plan.tasks[task],
        seeds.environment_seed(plan.seed, task, index),
        plan.observation_size,
        plan.action_spec,
    )

  spare = {}
  if plan.num_workers > 1:
    for task in range(worker, len(plan.tasks), plan.num_workers):
      spare[task, 0] = build_one(task, 0)
      place[progress.PHASE] = progress.CALIBRATING
      costs[task] = _seconds_per_step(spare[task, 0], plan.action_spec)
      yield
    place[progress.PHASE] = progress.WAITING
    while not (costs > 0.0).all():
      place[progress.STEP] += 1  # A sign of life.
      time.sleep(_POLL_S)
      yield
  all_units = work_plan.make_units(len(plan.tasks), plan.envs_per_task)
  assigned = work_plan.assign(
      [costs[unit.task] * len(unit.environments) for unit in all_units],
      plan.num_workers,
  )[worker]
  units = [all_units[i] for i in assigned]
  rows_per_unit = work_plan.rows_per_unit(plan.envs_per_task)
  rows = []
  for position, unit in enumerate(units):
    for column, index in enumerate(unit.environments):
      environment = spare.pop((unit.task, index), None)
      rows.append(
          Row(
              position * rows_per_unit + column,
              unit.task,
              index,
              unit.task * plan.envs_per_task + index,
              environment or build_one(unit.task, index),
          )
      )
      yield
  for environment in spare.values():
    environment.close()
  return units, rows


def _seconds_per_step(
    environment: base.TaskEnvironment, spec: specs.Array
) -> float:
  """Returns the median over a few random steps."""
  rng = np.random.default_rng(0)
  seconds = []
  try:
    environment.reset(seed=0)
    for _ in range(_CALIBRATION_STEPS):
      action = random_action(spec, rng)
      begin = time.perf_counter()
      environment.step(action)
      seconds.append(time.perf_counter() - begin)
  except timestep_checks.BadValue:
    pass  # Training will raise the error again and name the episode.
  return max(float(np.median(seconds or [0.0])), 1e-9)


def random_action(spec: specs.Array, rng: np.random.Generator) -> Any:
  """Draws an action.

  Args:
    spec: the spec of the action.
    rng: the generator of random numbers.

  Returns:
    The action, int32 or float32 [A]. Its numbers are uniform between finite
    bounds, and standard normal without them.
  """
  if isinstance(spec, specs.DiscreteArray):
    return np.int32(rng.integers(spec.num_values))
  action = rng.standard_normal(spec.shape)
  if isinstance(spec, specs.BoundedArray):
    low = np.broadcast_to(spec.minimum, spec.shape)
    high = np.broadcast_to(spec.maximum, spec.shape)
    bounded = np.isfinite(low) & np.isfinite(high)
    uniform = rng.uniform(
        np.where(bounded, low, 0.0), np.where(bounded, high, 1.0)
    )
    action = np.where(bounded, uniform, np.clip(action, low, high))
  return action.astype(np.float32)
