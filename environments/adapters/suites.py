"""Makes suites of a user's own environments.

def cheetah(seed, **options):
  return gymnasium.make('HalfCheetah-v5', **options)

suite = adapters.suite_from_factories('Cheetahs', {
    'run': cheetah,
    'lazy': functools.partial(cheetah, ctrl_cost_weight=1.),
}, score='return')
"""

import dataclasses
import pickle
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from distillery.environments import base
from distillery.environments import pickling
from distillery.environments.adapters import environments
from distillery.environments.pool import argument_checks
from dm_env import specs
import numpy as np


@dataclasses.dataclass(frozen=True)
class AdaptedFactory:
  """A factory that wraps the environments of a user's factory."""

  factory: Callable[[int], Any]

  def __call__(self, seed: int) -> base.TaskEnvironment:
    """Makes an environment; see `environments.make_task_environment`."""
    return environments.make_task_environment(self.factory, seed)


def suite_from_factories(
    name: str,
    factories: Mapping[str, Callable[[int], Any]],
    score: str = 'success',
    *,
    horizon: Optional[int] = None,
) -> base.TaskSuite:
  """Makes a suite of train tasks from a user's factories.

  This makes every environment once, to check that all have the same specs. In
  training and in evaluation, the factory is called once for each environment.
  For a `dm_env.Environment` it is called again at the beginning of every
  episode, as dm_env has no other way to seed one. If that takes long, return a
  TaskEnvironment instead: its `reset` takes the seed.

  Args:
    name: the suite's name.
    factories: the function that makes the environment from a seed, by the name
      of the task. It returns a TaskEnvironment, any `dm_env.Environment` or any
      `gymnasium.Env`. It is pickled for the workers, which import it. So it is
      a function or class of a module, or a `functools.partial` of one. A script
      that has a `__main__` guard and is run as a file may also define it
      itself, but not for a distributed program of many processes.
    score: the measure of a policy's quality: 'success', which `environments`
      reads from an environment, or 'return'.
    horizon: the number of steps of every episode, or None if it varies or is
      unknown.

  Returns:
    The suite, with one train task for each factory.

  Raises:
    ValueError: if a worker could not import a factory, if a factory fails, if
      an environment cannot be used, if tasks do not share one observation and
      action spec, or if `horizon` is not positive. The message names the tasks.
  """
  if horizon is not None:
    argument_checks.check_counts(horizon=horizon)
  if not factories:
    raise ValueError(
        f'factories of suite {name!r}: got none, want at least one'
    )
  tasks, found = [], {}
  for task_name, factory in factories.items():
    _check_goes_to_workers(task_name, factory)
    task = base.Task(task_name, name, 'train', AdaptedFactory(factory))
    tasks.append(task)
    found[task_name] = _specs(task)
  _check_shared(
      name, {k: v[0].shape for k, v in found.items()}, 'observations of shape'
  )
  _check_shared(
      name, {k: _describe_action(v[1]) for k, v in found.items()}, 'actions'
  )
  observation_spec, action_spec = found[tasks[0].name]
  return base.TaskSuite(
      name,
      tuple(tasks),
      observation_spec,
      action_spec,
      score=score,
      horizon=horizon,
  )


def _check_goes_to_workers(
    task_name: str, factory: Callable[[int], Any]
) -> None:
  what = f'factory of task {task_name!r}: got {factory!r}, which'
  data = pickling.dump(factory, what)
  try:
    pickle.loads(data)  # noqa: S301  # It was pickled in the line above.
  except Exception as error:
    raise ValueError(
        f'{what} can be pickled but cannot be unpickled again '
        f'({type(error).__name__}: {error})'
    ) from error


def _specs(task: base.Task) -> Tuple[specs.Array, specs.Array]:
  try:
    environment = task.factory(0)
  except Exception as error:
    raise ValueError(
        f'factory of task {task.name!r} failed: {type(error).__name__}: '
        f'{error}'
    ) from error
  try:
    return environment.observation_spec(), environment.action_spec()
  finally:
    environment.close()


def _describe_action(spec: specs.Array) -> str:
  if isinstance(spec, specs.DiscreteArray):
    return f'one of {spec.num_values}'
  bounds = ''
  if isinstance(spec, specs.BoundedArray):
    low, high = (
        np.broadcast_to(bound, spec.shape).tolist()
        for bound in (spec.minimum, spec.maximum)
    )
    bounds = f' in {low} to {high}'
  return f'of shape {spec.shape}{bounds}'


def _check_shared(name: str, found: Mapping[str, Any], what: str) -> None:
  groups: Dict[Any, List[str]] = {}
  for task_name, value in found.items():
    groups.setdefault(value, []).append(task_name)
  if len(groups) > 1:
    differing = '; '.join(
        f'{", ".join(map(repr, tasks))}: {value}'
        for value, tasks in groups.items()
    )
    raise ValueError(
        f'suite {name!r}: its tasks must share one observation and one action '
        f'spec, got different {what}: {differing}'
    )
