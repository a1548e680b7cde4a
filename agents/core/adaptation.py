"""Adapts a meta-learner to new tasks, one trajectory after another."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence

from distillery.environments.pool import argument_checks
from distillery.environments.pool import process_pool
from distillery.networks import acting
import numpy as np

Block = Mapping[str, np.ndarray]


class Adapter(Protocol):
  """The interface of a meta-learner at test time, in NumPy.

  Each method takes the trajectories so far, `[K, T, 1, ...]` each, see
  `process_pool.Pool.collect`. Its result for task k depends on row k alone.
  """

  @property
  def policy(self) -> acting.ActingPolicy:
    """The policy that acts."""

  def parameters(self, blocks: Sequence[Block]) -> Dict[str, np.ndarray]:
    """Returns the policy's parameters for the next trajectory of each task."""

  def latents(self, blocks: Sequence[Block]) -> np.ndarray:
    """Returns the latents `[K, L]` that the next trajectories are made with."""

  def inferred_families(self, blocks: Sequence[Block]) -> Optional[np.ndarray]:
    """Returns the index of each task's likely family, `[K]`.

    None if nothing is known of the families yet.
    """


class Trajectory(NamedTuple):
  """The same trajectory of every task.

  Attributes:
    block: the steps of the trajectory, `[K, T, 1, ...]`.
    success: whether any step of the trajectory solved the task, bool `[K]`.
    latent: the latent with which the policy acted, `[K, L]`.
    inferred_family: the index of the family that the adapter inferred for each
      task, `[K]`; None if it did not know.
  """

  block: Block
  success: np.ndarray
  latent: np.ndarray
  inferred_family: Optional[np.ndarray]


def check_blocks(blocks: Sequence[Block], num_tasks: int) -> None:
  """Checks the shapes of the trajectories that an adapter is given.

  Args:
    blocks: the trajectories so far, `[K, T, 1, ...]` each.
    num_tasks: K, the number of tasks.

  Raises:
    ValueError: if one has another number of tasks, or several environments of a
      task.
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
  """Lets a meta-learner try its tasks several times.

  Nothing is learned by gradients. In each trajectory, the policy acts by the
  task's own earlier trajectories alone.

  Args:
    pool: the environments of the tasks to adapt to: one of each task, with an
      unroll of one whole episode.
    adapter: the meta-learner.
    task_names: the names of the pool's tasks, in their order.
    num_trajectories: the number of trajectories of each task, at least 1.

  Returns:
    The trajectories, in order.

  Raises:
    ValueError: if `num_trajectories` is out of range, the names are not those
      of the pool's tasks, or the pool's unroll is not a whole episode.
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
    # The pool writes the next block into the same arrays.
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
            adapter.inferred_families(blocks),
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
        f'unroll_length={unroll_length} is not the length of every episode: '
        f'{len(ended)} episodes of {num_tasks} tasks ended, after {lengths} '
        'steps; want the number of steps of an episode, the same in all tasks.'
    )
