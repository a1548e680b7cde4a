"""The pool that fits a suite."""

from typing import Union

from distillery.environments import base
from distillery.environments.pool import batch_pool
from distillery.environments.pool import process_pool

# The same calls, the same blocks.
AnyPool = Union[process_pool.Pool, batch_pool.BatchPool]


def make_pool(
    suite: base.TaskSuite,
    *,
    envs_per_task: int,
    unroll_length: int,
    num_workers: int,
    seed: int,
    env_timeout_s: float = 60.0,
) -> AnyPool:
  """Environments of the tasks of a suite that are trained on.

  Args:
    suite: the tasks. If it has a `make_batch`, they are stepped in this process
      and no worker is started.
    envs_per_task: E.
    unroll_length: T.
    num_workers: processes; see `process_pool.Pool`.
    seed: of everything random in training.
    env_timeout_s: see `process_pool.Pool`; of no effect with a `make_batch`.

  Raises:
    ValueError: if an argument is out of range.
  """
  if suite.make_batch is not None:
    return batch_pool.BatchPool(
        suite,
        envs_per_task=envs_per_task,
        unroll_length=unroll_length,
        seed=seed,
    )
  return process_pool.Pool(
      suite.train_tasks,
      envs_per_task=envs_per_task,
      unroll_length=unroll_length,
      num_workers=num_workers,
      seed=seed,
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
      env_timeout_s=env_timeout_s,
  )
