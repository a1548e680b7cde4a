"""Adaptation to tasks that are new: trajectories, one after another."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence

from distillery.environments.pool import argument_checks
from distillery.environments.pool import process_pool
from distillery.networks import acting
import numpy as np

Block = Mapping[str, np.ndarray]


class Adapter(Protocol):
  """A meta-learner at test time; in NumPy.

  Each method is given the trajectories so far, `[K, T, 1, ...]` each, see
  `process_pool.Pool.collect`. What it says of task k depends on row k alone.

  Attributes:
    policy: what acts.
  """

  policy: acting.ActingPolicy

  def parameters(self, blocks: Sequence[Block]) -> Dict[str, np.ndarray]:
    """The policy's, for the next trajectory of each task."""

  def latents(self, blocks: Sequence[Block]) -> np.ndarray:
    """What the next trajectory of each task is made from, `[K, L]`."""

  def taken_for(self, blocks: Sequence[Block]) -> Optional[np.ndarray]:
    """Of which family each task seems, by index `[K]`; None: not known yet."""


class Trajectory(NamedTuple):
  """The same trajectory of every task.

  Attributes:
    block: `[K, T, 1, ...]`.
    success: whether any of its steps solved the task, bool `[K]`.
    latent: that it was made from, `[K, L]`.
    taken_for: index of the family that the task was taken for, `[K]`; or None.
  """

  block: Block
  success: np.ndarray
  latent: np.ndarray
  taken_for: Optional[np.ndarray]


def check_blocks(blocks: Sequence[Block], num_tasks: int) -> None:
  """Refuses trajectories that an adapter cannot go by.

  Args:
    blocks: the trajectories so far, `[K, T, 1, ...]` each.
    num_tasks: K.

  Raises:
    ValueError: if one is of other tasks, or of several environments.
  """
  for number, block in enumerate(blocks):
    shape = block['reward'].shape
    if (shape[0], *shape[2:]) != (num_tasks, 1):
      raise ValueError(
          f'blocks: number {number} has rewards of shape {shape}, '
          f'want [{num_tasks}, T, 1].'
      )


def adapt(
    pool: process_pool.Pool,
    adapter: Adapter,
    task_names: Sequence[str],
    num_trajectories: int,
) -> List[Trajectory]:
  """Has a meta-learner try its tasks again and again.

  Nothing is learned by gradients. What each task's trajectories are made with
  depends on its own earlier ones alone.

  Args:
    pool: of the tasks to adapt to, with one environment of each, and an unroll
      of a whole episode.
    adapter: the meta-learner.
    task_names: of the pool's tasks, in their order.
    num_trajectories: of each task.

  Returns:
    The trajectories, in order.

  Raises:
    ValueError: if there are to be none, the names are not the pool's, or its
      unroll is no whole episode.
  """
  argument_checks.check_counts(num_trajectories=num_trajectories)
  found: List[Trajectory] = []
  blocks: List[Block] = []
  for _ in range(num_trajectories):
    parameters = adapter.parameters(blocks)
    if blocks:
      pool.set_parameters(parameters)
    else:
      pool.set_policy(adapter.policy, parameters)
    # The pool writes over its arrays.
    block = {
        name: array.copy() for name, array in pool.collect(restart=True).items()
    }
    ended = pool.episodes()
    _check_whole(ended, *block['reward'].shape[:2])
    success = {episode.task: episode.success for episode in ended}
    if sorted(success) != sorted(task_names):
      raise ValueError(
          f'task_names: got {list(task_names)}, want those of the '
          f'pool, {list(success)}.'
      )
    found.append(
        Trajectory(
            block,
            np.array([success[name] for name in task_names]),
            adapter.latents(blocks),
            adapter.taken_for(blocks),
        )
    )
    blocks.append(block)
  return found


def _check_whole(
    ended: Sequence[process_pool.Episode], num_tasks: int, unroll_length: int
) -> None:
  lengths = sorted({episode.length for episode in ended})
  if len(ended) != num_tasks or lengths != [unroll_length]:
    raise ValueError(
        f'unroll_length={unroll_length} is no whole episode of each task: '
        f'{len(ended)} episodes of {num_tasks} tasks ended in it, of '
        f'{lengths} steps; want the number of steps that every episode has.'
    )
