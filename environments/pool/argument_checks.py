"""Checks a pool's arguments and prepares them for its workers."""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from distillery.environments import base
from distillery.environments.pool import shared_arrays
from distillery.environments.pool import stateful_policies
from dm_env import specs
import numpy as np


def check_counts(**counts: Any) -> None:
  """Raises ValueError unless every argument is a positive integer."""
  for name, value in counts.items():
    if not _is_integer(value) or value < 1:
      raise ValueError(f'{name}: got {value!r}, want a positive integer')


def check_seed(seed: Any) -> None:
  """Raises ValueError unless `seed` is an integer that is not negative."""
  if not _is_integer(seed) or seed < 0:
    raise ValueError(f'seed: got {seed!r}, want an integer of at least 0')


def check_tasks(tasks: Sequence[base.Task]) -> None:
  """Raises ValueError if there are no tasks, or a task occurs twice."""
  if not tasks:
    raise ValueError('tasks: got none, want at least one')
  names = [(task.name, task.split) for task in tasks]
  duplicates = sorted({name for name in names if names.count(name) > 1})
  if duplicates:
    raise ValueError(f'tasks: got {duplicates} more than once, want each once')


def check_specs(
    observation_spec: specs.Array, action_spec: specs.Array
) -> None:
  """Checks that a pool can lay out blocks of the observations and actions.

  Args:
    observation_spec: the spec of an observation.
    action_spec: the spec of an action.

  Raises:
    ValueError: unless observations have the shape [D], and actions are float32
      of shape [A] or a DiscreteArray.
  """
  if len(observation_spec.shape) != 1:
    raise ValueError(
        f'observation_spec: got {observation_spec}, want shape [D]'
    )
  is_discrete = isinstance(action_spec, specs.DiscreteArray)
  if not is_discrete and (
      len(action_spec.shape) != 1 or action_spec.dtype != np.float32
  ):
    raise ValueError(
        f'action_spec: got {action_spec}, want float32 of shape '
        '[A], or a DiscreteArray'
    )


def check_timeout(env_timeout_s: float) -> None:
  """Raises ValueError unless the timeout is a positive number of seconds."""
  if not 0.0 < env_timeout_s < float('inf'):
    raise ValueError(
        f'env_timeout_s: got {env_timeout_s}, want a positive number'
    )


def check_train_episode_steps(train_episode_steps: Optional[int]) -> None:
  """Raises ValueError unless it is None or a positive integer."""
  if train_episode_steps is not None:
    check_counts(train_episode_steps=train_episode_steps)


def check_random_start_steps(random_start_steps: Any) -> None:
  """Raises ValueError unless it is an integer that is not negative."""
  if not _is_integer(random_start_steps) or random_start_steps < 0:
    raise ValueError(
        f'random_start_steps: got {random_start_steps!r}, want an integer of '
        'at least 0'
    )


def check_same_layout(
    have: Mapping[str, np.ndarray], got: Mapping[str, np.ndarray]
) -> None:
  """Checks that new parameters can replace the parameters of `set_policy`.

  Args:
    have: the parameters of `set_policy`, by name.
    got: the new parameters, by name.

  Raises:
    ValueError: if names or shapes differ, or a cast would lose digits.
  """
  missing, unknown = sorted(set(have) - set(got)), sorted(set(got) - set(have))
  if missing or unknown:
    raise ValueError(
        'parameters: got other names than those of set_policy; missing '
        f'{missing}, unknown {unknown}'
    )
  for name, array in have.items():
    if np.shape(got[name]) != array.shape:
      raise ValueError(
          f'parameters[{name!r}]: got shape {np.shape(got[name])},'
          f' want {array.shape} as in set_policy'
      )
    dtype = np.asarray(got[name]).dtype
    if not np.can_cast(dtype, array.dtype, 'same_kind'):
      raise ValueError(
          f'parameters[{name!r}]: got dtype {dtype}, want '
          f'{array.dtype} as in set_policy'
      )


def as_arrays(parameters: Mapping[str, Any]) -> Dict[str, np.ndarray]:
  """Returns parameters as arrays, by name, without copying arrays.

  Raises:
    ValueError: if the parameters are not a mapping, or one is not an array of
      numbers.
  """
  if not isinstance(parameters, Mapping):
    raise ValueError(
        f'parameters: got a {type(parameters).__name__}, want a '
        'mapping from names to arrays'
    )
  arrays = {name: np.asarray(value) for name, value in parameters.items()}
  for name, array in arrays.items():
    if array.dtype.kind not in 'biuf':
      raise ValueError(
          f'parameters[{name!r}]: got dtype {array.dtype}, want numbers'
      )
  return arrays


def share(parameters: Mapping[str, Any]) -> shared_arrays.SharedArrays:
  """Copies parameters into a new shared segment.

  Raises:
    ValueError: see `as_arrays`.
  """
  arrays = as_arrays(parameters)
  segment = shared_arrays.SharedArrays.create(
      {name: (array.shape, array.dtype) for name, array in arrays.items()}
  )
  for name, array in arrays.items():
    segment[name][...] = array
  return segment


def check_forgetful(policy: Any) -> None:
  """Raises ValueError if a policy has a memory, or has no `state_size`."""
  if stateful_policies.state_size(policy):
    raise ValueError(
        f'policy: a {type(policy).__name__} remembers earlier steps, which '
        'only suites that are stepped as arrays (make_batch) support, such as '
        'MAZES; want a policy without an LSTM'
    )


def task_indices(
    tasks: Sequence[base.Task], own: Sequence[base.Task]
) -> List[int]:
  """Returns the index of each task to evaluate; see `Pool.evaluate`.

  Args:
    tasks: the tasks to evaluate.
    own: the tasks of the pool.

  Returns:
    The index of each task: its index in the pool, or, if it is not a task of
    the pool, its position among the tasks of its split in `tasks`.
  """
  known = {(task.name, task.split): i for i, task in enumerate(own)}
  indices = []
  for position, task in enumerate(tasks):
    before = sum(other.split == task.split for other in tasks[:position])
    indices.append(known.get((task.name, task.split), before))
  return indices


def counters_of(
    state: Mapping[str, Any], shape: Tuple[int, ...], caller: str
) -> Tuple[np.ndarray, int]:
  """Returns the counters in a pool's state.

  Args:
    state: the value that the method `state` of such a pool returned.
    shape: (K, E), the numbers of tasks and of environments of each task.
    caller: the name of the calling method, for the error message.

  Returns:
    The number of episodes that each environment has begun, int [K, E], and the
    number of blocks.

  Raises:
    ValueError: if the state lacks a counter, has an invalid one, or belongs to
      a pool with other numbers of tasks or environments.
  """
  missing = sorted({'episodes_begun', 'num_blocks'} - set(state))
  if missing:
    raise ValueError(f'{caller}: got a state without {missing}')
  begun, num_blocks = np.asarray(state['episodes_begun']), state['num_blocks']
  if begun.shape != shape:
    raise ValueError(
        f'{caller}: got the state of [tasks, environments] '
        f'{begun.shape}, want {shape}'
    )
  if (
      begun.dtype.kind not in 'iu'
      or (begun < 0).any()
      or not _is_integer(num_blocks)
      or num_blocks < 0
  ):
    raise ValueError(
        f'{caller}: got episodes_begun={begun.tolist()} and num_blocks='
        f'{num_blocks!r}, want integers of at least 0'
    )
  return begun, int(num_blocks)


def _is_integer(value: Any) -> bool:
  return isinstance(value, (int, np.integer)) and not isinstance(
      value, (bool, np.bool_)
  )
