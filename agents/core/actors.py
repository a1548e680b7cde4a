"""Acts in environments by NumPy policies, with the variables of a learner."""

import contextlib
from typing import Iterator, Mapping, Optional, Tuple

import acme
from distillery.agents.core import builders
from distillery.agents.core import whole_episodes
from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import stateful_policies
from distillery.networks import acting
from distillery.networks.acting import perceptron as acting_perceptron
from distillery.networks.acting import policy_arguments
import dm_env
from dm_env import specs
import numpy as np

# The share of a task's environments that solve it in a block after which it
# rests.
_SOLVED_SHARE = 0.9


class PolicyActor(acme.Actor):
  """An actor in one environment of one task, for `acme.EnvironmentLoop`.

  It checks the environment's results as the pool does. The first observation
  sets the shape of all others. A `timestep_checks.BadValue` names the episode
  and the step of a wrong value.
  """

  def __init__(
      self,
      policy: acting.AnyPolicy,
      variable_source: acme.VariableSource,
      *,
      action_spec: specs.Array,
      task_index: int,
      seed: int,
      deterministic: bool = False,
  ):
    """Initialises the actor.

    Args:
      policy: the policy that acts.
      variable_source: a learner, or an object in its place, that serves the
        variables 'policy'.
      action_spec: the spec of an action; continuous actions are clipped to its
        bounds if it has any.
      task_index: the place of the environment's task in the suite, from 0.
      seed: the seed of the actions' noise.
      deterministic: whether to act without noise.

    Raises:
      ValueError: if the policy has no task of this index.
    """
    self._sizes = policy.sizes
    self._policy = stateful_policies.with_memory(policy)
    self._state = np.zeros((1, 1, self._policy.state_size), np.float32)
    self._source = variable_source
    self._action_spec = action_spec
    self._seed = seed
    self._task_index = policy_arguments.index_of_each(task_index, 1)
    self._rng = np.random.default_rng(seed)
    # The shape and the size of an observation, once they are known.
    self._shape: Optional[Tuple[int, ...]] = None
    self._observation_size: Optional[int] = None
    self._episode, self._step = -1, 0
    self._deterministic = deterministic
    self.update()

  def select_action(self, observation: np.ndarray) -> np.ndarray:
    rows = policy_arguments.checked_observation(
        observation, self._observation_size, max_rank=1
    )[np.newaxis, np.newaxis]
    if self._deterministic:
      action, self._state = self._policy.deterministic(
          self._selected, rows, self._state
      )
    else:
      noise = self._policy.draw_noise(self._rng, 1, (0,))
      action, _, self._state = self._policy.sample(
          self._selected, rows, noise, self._state
      )
    spec = self._action_spec
    if isinstance(spec, specs.BoundedArray) and action.dtype != np.int32:
      action = np.clip(action, spec.minimum, spec.maximum)
    return action[0, 0]

  def observe_first(self, timestep: dm_env.TimeStep) -> None:
    """Begins an episode: resets the policy's memory, and checks the step."""
    self._state = np.zeros_like(self._state)
    self._episode, self._step = self._episode + 1, 0
    with self._says_where():
      timestep_checks.first_observation(
          timestep,
          self._wanted_shape(getattr(timestep, 'observation', timestep)),
      )

  def observe(self, action: np.ndarray, next_timestep: dm_env.TimeStep) -> None:
    """Checks a step of the environment; does not store it.

    Args:
      action: the action that was taken; it is not used.
      next_timestep: the time step that the environment returned.
    """
    with self._says_where():
      timestep_checks.check_step(
          next_timestep,
          self._wanted_shape(
              getattr(next_timestep, 'observation', next_timestep)
          ),
      )
      _, reward, discount, observation = next_timestep
      number_checks.check_numbers(
          np.array([observation], np.float32),
          np.array([reward], np.float32),
          np.array([discount], np.float32),
      )
    self._step += 1

  def _wanted_shape(self, observation: np.ndarray) -> Tuple[int, ...]:
    """Returns the shape that observations must have, from the first one."""
    if self._shape is None:
      array = timestep_checks.real_numbers(observation)
      if array is None or array.ndim != 1:
        raise timestep_checks.BadValue(
            'the environment returned '
            f'{timestep_checks.brief(observation)} as observation, want real '
            'numbers of shape [D]'
        )
      self._shape = array.shape
    return self._shape

  @contextlib.contextmanager
  def _says_where(self) -> Iterator[None]:
    try:
      yield
    except timestep_checks.BadValue as error:
      raise timestep_checks.BadValue(
          f"task {self._task_index[0]} (episode {self._episode}, the actor's "
          f'seed {self._seed}, step {self._step}) failed: {error}'
      ) from None

  def update(self, wait: bool = False) -> None:
    """Fetches the policy's variables from the learner."""
    (parameters,) = self._source.get_variables(['policy'])
    num_tasks, self._observation_size = self._sizes(parameters)
    self._selected = self._policy.select_tasks(
        parameters, acting_perceptron.checked_tasks(self._task_index, num_tasks)
    )


