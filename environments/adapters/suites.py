"""Suites of a user's own environments.

def cheetah(seed, **options):
  return gymnasium.make('HalfCheetah-v5', **options)

suite = user_suites.suite_from_factories('Cheetahs', {
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
  """Makes task environments out of what a user's factory returns."""

  factory: Callable[[int], Any]

  def __call__(self, seed: int) -> base.TaskEnvironment:
    """See `environments.make_task_environment`."""
    return environments.make_task_environment(self.factory, seed)


def suite_from_factories(
    name: str,
    factories: Mapping[str, Callable[[int], Any]],
    score: str = 'success',
    *,
    horizon: Optional[int] = None,
) -> base.TaskSuite:
  """Makes a suite of tasks to train on.

  Makes every environment once, to see that they go together. In training and
  in evaluation a factory is called once for each environment, and for a
  `dm_env.Environment` again at the beginning of every episode, as dm_env has no
  other way to seed one. If that takes long, return a TaskEnvironment: its
  `reset` takes the seed.

  Args:
    name: the suite's name.
    factories: task name -> function that makes the environment from a seed: a
      TaskEnvironment, any `dm_env.Environment` or any `gymnasium.Env`. It is
      pickled on its way to the workers, which import it: it is a function or
      class of a module, or a `functools.partial` of one. In a script with a
      `__main__` guard that is run as a file, but for programs of many
      processes, it may also be the script's own.
    score: what says how good a policy is: 'success', which `environments` reads
      off an environment, or 'return'.
    horizon: the steps of every episode; None if they vary, or are not known.

  Raises:
    ValueError: if a worker could not import a factory, if one fails, if an
      environment cannot be used, if tasks do not share one observation and
      action spec, or if `horizon` is not positive; names the tasks.
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
        f'{what} can be pickled and not be unpickled again '
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
