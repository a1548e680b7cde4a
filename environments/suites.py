"""Suites by name: the Meta-World benchmarks, DAMSEL's tasks, and mazes.

A suite is a description. No simulator is built here, and Meta-World is not even
imported, so a launcher can refuse a wrong name in a moment.
"""

import difflib
import functools
from importlib import metadata
from typing import Callable, Dict, List, Sequence, Tuple

from distillery.environments import base
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import families as damsel_families
from distillery.environments.half_cheetah import bodies
from distillery.environments.mazes import suite as maze_suite
from distillery.environments.metaworld import benchmarks
from distillery.environments.metaworld import (
    environment as metaworld_environment,
)

_SINGLE = ('MT1', 'ML1')
# From the name of a suite that is not Meta-World's to itself.
_OWN: Dict[str, Callable[[str], base.TaskSuite]] = {
    'DAMSEL': functools.partial(damsel_environment.damsel_suite, sparse=False),
    'DAMSEL/sparse': functools.partial(
        damsel_environment.damsel_suite, sparse=True
    ),
    'DAMSEL/train': damsel_environment.training_suite,
    'DAMSEL/families': damsel_families.families_suite,
    'MAZES': maze_suite.maze_suite,
    'NAVIGATION': maze_suite.maze_suite,
    'HALF_CHEETAH': bodies.half_cheetah_suite,
    **{
        f'HALF_CHEETAH/{body}': bodies.half_cheetah_suite
        for body in bodies.BODIES
    },
}
_MAX_SEED = 2**32


def make_suite(
    name: str, *, seed: int, reward_function_version: str = 'v2'
) -> base.TaskSuite:
  """Describes a benchmark.

  Args:
    name: 'MT10', 'MT25', 'MT50', 'ML10', 'ML25', 'ML45', or 'MT1/<task>' or
      'ML1/<task>' with one of Meta-World's 50 tasks, e.g. 'MT1/reach-v3'; or
      'DAMSEL', 'DAMSEL/sparse', or for experts 'DAMSEL/train', without the
      tasks held out, or 'DAMSEL/families', with the target in sight; or
      'MAZES', 'NAVIGATION', 'HALF_CHEETAH' or 'HALF_CHEETAH/<body>'.
    seed: of the 50 goals of each of Meta-World's tasks, in [0, 2**32 - 1):
      those of `metaworld.MT10(seed)` and its like. Other tasks are fixed.
    reward_function_version: of Meta-World's tasks, 'v2' (in [0, 10] a step) or
      'v1' (unbounded).

  Returns:
    The suite; its `info` names the versions that its rewards depend on.

  Raises:
    ValueError: for an unknown name or version, or a seed out of range.
  """
  metaworld_environment.check_reward_function_version(reward_function_version)
  if not 0 <= seed < _MAX_SEED - 1:
    raise ValueError(f'seed: got {seed}, want an integer in [0, 2**32 - 1)')
  if name in _OWN:
    return _own_suite(name, reward_function_version)
  train: Tuple[str, ...]
  test: Tuple[str, ...]
  if name in benchmarks.MULTI_TASK:
    train, test = benchmarks.MULTI_TASK[name], ()
  elif name in benchmarks.META:
    train, test = benchmarks.META[name]
  else:
    kind, _, task_name = name.partition('/')
    if kind not in _SINGLE or task_name not in benchmarks.ALL:
      raise ValueError(_unknown(name))
    train = (task_name,)
    test = train if kind == 'ML1' else ()
  goal_visible = name.startswith('MT')
  # ML1's test tasks are its train tasks with other goals: upstream's next seed.
  test_seed = seed + 1 if name.startswith('ML1/') else seed

  def tasks(
      split: str, task_names: Sequence[str], goal_seed: int
  ) -> List[base.Task]:
    return [
        base.Task(
            name=task_name,
            family=task_name,
            split=split,
            factory=metaworld_environment.MetaWorldFactory(
                task_name,
                tuple(task_names),
                goal_seed,
                goal_visible,
                reward_function_version,
            ),
        )
        for task_name in task_names
    ]

  return base.TaskSuite(
      name=name,
      tasks=tuple(tasks('train', train, seed) + tasks('test', test, test_seed)),
      observation_spec=metaworld_environment.observation_spec(goal_visible),
      action_spec=metaworld_environment.action_spec(),
      info={
          'reward_function_version': reward_function_version,
          'metaworld': metadata.version('metaworld'),
      },
      horizon=metaworld_environment.HORIZON,
  )


def _own_suite(name: str, reward_function_version: str) -> base.TaskSuite:
  if reward_function_version != 'v2':
    raise ValueError(
        f'reward_function_version: {name} has rewards of its own, '
        f'got {reward_function_version!r}, want the default.'
    )
  return _OWN[name](name)


def suite_names() -> List[str]:
  """Every name that `make_suite` takes."""
  return (
      list(benchmarks.MULTI_TASK)
      + list(benchmarks.META)
      + list(_OWN)
      + [f'{kind}/{task}' for kind in _SINGLE for task in benchmarks.ALL]
  )


def _unknown(name: str) -> str:
  """What to say about a name that does not exist."""
  nearest = difflib.get_close_matches(name, suite_names(), n=1, cutoff=0.4)
  hint = f' Did you mean {nearest[0]!r}?' if nearest else ''
  groups = ', '.join([*benchmarks.MULTI_TASK, *benchmarks.META, *_OWN])
  return (
      f'suite: got {name!r}, want one of {groups}, or MT1/<task> or ML1/<task> '
      f"with a Meta-World task such as 'MT1/reach-v3'.{hint}"
  )