class UnrollActor(acme.Worker):
  """An actor that collects unrolls with a pool, and inserts them in replay."""

  def __init__(
      self,
      policies: Mapping[str, acting.AnyPolicy],
      variable_source: acme.VariableSource,
      pool: pool_factory.AnyPool,
      insert: builders.Inserter,
      needs_whole_episodes: bool = False,
      rest_blocks: int = 0,
  ):
    """Initialises the actor.

    Args:
      policies: the policies that act, by name.
      variable_source: a learner, or an object in its place, that serves the
        variables 'policy'.
      pool: the pool that steps the environments.
      insert: the function that takes each block, after the name of the policy
        that acted in it.
      needs_whole_episodes: whether each block has to be one whole episode of
        each environment.
      rest_blocks: the number of blocks for which a task rests after a block in
        which it was solved. Its part of the blocks stays what it was. If all
        tasks would rest, none does.
    """
    self._rest_blocks = rest_blocks
    # For each task the number of blocks for which it still rests. Empty: none.
    self._rests = np.zeros(0, np.int64)
    self._policies = dict(policies)
    self._source = variable_source
    self._pool = pool
    self._insert = insert
    self._needs_whole_episodes = needs_whole_episodes
    self._acts: Optional[str] = None  # The name of the pool's policy.
    self.update()

  def collect(self, restart: bool = False) -> int:
    """Collects and inserts one block `[K, T, E, ...]` for each policy.

    Args:
      restart: whether every environment begins a new episode first. If there
        are several policies, they do so in any case.

    Returns:
      The number of steps, summed over environments and policies, with those of
      random starts.

    Raises:
      ValueError: if a block has to be whole episodes, and is not.
    """
    before = self._pool.num_steps
    for name, policy in self._policies.items():
      if name != self._acts:
        self._pool.set_policy(policy, self._parameters)
        self._acts = name
      block = self._collect(restart or len(self._policies) > 1)
      if self._needs_whole_episodes:
        whole_episodes.check_one_each(block)
      self._insert(name, block)
    return self._pool.num_steps - before

  def _collect(self, restart: bool) -> Mapping[str, np.ndarray]:
    """Collects a block, in which solved tasks may rest."""
    resting = [] if restart else np.flatnonzero(self._rests).tolist()
    block = self._pool.collect(restart=restart, resting=resting)
    if self._rest_blocks:
      rests = np.zeros(len(block['reward']), np.int64)
      solved = block['success'].any(axis=1).mean(axis=1) >= _SOLVED_SHARE
      rests[solved] = self._rest_blocks
      rests[resting] = self._rests[resting] - 1
      if rests.all():  # There is no other task that could get the steps.
        rests[:] = 0
      self._rests = rests
    return block

  def update(self) -> None:
    """Fetches the policy's variables from the learner."""
    (self._parameters,) = self._source.get_variables(['policy'])
    if self._acts is not None:
      self._pool.set_parameters(self._parameters)

  def run(self) -> None:
    """Collects without end."""
    while True:
      self.collect()
      self.update()
