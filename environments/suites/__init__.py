"""Makes a suite from its name: Meta-World, DAMSEL, mazes or half-cheetahs.

A suite is a description. This module builds no simulator and does not even
import Meta-World, so a launcher refuses a wrong name at once. The modules
beside it make suites out of other suites.
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
# The functions that make the suites outside Meta-World, by the suite's name.
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
  """Makes the suite of a benchmark.

  Args:
    name: the name of the suite, one of the following.
      Meta-World: 'MT10', 'MT25', 'MT50', 'ML10', 'ML25', 'ML45', or
        'MT1/<task>' or 'ML1/<task>' with one of Meta-World's 50 tasks, e.g.
        'MT1/reach-v3'.
      DAMSEL: 'DAMSEL' or 'DAMSEL/sparse'; for experts, 'DAMSEL/train', which
        lacks the held-out tasks, or 'DAMSEL/families', whose observations show
        the target.
      Others: 'MAZES', 'NAVIGATION', 'HALF_CHEETAH' or 'HALF_CHEETAH/<body>'.
    seed: the seed of the goals of Meta-World's tasks, in [0, 2**32 - 1). The
      50 goals of each task are those of `metaworld.MT10(seed)` or the same
      class of another benchmark. Suites outside Meta-World do not use it.
    reward_function_version: the version of Meta-World's rewards, 'v2' (in
      [0, 10] a step) or 'v1' (unbounded). Other suites take only 'v2'.

  Returns:
    The suite; its `info` has the versions that its rewards depend on.

  Raises:
    ValueError: if the name or the version is unknown, or the seed is out of
      range.
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
  # ML1 tests on its train task with other goals: those of the next seed, as in
  # Meta-World.
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
  """Returns every name that `make_suite` accepts."""
  return (
      list(benchmarks.MULTI_TASK)
      + list(benchmarks.META)
      + list(_OWN)
      + [f'{kind}/{task}' for kind in _SINGLE for task in benchmarks.ALL]
  )


def _unknown(name: str) -> str:
  """Returns the error message for an unknown name."""
  nearest = difflib.get_close_matches(name, suite_names(), n=1, cutoff=0.4)
  hint = f' Did you mean {nearest[0]!r}?' if nearest else ''
  groups = ', '.join([*benchmarks.MULTI_TASK, *benchmarks.META, *_OWN])
  return (
      f'suite: got {name!r}, want one of {groups}, or MT1/<task> or ML1/<task> '
      f"with a Meta-World task such as 'MT1/reach-v3'.{hint}"
  )
