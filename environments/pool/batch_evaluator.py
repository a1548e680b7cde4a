"""Plays all evaluation episodes at once in a simulator of arrays."""

from typing import Any, List, Mapping, Optional, Sequence

from distillery.environments import base
from distillery.environments import number_checks
from distillery.environments.pool import argument_checks
from distillery.environments.pool import batch_stepping
from distillery.environments.pool import episodes
from distillery.environments.pool import errors
from distillery.environments.pool import seeds as pool_seeds
from distillery.environments.pool import stateful_policies
import numpy as np


def play(
    suite: base.TaskSuite,
    own: Sequence[base.Task],
    policy: Any,
    parameters: Mapping[str, np.ndarray],
    *,
    episodes_per_task: int,
    seed: int,
    tasks: Optional[Sequence[base.Task]],
    deterministic: bool,
    until_success: bool,
) -> List[episodes.Episode]:
  """Plays evaluation episodes; see `process_pool.Pool.evaluate`.

  Args:
    suite: the suite of the tasks, which has a `make_batch`.
    own: the pool's tasks.
    policy: the policy, with the methods of the policies in `networks/acting/`.
    parameters: the policy's parameters, by name.
    episodes_per_task: the number of episodes of each task.
    seed: the seed, which determines everything random in the episodes.
    tasks: the tasks to evaluate; None stands for the pool's tasks.
    deterministic: whether to act without noise instead of sampling.
    until_success: whether an episode also ends at its first success.

  Returns:
    The episodes, ordered by task, then by number.

  Raises:
    ValueError: if an argument is out of range.
    errors.PoolError: if the policy or the simulator returns an invalid value.
  """
  argument_checks.check_counts(episodes_per_task=episodes_per_task)
  argument_checks.check_seed(seed)
  tasks = own if tasks is None else tuple(tasks)
  argument_checks.check_tasks(tasks)
  parameters = argument_checks.as_arrays(parameters)
  indices = argument_checks.task_indices(tasks, own)
  shape = (len(tasks), episodes_per_task)
  seeds = _episode_seeds(seed, indices, episodes_per_task)
  policy = stateful_policies.with_memory(policy)
  selected = policy.select_tasks(parameters, np.asarray(indices))
  state = np.zeros((*shape, policy.state_size), np.float32)
  rng = pool_seeds.evaluation_noise_generator(seed, 0, 0)
  is_done, success = np.zeros(shape, bool), np.zeros(shape, bool)
  total, length = np.zeros(shape), np.zeros(shape, int)

  def place(row: int) -> errors.Place:
    task, episode = divmod(row, episodes_per_task)
    return errors.Place(
        'evaluation of task',
        tasks[task].name,
        0,
        episode,
        int(seeds[task, episode]),
        int(length[task, episode]),
    )

  batch = batch_stepping.Simulation(
      batch_stepping.make_batch(suite, tasks, episodes_per_task),
      suite,
      shape,
      place,
  )
  for row, row_seed in enumerate(seeds.ravel().tolist()):
    batch.reset(row, row_seed)
  while True:
    observation = batch.observation.reshape(*shape, -1)
    if deterministic:
      action, state = policy.deterministic(selected, observation, state)
    else:
      noise = policy.draw_noise(rng, 1, [0] * (shape[0] * shape[1]))
      action, _, state = policy.sample(
          selected, observation, noise.reshape(*shape, *noise.shape[2:]), state
      )
    reward, _, ended, solved = (
        array.reshape(shape) for array in batch.step(action)[1:]
    )
    total += np.where(is_done, 0.0, reward)
    length += ~is_done
    success |= solved & ~is_done
    is_done |= ended | (success & until_success)
    if is_done.all():
      break
    # Rows that are done are stepped with the others, so they are reset, too.
    for row in np.flatnonzero(ended):
      batch.reset(row, int(seeds.ravel()[row]))
    number_checks.check_length(int(length.max()))
  return _as_episodes(tasks, total, length, success)


def _episode_seeds(
    seed: int, indices: Sequence[int], episodes_per_task: int
) -> np.ndarray:
  """Returns the seeds of all episodes, int64 `[tasks, episodes]`."""
  return np.array(
      [
          [
              pool_seeds.evaluation_seed(seed, index, episode)
              for episode in range(episodes_per_task)
          ]
          for index in indices
      ]
  )


def _as_episodes(
    tasks: Sequence[base.Task],
    total: np.ndarray,
    length: np.ndarray,
    success: np.ndarray,
) -> List[episodes.Episode]:
  """Makes the episodes of all tasks from arrays `[tasks, episodes]`."""
  return [
      episodes.Episode(
          task=tasks[task].name,
          env=0,
          episode=episode,
          return_=float(total[task, episode]),
          length=int(length[task, episode]),
          success=bool(success[task, episode]),
      )
      for task, episode in np.ndindex(*total.shape)
  ]
