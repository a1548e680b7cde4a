"""Rolls out many tasks at once in worker processes.

A worker owns a part of the environments and a NumPy copy of the policy. It
rolls out a whole block without any communication and writes it to shared
memory. The numbers do not depend on the number of workers, to the last bit.
"""

from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence

from distillery.environments import base
from distillery.environments import pickling
from distillery.environments.pool import argument_checks
from distillery.environments.pool import episodes as pool_episodes
from distillery.environments.pool import errors
from distillery.environments.pool import shared_arrays
from distillery.environments.pool import work_plan
from distillery.environments.pool import workers
from dm_env import specs
import numpy as np

Episode = pool_episodes.Episode
PoolError = errors.PoolError
# The default of `env_timeout_s`, everywhere.
ENV_TIMEOUT_S = 60.0


class Pool:
  """A pool of environments of many tasks, which worker processes step.

  Use it from one thread, and as a context manager or with `close`. After a
  `PoolError`, or any other exception from a call that waits for the workers,
  the pool is closed.
  """

  def __init__(
      self,
      tasks: Sequence[base.Task],
      *,
      envs_per_task: int,
      unroll_length: int,
      num_workers: int,
      seed: int,
      observation_spec: specs.Array,
      action_spec: specs.Array,
      env_timeout_s: float = ENV_TIMEOUT_S,
      train_episode_steps: Optional[int] = None,
      random_start_steps: int = 0,
  ):
    """Starts the workers and returns without waiting for them.

    The program needs the guard `if __name__ == '__main__':`, as the workers
    import its main module.

    Args:
      tasks: the K tasks, in the order of the blocks' task axis.
      envs_per_task: E, the number of environments of each task.
      unroll_length: T, the number of steps of each environment in a block.
      num_workers: the number of worker processes. If there are more workers
        than units of work, the rest stay idle.
      seed: the seed, which determines everything random in training.
      observation_spec: the spec of every task's observation, float32 [D].
      action_spec: the spec of every task's action, float32 [A] or a
        DiscreteArray.
      env_timeout_s: the seconds after which an environment that is being built,
        reset or stepped is reported as hanging.
      train_episode_steps: the number of steps after which `collect` cuts an episode,
        as by a time limit: the discount stays 1. None: only the environments
        end their episodes. `evaluate` never cuts an episode.
      random_start_steps: the largest number of random steps before an episode
        of `collect`, in every second environment of a task: after the reset it
        takes the same random action for a random number of steps, from 0 to this
        one. The episode begins there.

    Raises:
      ValueError: if an argument is out of range, or a task cannot be pickled.
    """
    argument_checks.check_counts(
        envs_per_task=envs_per_task,
        unroll_length=unroll_length,
        num_workers=num_workers,
    )
    argument_checks.check_seed(seed)
    argument_checks.check_tasks(tasks)
    argument_checks.check_specs(observation_spec, action_spec)
    argument_checks.check_timeout(env_timeout_s)
    argument_checks.check_train_episode_steps(train_episode_steps)
    argument_checks.check_random_start_steps(random_start_steps)
    self._plan = work_plan.Plan(
        tuple(tasks),
        int(envs_per_task),
        int(unroll_length),
        int(num_workers),
        int(seed),
        observation_spec.shape[0],
        action_spec,
        train_episode_steps,
        random_start_steps,
    )
    self._block = shared_arrays.SharedArrays.create(self._plan.block_fields())
    self._views = {name: array.view() for name, array in self._block.items()}
    for view in self._views.values():
      view.flags.writeable = False
    self._parameters: Optional[shared_arrays.SharedArrays] = None
    self._version = 0
    self._num_blocks = 0
    self._block_steps = 0
    self._must_restart = True
    self._episodes: List[Episode] = []
    self._workers = workers.Workers(self._plan, self._block, env_timeout_s)

  def set_policy(
      self, policy: Any, parameters: Mapping[str, np.ndarray]
  ) -> None:
    """Gives the workers a policy and its first parameters.

    Args:
      policy: the policy, which can be pickled and has the methods of the
        policies in `networks/acting/`.
      parameters: the policy's parameters, arrays by name. `set_parameters`
        takes the same names and shapes.

    Raises:
      RuntimeError: if the pool is closed.
      ValueError: if the policy cannot be pickled or has a memory, or the
        parameters are not arrays of numbers.
      PoolError: if a worker has failed.
    """
    self._workers.check_open('set_policy')
    pickled = pickling.dump(policy, 'the policy')
    argument_checks.check_forgetful(policy)
    with argument_checks.share(parameters) as segment:
      self._workers.tell(('policy', pickled), segment)
    self._parameters = segment
    self._version += 1

  def set_parameters(self, parameters: Mapping[str, np.ndarray]) -> None:
    """Gives the workers new parameters for the next `collect`.

    Raises:
      RuntimeError: if there is no policy yet, or the pool is closed.
      ValueError: if names, shapes or dtypes are not those of `set_policy`.
    """
    self._workers.check_open('set_parameters')
    if self._parameters is None:
      raise RuntimeError('Pool.set_parameters: call set_policy first')
    argument_checks.check_same_layout(self._parameters, parameters)
    for name, array in self._parameters.items():
      array[...] = parameters[name]
    self._version += 1

  def collect(
      self, *, restart: bool = False, resting: Collection[int] = ()
  ) -> Mapping[str, np.ndarray]:
    """Rolls out every environment for one block.

    Args:
      restart: whether every environment begins a new episode first. It always
        does in the first block, and in the first block after `restore`.
      resting: the indices of the tasks whose environments rest. Their part of
        the arrays stays what it was in their last block. They begin new
        episodes when they do not rest any more. No task rests in the first
        block, nor in the first block after `restore`.

    Returns:
      Read-only arrays in shared memory, by name, valid until the next
      `collect`:
        observation: the observation before the step, float32 [K, T, E, D].
        action: the action as the policy drew it, float32 [K, T, E, A] or int32
          [K, T, E]. Environments get it clipped to the spec's bounds.
        log_prob: the log-probability of that action, float32 [K, T, E].
        reward: the reward of the step, float32 [K, T, E].
        discount: the discount, float32 [K, T, E]; it is 0 only where the
          episode terminated.
        episode_step: the index of the step in its episode, from 0, int32
          [K, T, E]. The episode may have begun in an earlier block.
        episode_end: whether the step is the last of its episode, by termination
          or by time limit, bool [K, T, E].
        next_observation: the observation after the step, before any reset,
          float32 [K, T, E, D].
        success: whether the step solved the task, bool [K, T, E].

    Raises:
      RuntimeError: if there is no policy yet, or the pool is closed.
      PoolError: if an environment raises, hangs or returns numbers that are not
        finite, or a worker dies. It is raised at once and says where.
    """
    self._workers.check_open('collect')
    if self._parameters is None:
      raise RuntimeError('Pool.collect: call set_policy first')
    resting = frozenset(() if self._must_restart else resting)
    command = (
        'collect',
        self._num_blocks,
        self._version,
        bool(restart or self._must_restart),
        resting,
    )
    finished = self._workers.ask([command] * self._plan.num_workers)
    self._num_blocks += 1
    plan = self._plan
    self._block_steps += (
        (len(plan.tasks) - len(resting))
        * plan.envs_per_task
        * plan.unroll_length
    )
    self._must_restart = False
    # Sorted by step, task and environment, so independent of the workers.
    self._episodes += [episode for _, _, episode in sorted(sum(finished, []))]
    return dict(self._views)

  @property
  def num_steps(self) -> int:
    """The number of steps that `collect` has taken, with random starts."""
    return self._block_steps + int(self._workers.control['random_steps'].sum())

  def episodes(self) -> List[Episode]:
    """Returns the training episodes that ended since the last call."""
    episodes, self._episodes = self._episodes, []
    return episodes

  def evaluate(
      self,
      policy: Any,
      parameters: Mapping[str, np.ndarray],
      *,
      episodes_per_task: int,
      seed: int,
      tasks: Optional[Sequence[base.Task]] = None,
      deterministic: bool = True,
      until_success: bool = True,
  ) -> List[Episode]:
    """Plays evaluation episodes in separate environments.

    Episode i takes variation `i % num_variations`. The evaluation does not
    change the training that follows. Its environments are built when they are
    first needed, and kept.

    Args:
      policy: the policy, as for `set_policy`; it may be another one.
      parameters: the policy's parameters, arrays by name.
      episodes_per_task: the number of episodes of each task.
      seed: the seed, which determines everything random in the episodes.
      tasks: the tasks to evaluate; None stands for the pool's tasks. The policy
        and the seeds use the index of a task in the pool. For a task that is
        not in the pool, they use its position among the tasks of its split in
        `tasks`.
      deterministic: whether to act without noise instead of sampling.
      until_success: whether an episode also ends at its first success.

    Returns:
      The episodes, ordered by task, then by number.

    Raises:
      ValueError: if an argument is out of range.
      RuntimeError: if the pool is closed.
      PoolError: if an environment or a worker fails, as in `collect`.
    """
    self._workers.check_open('evaluate')
    argument_checks.check_forgetful(policy)
    argument_checks.check_counts(episodes_per_task=episodes_per_task)
    argument_checks.check_seed(seed)
    tasks = self._plan.tasks if tasks is None else tuple(tasks)
    argument_checks.check_tasks(tasks)
    indices = argument_checks.task_indices(tasks, self._plan.tasks)
    assigned = work_plan.assign_episodes(
        len(tasks), episodes_per_task, self._plan.num_workers
    )
    pickled = [pickling.dump(task, f'task {task.name!r}') for task in tasks]
    options = dict(
        deterministic=deterministic, until_success=until_success, seed=int(seed)
    )
    commands = []
    for episodes_by_task in assigned:
      lanes = [
          (position, indices[position], pickled[position], episodes)
          for position, episodes in episodes_by_task.items()
      ]
      request = pickling.dump((policy, lanes, options), 'the policy')
      commands.append(('evaluate', request))
    with argument_checks.share(parameters) as segment:
      finished = self._workers.ask(
          commands,
          segment,
          errors.Evaluation([task.name for task in tasks], indices, int(seed)),
      )
    return [episode for _, episode in sorted(sum(finished, []))]

  def state(self) -> Dict[str, Any]:
    """Returns the counters, JSON-able, between two blocks; see `restore`."""
    self._workers.check_open('state')
    return {
        'num_blocks': self._num_blocks,
        'episodes_begun': self._workers.control['begun'].tolist(),
    }

  def restore(self, state: Mapping[str, Any]) -> None:
    """Continues from the counters that `state` returned, with new episodes.

    The next blocks equal those that the first pool would have returned after
    `state`, if its next call had been `collect(restart=True)`.

    Raises:
      RuntimeError: if the pool is closed.
      ValueError: if the state belongs to other numbers of tasks or
        environments.
    """
    self._workers.check_open('restore')
    control = self._workers.control
    begun, self._num_blocks = argument_checks.counters_of(
        state, control['begun'].shape, 'Pool.restore'
    )
    control['begun'][...] = begun
    self._must_restart = True
    self._episodes = []

  def wait_until_ready(self) -> None:
    """Waits until every environment is built, or raises a PoolError."""
    self._workers.check_open('wait_until_ready')
    self._workers.wait_until_ready()

  def close(self) -> None:
    """Ends the workers within a second; does nothing if they have ended."""
    self._workers.close()

  def __enter__(self) -> 'Pool':
    return self

  def __exit__(self, *unused_exception: Any) -> None:
    self.close()
