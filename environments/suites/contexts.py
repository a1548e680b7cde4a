"""Divides one task into several by k-means on its initial states.

    suite = contexts.partition(
        suites.make_suite('MT1/reach-v3', seed=0), 'reach-v3', 4, seed=0)

This follows Ghosh et al., "Divide-and-Conquer Reinforcement Learning" (2018).
The contexts are clusters of initial observations. The resets of a context are
the resets of the task whose observation lies in the context's cluster.
"""

import dataclasses
from typing import List, Tuple, Union

from distillery.environments import base
from distillery.environments import timestep_checks
from distillery.environments.pool import argument_checks
from distillery.environments.suites import context_environments
import numpy as np

_NUM_STARTS = 10
_NUM_ITERATIONS = 100
# A coordinate that moves by less does not tell contexts apart.
_TOLERANCE = 1e-6


def partition(
    suite: base.TaskSuite,
    task: Union[str, int],
    num_contexts: int,
    *,
    seed: int,
    num_resets: int = 1000,
) -> base.TaskSuite:
  """Makes a suite whose train tasks are the contexts of one task.

  This builds the task's environment and resets it. Distances between
  observations are Euclidean, over the coordinates that vary, without scaling.

  Args:
    suite: the suite that has the task among its train tasks.
    task: the name of the task, or its index among the train tasks.
    num_contexts: k, the number of clusters, at least 2.
    seed: the seed, which determines everything random in the partition.
    num_resets: the approximate number of initial observations to cluster. If
      each variation always begins in the same state, one observation of each
      variation is clustered instead.

  Returns:
    The suite. Its train tasks are the contexts, ordered by their centroids. If
    the task has several variations, each belongs to the context in which most
    of its resets lie. The test tasks are those of `suite` of the same family.
    `info` holds the arguments that make the partition again, and the share of
    the task's resets in each context.

  Raises:
    ValueError: if an argument is out of range, there is no such task, the task
      has fewer than `num_contexts` distinct initial states, or a reset returns
      something other than a first time step.
  """
  argument_checks.check_seed(seed)
  argument_checks.check_counts(num_contexts=num_contexts, num_resets=num_resets)
  if num_contexts < 2:
    raise ValueError(f'num_contexts: got {num_contexts}, want at least 2')
  whole = _find_task(suite, task)
  rng = np.random.default_rng(seed)
  observations = _initial_observations(
      whole, int(rng.integers(2**31)), num_resets
  )
  coordinates = np.flatnonzero(np.ptp(observations, axis=(0, 1)) > _TOLERANCE)
  points = observations[..., coordinates]
  centroids = _centroids(whole.name, points, num_contexts, rng)
  nearest = context_environments.nearest(points, centroids)
  tasks = []
  for i, variations in enumerate(
      _assign_variations(whole.name, nearest, num_contexts)
  ):
    factory = context_environments.ContextFactory(
        whole.factory,
        i,
        tuple(coordinates.tolist()),
        tuple(map(tuple, centroids.tolist())),
        variations,
    )
    tasks.append(
        base.Task(f'{whole.name}-context{i}', whole.family, 'train', factory)
    )
  shares = np.bincount(nearest.ravel(), minlength=num_contexts) / nearest.size
  return dataclasses.replace(
      suite,
      make_batch=None,
      name=f'{suite.name}, {whole.name} in {num_contexts} contexts',
      tasks=(
          *tasks,
          *(
              other
              for other in suite.test_tasks
              if other.family == whole.family
          ),
      ),
      info={
          **suite.info,
          'partitioned_suite': suite.name,
          'partitioned_task': whole.name,
          'num_contexts': str(num_contexts),
          'partition_seed': str(seed),
          'partition_resets': str(num_resets),
          'context_shares': ' '.join(f'{share:.3f}' for share in shares),
      },
  )


def _find_task(suite: base.TaskSuite, task: Union[str, int]) -> base.Task:
  tasks = {known.name: known for known in suite.train_tasks}
  if isinstance(task, str):
    if task in tasks:
      return tasks[task]
  elif base.is_index(task, len(tasks)):
    return suite.train_tasks[task]
  raise ValueError(
      f'task: got {task!r}, want one of the train tasks of {suite.name!r}, '
      f'{list(tasks)}, or its index'
  )


def _initial_observations(
    task: base.Task, seed: int, num_resets: int
) -> np.ndarray:
  """Returns the observations of R resets in V variations, float64 [R, V, D]."""
  environment = task.factory(seed)
  variations = range(timestep_checks.num_variations(environment, task.name))
  shape = environment.observation_spec().shape
  rounds: List[np.ndarray] = []
  try:
    while not rounds or len(rounds) * len(variations) < num_resets:
      rounds.append(
          np.array(
              [
                  timestep_checks.first_observation(
                      environment.reset(variation=i), shape
                  )
                  for i in variations
              ],
              np.float64,
          )
      )
      if (
          len(rounds) == 2
          and len(variations) > 1
          and (rounds[0] == rounds[1]).all()
      ):
        return np.stack(rounds[:1])  # More resets would show nothing new.
  except timestep_checks.BadValue as error:
    raise ValueError(
        f'task {task.name!r}, made with seed {seed}, round {len(rounds)} of '
        f'resets: {error}'
    ) from error
  finally:
    environment.close()
  return np.stack(rounds)


def _centroids(
    name: str, points: np.ndarray, num_contexts: int, rng: np.random.Generator
) -> np.ndarray:
  """Returns the best centroids of several k-means runs, [k, C], sorted."""
  from scipy.cluster import vq

  points = np.concatenate(points)
  distinct = len(np.unique(points, axis=0)) if points.size else 1
  if distinct < num_contexts:
    raise ValueError(
        f'num_contexts: got {num_contexts}, want at most {distinct}, the number '
        f'of distinct initial states of {name!r} in {len(points)} resets'
    )
  best, least = None, np.inf
  for _ in range(_NUM_STARTS):
    try:
      centroids, _ = vq.kmeans2(
          points,
          num_contexts,
          iter=_NUM_ITERATIONS,
          minit='++',
          missing='raise',
          rng=rng,
      )
    except vq.ClusterError:
      continue
    nearest = context_environments.nearest(points, centroids)
    distortion = np.square(points - centroids[nearest]).sum()
    if len(np.unique(nearest)) == num_contexts and distortion < least:
      best, least = centroids, distortion
  if best is None:
    raise ValueError(
        f'num_contexts: got {num_contexts}, want fewer: k-means '
        f'found no such clusters of the states of {name!r}'
    )
  return best[np.lexsort(best.T[::-1])]


def _assign_variations(
    name: str, nearest: np.ndarray, num_contexts: int
) -> List[Tuple[int, ...]]:
  """Returns the variations of each context.

  Args:
    name: the task's name, for the error message.
    nearest: the context of each of R resets in V variations, int [R, V].
    num_contexts: k, the number of contexts.
  """
  if nearest.shape[1] == 1:
    return [(0,)] * num_contexts  # The contexts share the only variation.
  counts = [(nearest == i).sum(0) for i in range(num_contexts)]
  owner = np.argmax(counts, axis=0)
  variations = [
      tuple(np.flatnonzero(owner == i).tolist()) for i in range(num_contexts)
  ]
  if not all(variations):
    raise ValueError(
        f'num_contexts: got {num_contexts}, want fewer: context '
        f'{variations.index(())} of {name!r} would have none of its '
        f'{nearest.shape[1]} variations'
    )
  return variations
