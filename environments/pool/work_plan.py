"""How work is cut into units, dealt to workers, and seeded.

Nothing here depends on the number of workers but `deal`, so that a run's data
do not either.
"""

import dataclasses
import heapq
from typing import Dict, List, Sequence, Tuple

from distillery.environments import base
from distillery.environments.pool import progress
from distillery.environments.pool import shared_arrays
from dm_env import specs
import numpy as np

# Every call of the policy has this many rows a unit, so that every matrix
# product has the same shape, and so the same rounding, in every worker.
_ROWS_PER_UNIT = 2


@dataclasses.dataclass(frozen=True)
class Unit:
  """A chunk of one task's environments, stepped by one worker.

  Attributes:
    task: the task's index.
    environments: indices of the task's environments; a task's last unit may
      have fewer than the others, and its remaining rows are padding.
  """

  task: int
  environments: Tuple[int, ...]


def rows_per_unit(envs_per_task: int) -> int:
  """C, the rows of a unit, padding included."""
  return min(_ROWS_PER_UNIT, envs_per_task)


def make_units(num_tasks: int, envs_per_task: int) -> List[Unit]:
  """Cuts every task's environments into units of at most C."""
  size = rows_per_unit(envs_per_task)
  return [
      Unit(task, tuple(range(start, min(start + size, envs_per_task))))
      for task in range(num_tasks)
      for start in range(0, envs_per_task, size)
  ]


def deal(costs: Sequence[float], num_workers: int) -> List[List[int]]:
  """Deals items to workers, the dearest first, each to the least loaded.

  Args:
    costs: of each item, in any unit, not negative.
    num_workers: at least 1.

  Returns:
    For each worker its items' positions in `costs`, ascending.
  """
  heap = [(0.0, worker) for worker in range(num_workers)]
  hands: List[List[int]] = [[] for _ in range(num_workers)]
  for item in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
    load, worker = heapq.heappop(heap)
    hands[worker].append(item)
    heapq.heappush(heap, (load + costs[item], worker))
  return [sorted(hand) for hand in hands]


def deal_episodes(
    num_tasks: int, episodes_per_task: int, num_workers: int
) -> List[Dict[int, Tuple[int, ...]]]:
  """Deals evaluation episodes: whole tasks, or shares of them if they are few.

  Returns:
    For each worker, task position -> its episodes, ascending.
  """
  hands: List[Dict[int, Tuple[int, ...]]] = [{} for _ in range(num_workers)]
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
        hands[worker][task] = episodes
  return hands


@dataclasses.dataclass(frozen=True)
class Plan:
  """What a pool's processes agree on from the start.

  Attributes:
    tasks: K tasks.
    envs_per_task: E.
    unroll_length: T, steps of every environment in one block.
    num_workers: number of processes.
    seed: of everything random in training.
    observation_size: D.
    action_spec: float32 [A], or a DiscreteArray.
  """

  tasks: Tuple[base.Task, ...]
  envs_per_task: int
  unroll_length: int
  num_workers: int
  seed: int
  observation_size: int
  action_spec: specs.Array

  def block_fields(self) -> shared_arrays.Fields:
    """Shape and dtype of what `Pool.collect` returns."""
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
    """Shape and dtype of what the processes tell each other while they run.

    `stop` is set by the parent; `progress` is described in progress.py; `cost`
    is each task's seconds a step, 0 until measured; `begun` counts episodes;
    `start` is the block's step at which the current episode began, negative if
    before the block.
    """
    environments = (len(self.tasks), self.envs_per_task)
    return {
        'stop': ((1,), np.int64),
        'progress': ((self.num_workers, progress.WIDTH), np.int64),
        'cost': ((len(self.tasks),), np.float64),
        'begun': (environments, np.int64),
        'start': (environments, np.int64),
    }
