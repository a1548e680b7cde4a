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
from typing import Any, Callable, Dict, List, Mapping, Tuple

from distillery.environments import adapters
from distillery.environments import base
from dm_env import specs
import numpy as np


@dataclasses.dataclass(frozen=True)
class AdaptedFactory:
  """Makes task environments out of what a user's factory returns."""
  factory: Callable[[int], Any]

  def __call__(self, seed: int) -> base.TaskEnvironment:
    """See `adapters.make_task_environment`."""
    return adapters.make_task_environment(self.factory, seed)


def suite_from_factories(
    name: str, factories: Mapping[str, Callable[[int], Any]],
    score: str = 'success',
) -> base.TaskSuite:
  """A suite of tasks to train on.

  Makes every environment once, to see that they go together.

  Args:
    name: of the suite.
    factories: task name -> function that makes the environment from a seed: a
      TaskEnvironment, any `dm_env.Environment` or any `gymnasium.Env`. It is
      pickled on its way to the workers, so it is a function or class of a
      module, or a `functools.partial` of one.
    score: what says how good a policy is: 'success', which `adapters` reads
      off an environment, or 'return'.

  Raises:
    ValueError: if a factory cannot be pickled or fails, if an environment
      cannot be used, or if tasks do not share one observation and action spec;
      names the tasks.
  """
  if not factories:
    raise ValueError(
        f'factories of suite {name!r}: got none, want at least one')
  tasks, found = [], {}
  for task_name, factory in factories.items():
    _check_picklable(task_name, factory)
    task = base.Task(task_name, name, 'train', AdaptedFactory(factory))
    tasks.append(task)
    found[task_name] = _specs(task)
  _check_shared(name, {k: v[0].shape for k, v in found.items()},
                'observations of shape')
  _check_shared(name, {k: _describe_action(v[1]) for k, v in found.items()},
                'actions')
  observation_spec, action_spec = found[tasks[0].name]
  return base.TaskSuite(
      name, tuple(tasks), observation_spec, action_spec, score=score)


def _check_picklable(task_name: str, factory: Callable[[int], Any]) -> None:
  try:
    pickle.dumps(factory)
  except Exception as error:
    raise ValueError(
        f'factory of task {task_name!r}: got {factory!r}, which cannot be sent '
        f'to a worker process ({error}); want a function of a module or a '
        'functools.partial of one, not a lambda') from error


def _specs(task: base.Task) -> Tuple[specs.Array, specs.Array]:
  try:
    environment = task.factory(0)
  except Exception as error:
    raise ValueError(
        f'factory of task {task.name!r} failed: {type(error).__name__}: '
        f'{error}') from error
  try:
    return environment.observation_spec(), environment.action_spec()
  finally:
    environment.close()


def _describe_action(spec: specs.Array) -> str:
  if isinstance(spec, specs.DiscreteArray):
    return f'one of {spec.num_values}'
  bounds = ''
  if isinstance(spec, specs.BoundedArray):
    low, high = (np.broadcast_to(bound, spec.shape).tolist()
                 for bound in (spec.minimum, spec.maximum))
    bounds = f' in {low} to {high}'
  return f'of shape {spec.shape}{bounds}'


def _check_shared(name: str, found: Mapping[str, Any], what: str) -> None:
  groups: Dict[Any, List[str]] = {}
  for task_name, value in found.items():
    groups.setdefault(value, []).append(task_name)
  if len(groups) > 1:
    differing = '; '.join(
        f'{", ".join(map(repr, tasks))}: {value}'
        for value, tasks in groups.items())
    raise ValueError(
        f'suite {name!r}: its tasks must share one observation and one action '
        f'spec, got different {what}: {differing}')
