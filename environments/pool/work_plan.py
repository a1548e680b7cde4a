"""Cuts a pool's work into units and assigns them to workers.

Only the assignment depends on the number of workers, so the data of a run do
not.
"""

import dataclasses
import heapq
from typing import Dict, List, Optional, Sequence, Tuple

from distillery.environments import base
from distillery.environments.pool import progress
from distillery.environments.pool import shared_arrays
from dm_env import specs
import numpy as np

# The number of rows of a unit in a call of the policy. It is fixed so that
# every matrix product has the same shape, and so the same rounding, in every
# worker.
_ROWS_PER_UNIT = 2


@dataclasses.dataclass(frozen=True)
class Unit:
  """A unit of work: environments of one task that one worker steps.

  Attributes:
    task: the index of the task.
    environments: the indices of the environments among those of the task. The
      last unit of a task may have fewer than the others; its other rows are
      padding.
  """

  task: int
  environments: Tuple[int, ...]


def rows_per_unit(envs_per_task: int) -> int:
  """Returns C, the number of rows of a unit, including padding."""
  return min(_ROWS_PER_UNIT, envs_per_task)


def make_units(num_tasks: int, envs_per_task: int) -> List[Unit]:
  """Cuts every task's environments into units of at most C environments.

  Args:
    num_tasks: K, the number of tasks.
    envs_per_task: E, the number of environments of each task.

  Returns:
    The units, ordered by task, then by environment.
  """
  size = rows_per_unit(envs_per_task)
  return [
      Unit(task, tuple(range(start, min(start + size, envs_per_task))))
      for task in range(num_tasks)
      for start in range(0, envs_per_task, size)
  ]


def assign(costs: Sequence[float], num_workers: int) -> List[List[int]]:
  """Assigns items to workers, the costliest first, each to the least loaded.

  Args:
    costs: the cost of each item, at least 0, in any unit.
    num_workers: the number of workers, at least 1.

  Returns:
    The positions in `costs` of each worker's items, ascending.
  """
  heap = [(0.0, worker) for worker in range(num_workers)]
  assigned: List[List[int]] = [[] for _ in range(num_workers)]
  for item in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
    load, worker = heapq.heappop(heap)
    assigned[worker].append(item)
    heapq.heappush(heap, (load + costs[item], worker))
  return [sorted(items) for items in assigned]


def assign_episodes(
    num_tasks: int, episodes_per_task: int, num_workers: int
) -> List[Dict[int, Tuple[int, ...]]]:
  """Assigns evaluation episodes to workers.

  A worker gets whole tasks, or, if there are fewer tasks than workers, a share
  of a task.

  Args:
    num_tasks: the number of tasks to evaluate.
    episodes_per_task: the number of episodes of each task.
    num_workers: the number of workers.

  Returns:
    For each worker, the numbers of its episodes, ascending, by the position of
    the task.
  """
  assigned: List[Dict[int, Tuple[int, ...]]] = [{} for _ in range(num_workers)]
  for task in range(num_tasks):
    # With fewer tasks than workers, workers i, i + num_tasks, ... share task i.
    sharers = (
        range(task, num_workers, num_tasks)
        if (num_tasks < num_workers)
        else (task % num_workers,)
    )
    for share, worker in enumerate(sharers):
      episodes = tuple(range(share, episodes_per_task, len(sharers)))
      if episodes:
        assigned[worker][task] = episodes
  return assigned


@dataclasses.dataclass(frozen=True)
class Plan:
  """A plan of a pool, which all its processes share from the start.

  Attributes:
    tasks: the K tasks.
    envs_per_task: E, the number of environments of each task.
    unroll_length: T, the number of steps of each environment in a block.
    num_workers: the number of worker processes.
    seed: the seed, which determines everything random in training.
    observation_size: D, the size of an observation.
    action_spec: the spec of an action, float32 [A] or a DiscreteArray.
    train_episode_steps: the number of steps after which an episode is cut, as by a
      time limit; None if only the environments end their episodes.
    random_start_steps: the largest number of random steps before an episode of
      every second environment.
  """

  tasks: Tuple[base.Task, ...]
  envs_per_task: int
  unroll_length: int
  num_workers: int
  seed: int
  observation_size: int
  action_spec: specs.Array
  train_episode_steps: Optional[int] = None
  random_start_steps: int = 0

  def block_fields(self) -> shared_arrays.Fields:
    """Returns the shapes and dtypes of the arrays of `Pool.collect`."""
    steps = (len(self.tasks), self.unroll_length, self.envs_per_task)
    discrete = isinstance(self.action_spec, specs.DiscreteArray)
    return {
        'observation': (steps + (self.observation_size,), np.float32),
        'action': (steps, np.int32)
        if discrete
        else (steps + self.action_spec.shape, np.float32),
        'log_prob': (steps, np.float32),
        'reward': (steps, np.float32),
        'discount': (steps, np.float32),
        'episode_step': (steps, np.int32),
        'episode_end': (steps, np.bool_),
        'next_observation': (steps + (self.observation_size,), np.float32),
        'success': (steps, np.bool_),
    }

  def control_fields(self) -> shared_arrays.Fields:
    """Returns the shapes and dtypes of the arrays for control of the workers.

    The parent sets `stop`. `progress` is described in progress.py. `cost` is
    the seconds a step of each task, 0 until measured. `begun` counts the
    episodes of each environment. `start` is the block's step at which the
    present episode began, negative if in an earlier block. `random_steps`
    counts the random steps before the episodes of each environment.
    """
    environments = (len(self.tasks), self.envs_per_task)
    return {
        'stop': ((1,), np.int64),
        'progress': ((self.num_workers, progress.WIDTH), np.int64),
        'cost': ((len(self.tasks),), np.float64),
        'begun': (environments, np.int64),
        'start': (environments, np.int64),
        'random_steps': (environments, np.int64),
    }
