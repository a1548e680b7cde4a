"""What a pool is handed: checked at once, and made ready for its workers."""

from typing import Any, List, Mapping, Sequence

from distillery.environments import base
from distillery.environments import shared_arrays
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
  """Raises ValueError if there are no tasks, or one is there twice."""
  if not tasks:
    raise ValueError('tasks: got none, want at least one')
  names = [(task.name, task.split) for task in tasks]
  duplicates = sorted({name for name in names if names.count(name) > 1})
  if duplicates:
    raise ValueError(f'tasks: got {duplicates} more than once, want each once')


def check_specs(observation_spec: specs.Array, action_spec: specs.Array
                ) -> None:
  """Raises ValueError unless blocks of both can be laid out."""
  if len(observation_spec.shape) != 1:
    raise ValueError(
        f'observation_spec: got {observation_spec}, want shape [D]')
  is_discrete = isinstance(action_spec, specs.DiscreteArray)
  if not is_discrete and (
      len(action_spec.shape) != 1 or action_spec.dtype != np.float32):
    raise ValueError(f'action_spec: got {action_spec}, want float32 of shape '
                     '[A], or a DiscreteArray')


def check_timeout(env_timeout_s: float) -> None:
  """Raises ValueError unless it is a positive number of seconds."""
  if not 0. < env_timeout_s < float('inf'):
    raise ValueError(
        f'env_timeout_s: got {env_timeout_s}, want a positive number')


def check_same_layout(have: Mapping[str, np.ndarray],
                      got: Mapping[str, np.ndarray]) -> None:
  """Raises ValueError unless `got` has the names and shapes of `have`."""
  missing, unknown = sorted(set(have) - set(got)), sorted(set(got) - set(have))
  if missing or unknown:
    raise ValueError(
        'parameters: got other names than those of set_policy; missing '
        f'{missing}, unknown {unknown}')
  for name, array in have.items():
    if np.shape(got[name]) != array.shape:
      raise ValueError(f'parameters[{name!r}]: got shape {np.shape(got[name])},'
                       f' want {array.shape} as in set_policy')


def share(parameters: Mapping[str, Any]) -> shared_arrays.SharedArrays:
  """Copies parameters into a new shared segment.

  Raises:
    ValueError: if one is not an array of numbers.
  """
  arrays = {name: np.asarray(value) for name, value in parameters.items()}
  for name, array in arrays.items():
    if array.dtype.hasobject:
      raise ValueError(
          f'parameters[{name!r}]: got dtype {array.dtype}, want numbers')
  segment = shared_arrays.SharedArrays.create(
      {name: (array.shape, array.dtype) for name, array in arrays.items()})
  for name, array in arrays.items():
    segment[name][...] = array
  return segment


def check_forgetful(policy: Any) -> None:
  """Raises ValueError if a policy wants a state kept from step to step."""
  if getattr(policy, 'state_size', 0):
    raise ValueError(
        f'policy: a {type(policy).__name__} remembers, which is of use in '
        'suites that are stepped as arrays (make_batch), such as MAZES; want '
        'one without an LSTM')


def task_indices(tasks: Sequence[base.Task], own: Sequence[base.Task]
                 ) -> List[int]:
  """The index of each task to evaluate, as `Pool.evaluate` documents it."""
  known = {(task.name, task.split): i for i, task in enumerate(own)}
  indices = []
  for position, task in enumerate(tasks):
    before = sum(other.split == task.split for other in tasks[:position])
    indices.append(known.get((task.name, task.split), before))
  return indices


def _is_integer(value: Any) -> bool:
  return (isinstance(value, (int, np.integer))
          and not isinstance(value, (bool, np.bool_)))
