"""Defines a pool whose environments are one simulator of arrays.

It has the methods of `process_pool.Pool` and returns the same blocks. It steps
the simulator in this process and calls the policy once a step. Only this pool
takes policies with a memory (`state_size`).
"""

import sys
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence

from distillery.environments import base
from distillery.environments.pool import argument_checks
from distillery.environments.pool import batch_evaluator
from distillery.environments.pool import batch_stepping
from distillery.environments.pool import episodes as pool_episodes
from distillery.environments.pool import errors
from distillery.environments.pool import seeds
from distillery.environments.pool import stateful_policies
from distillery.environments.pool import work_plan
import numpy as np


class BatchPool:
  """A pool of environments of many tasks that are stepped as arrays."""

  def __init__(
      self,
      suite: base.TaskSuite,
      *,
      envs_per_task: int,
      unroll_length: int,
      seed: int,
      train_episode_steps: Optional[int] = None,
  ):
    """Makes the environments of the train tasks.

    Args:
      suite: the suite, with K train tasks and a `make_batch`.
      envs_per_task: E, the number of environments of each task.
      unroll_length: T, the number of steps of each environment in a block.
      seed: the seed, which determines everything random in training.
      train_episode_steps: the number of steps after which `collect` cuts an
        episode; see `process_pool.Pool`.

    Raises:
      ValueError: if an argument is out of range, or the suite has no
        `make_batch`.
    """
    argument_checks.check_counts(
        envs_per_task=envs_per_task, unroll_length=unroll_length
    )
    argument_checks.check_seed(seed)
    argument_checks.check_train_episode_steps(train_episode_steps)
    self._suite = suite
    self._tasks = suite.train_tasks
    self._shape = (len(self._tasks), envs_per_task)  # K, E
    self._length = unroll_length
    self._episode_steps = train_episode_steps or sys.maxsize
    self._seed = seed
    self._simulation = batch_stepping.Simulation(
        batch_stepping.make_batch(suite, self._tasks, envs_per_task),
        suite,
        self._shape,
        self._place,
    )
    self._fields = work_plan.Plan(
        self._tasks,
        envs_per_task,
        unroll_length,
        1,
        seed,
        suite.observation_spec.shape[0],
        suite.action_spec,
    ).block_fields()
    self._begun = np.zeros(self._shape, np.int64)
    self._return = np.zeros(self._shape)
    self._steps = np.zeros(self._shape, np.int64)
    self._success = np.zeros(self._shape, bool)
    self._num_blocks = 0
    self._num_steps = 0
    self._must_restart = True
    self._episodes: List[pool_episodes.Episode] = []
    self._policy: Any = None
    self._state = np.zeros((*self._shape, 0), np.float32)

  def set_policy(
      self, policy: Any, parameters: Mapping[str, np.ndarray]
  ) -> None:
    """Sets the policy and its first parameters.

    Args:
      policy: the policy, with the methods of the policies in `networks/acting/`
        and, if it has a memory, an attribute `state_size`.
      parameters: the policy's parameters, by name.

    Raises:
      ValueError: if the parameters are not arrays of numbers.
    """
    policy = stateful_policies.with_memory(policy)
    self._select(policy, argument_checks.as_arrays(parameters))
    self._policy = policy
    self._state = np.zeros((*self._shape, policy.state_size), np.float32)
    # The memory of another policy means nothing to this one.
    self._must_restart = True

  def set_parameters(self, parameters: Mapping[str, np.ndarray]) -> None:
    """Sets new parameters for the next `collect`.

    Raises:
      RuntimeError: if there is no policy yet.
      ValueError: if names, shapes or dtypes are not those of `set_policy`.
    """
    if self._policy is None:
      raise RuntimeError('BatchPool.set_parameters: call set_policy first')
    parameters = argument_checks.as_arrays(parameters)
    argument_checks.check_same_layout(self._parameters, parameters)
    self._select(self._policy, parameters)

  def _select(self, policy: Any, parameters: Mapping[str, np.ndarray]) -> None:
    # Copies: a policy may keep views, and the caller may write to its arrays.
    parameters = {name: array.copy() for name, array in parameters.items()}
    self._selected = policy.select_tasks(parameters, np.arange(self._shape[0]))
    self._parameters = parameters

  def collect(
      self, *, restart: bool = False, resting: Collection[int] = ()
  ) -> Mapping[str, np.ndarray]:
    """Steps every environment for one block; see `process_pool.Pool.collect`.

    Args:
      restart: whether every environment begins a new episode first.
      resting: the indices of the tasks that rest. It must be empty, as all
        environments are stepped together.

    Returns:
      The block, arrays [K, T, E, ...] by name. For a policy with a memory it
      also has 'state', float32 [K, E, S], the memory before the first step. It
      is 0 where an episode begins at the first step. A reader of the block must
      set the memory to 0 wherever `episode_step` is 0.

    Raises:
      RuntimeError: if there is no policy yet.
      ValueError: if a task is to rest.
      errors.PoolError: if the policy or the simulator returns an invalid value.
    """
    if self._policy is None:
      raise RuntimeError('BatchPool.collect: call set_policy first')
    if resting:
      raise ValueError(
          f'resting: got {list(resting)}, and environments that are stepped as '
          'arrays cannot rest.'
      )
    if restart or self._must_restart:
      for task, env in np.ndindex(*self._shape):
        self._begin(task, env)
    self._must_restart = False
    block: Dict[str, np.ndarray] = {
        name: np.empty(shape, dtype)
        for name, (shape, dtype) in self._fields.items()
    }
    if self._policy.state_size:
      block['state'] = self._state.copy()
    rng = seeds.noise_generator(self._seed, 0, 0, self._num_blocks)
    noise = self._policy.draw_noise(
        rng, self._length, [env for _, env in np.ndindex(*self._shape)]
    )
    noise = noise.reshape(self._length, *self._shape, *noise.shape[2:])
    for step in range(self._length):
      self._step(
          {
              name: array[:, step]
              for name, array in block.items()
              if name != 'state'
          },
          noise[step],
      )
    self._num_blocks += 1
    self._num_steps += block['reward'].size
    return block

  def _step(self, out: Dict[str, np.ndarray], noise: np.ndarray) -> None:
    """Steps every environment once and fills `out`, arrays [K, E, ...]."""
    out['observation'][...] = self._simulation.observation.reshape(
        *self._shape, -1
    )
    action, log_prob, self._state = self._policy.sample(
        self._selected, out['observation'], noise, self._state
    )
    out['action'][...], out['log_prob'][...] = action, log_prob
    out['episode_step'][...] = self._steps
    observation, *stepped = self._simulation.step(action, log_prob)
    reward, discount, ended, success = (
        array.reshape(self._shape) for array in stepped
    )
    out['reward'][...], out['discount'][...] = reward, discount
    out['next_observation'][...] = observation.reshape(*self._shape, -1)
    self._return += reward
    self._steps += 1
    ended = ended | (self._steps >= self._episode_steps)
    out['episode_end'][...], out['success'][...] = ended, success
    self._success |= success
    for task, env in np.argwhere(ended):
      self._episodes.append(
          pool_episodes.Episode(
              task=self._tasks[task].name,
              env=int(env),
              episode=int(self._begun[task, env]) - 1,
              return_=float(self._return[task, env]),
              length=int(self._steps[task, env]),
              success=bool(self._success[task, env]),
          )
      )
      self._begin(task, env)

  def _place(self, row: int) -> errors.Place:
    """Returns the place in training of a row of the batch."""
    task, env = divmod(row, self._shape[1])
    episode = int(self._begun[task, env]) - 1
    return errors.Place(
        'task',
        self._tasks[task].name,
        env,
        episode,
        seeds.episode_seed(self._seed, task, env, episode),
        int(self._steps[task, env]),
    )

  def _begin(self, task: int, env: int) -> None:
    self._begun[task, env] += 1
    self._return[task, env] = self._steps[task, env] = 0
    self._success[task, env] = False
    self._state[task, env] = 0.0
    self._simulation.reset(
        task * self._shape[1] + env,
        seeds.episode_seed(
            self._seed, task, env, int(self._begun[task, env]) - 1
        ),
    )

  @property
  def num_steps(self) -> int:
    """The number of steps that `collect` has taken."""
    return self._num_steps

  def episodes(self) -> List[pool_episodes.Episode]:
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
  ) -> List[pool_episodes.Episode]:
    """Plays evaluation episodes; see `process_pool.Pool.evaluate`.

    Args:
      policy: the policy, which may be another one than that of `set_policy`.
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
    return batch_evaluator.play(
        self._suite,
        self._tasks,
        policy,
        parameters,
        episodes_per_task=episodes_per_task,
        seed=seed,
        tasks=tasks,
        deterministic=deterministic,
        until_success=until_success,
    )

  def state(self) -> Dict[str, Any]:
    """Returns the counters, JSON-able, between two blocks; see `restore`."""
    return {
        'num_blocks': self._num_blocks,
        'episodes_begun': self._begun.tolist(),
    }

  def restore(self, state: Mapping[str, Any]) -> None:
    """Continues from the counters that `state` returned, with new episodes.

    Raises:
      ValueError: if the state belongs to other numbers of tasks or
        environments.
    """
    begun, self._num_blocks = argument_checks.counters_of(
        state, self._shape, 'BatchPool.restore'
    )
    self._begun[...] = begun
    self._must_restart = True
    self._episodes = []

  def wait_until_ready(self) -> None:
    """Does nothing: the environments are ready at once."""

  def close(self) -> None:
    """Does nothing: the pool has no processes to end."""

  def __enter__(self) -> 'BatchPool':
    return self

  def __exit__(self, *unused_exception: Any) -> None:
    self.close()
