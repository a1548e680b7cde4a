"""Makes the pool that fits a suite."""

from typing import Optional, Union

from distillery.environments import base
from distillery.environments.pool import batch_pool
from distillery.environments.pool import process_pool

# Both have the same methods and return the same blocks.
AnyPool = Union[process_pool.Pool, batch_pool.BatchPool]


def make_pool(
    suite: base.TaskSuite,
    *,
    envs_per_task: int,
    unroll_length: int,
    num_workers: int,
    seed: int,
    env_timeout_s: float = process_pool.ENV_TIMEOUT_S,
    train_episode_steps: Optional[int] = None,
    random_start_steps: int = 0,
) -> AnyPool:
  """Makes a pool of environments of a suite's train tasks.

  Args:
    suite: the suite. If it has a `make_batch`, the environments are stepped in
      this process and no worker is started.
    envs_per_task: E, the number of environments of each task.
    unroll_length: T, the number of steps of each environment in a block.
    num_workers: the number of worker processes; see `process_pool.Pool`.
    seed: the seed, which determines everything random in training.
    env_timeout_s: the seconds after which an environment is reported as
      hanging; see `process_pool.Pool`. It has no effect with a `make_batch`.
    train_episode_steps: the number of steps after which a training episode is
      cut; see `process_pool.Pool`.
    random_start_steps: the largest number of random steps before a training
      episode; see `process_pool.Pool`. With a `make_batch` it must be 0.

  Returns:
    The pool.

  Raises:
    ValueError: if an argument is out of range, or a task cannot be pickled.
  """
  if suite.make_batch is not None:
    if random_start_steps:
      raise ValueError(
          f'random_start_steps: got {random_start_steps}, and the environments '
          f'of {suite.name} are stepped as arrays, which have no random '
          'starts; want 0'
      )
    return batch_pool.BatchPool(
        suite,
        envs_per_task=envs_per_task,
        unroll_length=unroll_length,
        seed=seed,
        train_episode_steps=train_episode_steps,
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
      train_episode_steps=train_episode_steps,
      random_start_steps=random_start_steps,
  )
