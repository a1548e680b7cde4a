"""Worker processes that roll out many tasks at once.

A worker owns a slice of the environments and a NumPy copy of the policy. It
rolls out a whole block without speaking to anyone, and writes it into shared
memory. The numbers are the same, to the last bit, whatever the number of
workers.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence

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


class Pool:
  """Environments of many tasks, stepped by worker processes.

  Use it from one thread, and as a context manager or with `close`. After a
  `PoolError`, or any other exception out of a call that waits for the workers,
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
      env_timeout_s: float = 60.0,
  ):
    """Starts the workers and returns without waiting for them.

    The program needs the guard `if __name__ == '__main__':`, as the workers
    import its main module.

    Args:
      tasks: K tasks, in the order of the blocks' task axis.
      envs_per_task: E, environments of each task.
      unroll_length: T, steps of each environment in a block.
      num_workers: processes; more than there are units of work stay idle.
      seed: everything random in training is a function of it.
      observation_spec: float32 [D], of every task.
      action_spec: float32 [A], or a DiscreteArray, of every task.
      env_timeout_s: an environment that takes longer to be built, to reset or
        to step is reported as hanging.

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
    self._plan = work_plan.Plan(
        tuple(tasks),
        int(envs_per_task),
        int(unroll_length),
        int(num_workers),
        int(seed),
        observation_spec.shape[0],
        action_spec,
    )
    self._block = shared_arrays.SharedArrays.create(self._plan.block_fields())
    self._views = {name: array.view() for name, array in self._block.items()}
    for view in self._views.values():
      view.flags.writeable = False
    self._parameters: Optional[shared_arrays.SharedArrays] = None
    self._version = 0
    self._num_blocks = 0
    self._must_restart = False
    self._episodes: List[Episode] = []
    self._crew = workers.Crew(self._plan, self._block, env_timeout_s)

  def set_policy(
      self, policy: Any, parameters: Mapping[str, np.ndarray]
  ) -> None:
    """Gives the workers a policy and its first parameters.

    Args:
      policy: picklable, with the methods of `networks/acting.py`'s policies.
      parameters: name -> array; `set_parameters` keeps to names and shapes.

    Raises:
      ValueError: if the policy cannot be pickled, or remembers, or parameters
        are no arrays of numbers.
      PoolError: if a worker has failed.
    """
    self._crew.check_open('set_policy')
    pickled = pickling.dump(policy, 'the policy')
    argument_checks.check_forgetful(policy)
    with argument_checks.share(parameters) as segment:
      self._crew.tell(('policy', pickled), segment)
    self._parameters = segment
    self._version += 1

  def set_parameters(self, parameters: Mapping[str, np.ndarray]) -> None:
    """Gives the workers fresh parameters for the next `collect`.

    Raises:
      RuntimeError: if there is no policy yet, or the pool is closed.
      ValueError: if names, shapes or types are not those of `set_policy`.
    """
    self._crew.check_open('set_parameters')
    if self._parameters is None:
      raise RuntimeError('Pool.set_parameters: call set_policy first')
    argument_checks.check_same_layout(self._parameters, parameters)
    for name, array in self._parameters.items():
      array[...] = parameters[name]
    self._version += 1

  def collect(self, *, restart: bool = False) -> Mapping[str, np.ndarray]:
    """Rolls out every environment for one block.

    Args:
      restart: whether every environment begins a new episode first. It is
        always so in the first block, and in the first one after `restore`.

    Returns:
      Read-only arrays [K, T, E, ...] in shared memory, valid until the next
      `collect`:
        observation: float32 [K, T, E, D], which was acted on.
        action: float32 [K, T, E, A] as the policy drew it; environments get it
          clipped to the spec's bounds. Or int32 [K, T, E].
        log_prob: float32, of that action.
        reward: float32.
        discount: float32, 0 only where the episode terminated.
        episode_step: int32, index in the episode, which may have begun blocks
          ago; 0 the first.
        episode_end: bool, its last step, by termination or by time limit.
        next_observation: float32 [K, T, E, D], before any reset.
        success: bool.

    Raises:
      RuntimeError: if there is no policy yet, or the pool is closed.
      PoolError: if an environment raises, hangs, returns numbers that are not
        finite, or a worker dies; at once, and says where.
    """
    self._crew.check_open('collect')
    if self._parameters is None:
      raise RuntimeError('Pool.collect: call set_policy first')
    command = (
        'collect',
        self._num_blocks,
        self._version,
        bool(restart or self._must_restart),
    )
    finished = self._crew.ask([command] * self._plan.num_workers)
    self._num_blocks += 1
    self._must_restart = False
    # By step, task and environment, whoever stepped them.
    self._episodes += [episode for _, _, episode in sorted(sum(finished, []))]
    return dict(self._views)

  def episodes(self) -> List[Episode]:
    """The training episodes that ended since this was last called."""
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
    """Plays evaluation episodes in environments of their own.

    Episode i takes variation `i % num_variations`. Training goes on afterwards
    as if nothing had been. Environments are built when first needed, and kept.

    Args:
      policy: as for `set_policy`; it may be another one.
      parameters: its parameters.
      episodes_per_task: number of episodes of each task.
      seed: everything random in the episodes is a function of it.
      tasks: what to evaluate; None: the pool's tasks. The policy and the seeds
        go by a task's index in the pool, or, if it is not one of the pool's, by
        its position among those of its split in `tasks`.
      deterministic: whether to act without noise instead of sampling.
      until_success: whether an episode ends at its first success as well.

    Returns:
      The episodes, by task, then by number.

    Raises:
      ValueError: on an argument out of range.
      RuntimeError: if the pool is closed.
      PoolError: as `collect`.
    """
    self._crew.check_open('evaluate')
    argument_checks.check_forgetful(policy)
    argument_checks.check_counts(episodes_per_task=episodes_per_task)
    argument_checks.check_seed(seed)
    tasks = self._plan.tasks if tasks is None else tuple(tasks)
    argument_checks.check_tasks(tasks)
    indices = argument_checks.task_indices(tasks, self._plan.tasks)
    hands = work_plan.deal_episodes(
        len(tasks), episodes_per_task, self._plan.num_workers
    )
    pickled = [pickling.dump(task, f'task {task.name!r}') for task in tasks]
    options = dict(
        deterministic=deterministic, until_success=until_success, seed=int(seed)
    )
    commands = []
    for hand in hands:
      lanes = [
          (position, indices[position], pickled[position], episodes)
          for position, episodes in hand.items()
      ]
      request = pickling.dump((policy, lanes, options), 'the policy')
      commands.append(('evaluate', request))
    with argument_checks.share(parameters) as segment:
      finished = self._crew.ask(
          commands,
          segment,
          errors.Evaluation([task.name for task in tasks], indices, int(seed)),
      )
    return [episode for _, episode in sorted(sum(finished, []))]

  def state(self) -> Dict[str, Any]:
    """JSON-able counters, between two blocks; see `restore`."""
    self._crew.check_open('state')
    return {
        'num_blocks': self._num_blocks,
        'episodes_begun': self._crew.control['begun'].tolist(),
    }

  def restore(self, state: Mapping[str, Any]) -> None:
    """Continues where `state` was taken, with new episodes.

    The blocks that follow are equal to those of the pool that `state` was taken
    from, if that one went on by `collect(restart=True)`.

    Raises:
      ValueError: if the state is that of other tasks or environments.
    """
    self._crew.check_open('restore')
    control = self._crew.control
    begun, self._num_blocks = argument_checks.counters_of(
        state, control['begun'].shape, 'Pool.restore'
    )
    control['begun'][...] = begun
    self._must_restart = True
    self._episodes = []

  def wait_until_ready(self) -> None:
    """Waits until every environment is built, or raises a PoolError."""
    self._crew.check_open('wait_until_ready')
    self._crew.wait_until_ready()

  def close(self) -> None:
    """Ends the workers, within a second; harmless if done before."""
    self._crew.close()

  def __enter__(self) -> 'Pool':
    return self

  def __exit__(self, *unused_exception: Any) -> None:
    self.close()
