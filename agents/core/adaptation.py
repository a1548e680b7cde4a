"""Adaptation to tasks that are new: trajectories, one after another."""

from typing import Dict, List, Mapping, Protocol, Sequence

from distillery.environments import pool as pools
from distillery.networks import acting
import numpy as np

Block = Mapping[str, np.ndarray]


class Adapter(Protocol):
  """A meta-learner at test time; in NumPy.

  Attributes:
    policy: what acts.
  """
  policy: acting.ActingPolicy

  def parameters(self, blocks: Sequence[Block]) -> Dict[str, np.ndarray]:
    """The policy's, for the next trajectory of each task.

    Args:
      blocks: the trajectories so far, `[T, K, 1, ...]` each, see
        `pool.Pool.collect`; row k of task k alone.
    """


def adapt(pool: pools.Pool, adapter: Adapter,
          num_trajectories: int) -> List[Dict[str, np.ndarray]]:
  """Has a meta-learner try its tasks again and again.

  Nothing is learned by gradients. What each task's trajectories are made with
  depends on its own earlier ones alone.

  Args:
    pool: of the tasks to adapt to, with one environment of each, and an unroll
      of a whole episode.
    adapter: the meta-learner.
    num_trajectories: of each task.

  Returns:
    The trajectories' blocks, in order.
  """
  blocks: List[Dict[str, np.ndarray]] = []
  for _ in range(num_trajectories):
    parameters = adapter.parameters(blocks)
    if blocks:
      pool.set_parameters(parameters)
    else:
      pool.set_policy(adapter.policy, parameters)
    # The pool writes over its arrays.
    blocks.append({name: array.copy() for name, array in pool.collect(
        restart=True).items()})
  return blocks
