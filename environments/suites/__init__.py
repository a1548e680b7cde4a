"""Makes a suite from its name: Meta-World, DAMSEL, mazes or half-cheetahs.

A suite is a description. This module builds no simulator and does not even
import Meta-World, so a launcher refuses a wrong name at once. The modules
beside it make suites out of other suites.
"""

import difflib
import functools
from importlib import metadata
from typing import Callable, Dict, List, Literal, NamedTuple, Sequence, Tuple

from distillery.environments import base
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import families as damsel_families
from distillery.environments.half_cheetah import bodies
from distillery.environments.mazes import suite as maze_suite
from distillery.environments.metaworld import benchmarks
from distillery.environments.metaworld import (
    environment as metaworld_environment,
)
from distillery.environments.suites import user_suites

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
        'MT1/reach-v3'; 'MT/<tasks>' or 'ML/<train tasks>/<test tasks>' with
        tasks of one's own choice, e.g. 'MT/push-v3,peg-insert-side-v3'. A list
        of tasks may hold 'easy', 'medium', 'hard' and 'very_hard', which stand
        for all tasks of that difficulty (Seo et al. 2022).
      DAMSEL: 'DAMSEL' or 'DAMSEL/sparse'; for experts, 'DAMSEL/train', which
        lacks the held-out tasks, or 'DAMSEL/families', whose observations show
        the target.
      Others: 'MAZES', 'NAVIGATION', 'HALF_CHEETAH' or 'HALF_CHEETAH/<body>'.
      Yours: 'my_module:my_suite'; see `user_suites.load`.
    seed: the seed of the goals of Meta-World's tasks, in [0, 2**32 - 1). The
      50 goals of each task are those of `metaworld.MT10(seed)` or the same
      class of another benchmark. With 'MT/<tasks>', task i has the goals of
      `metaworld.MT1(task, seed + i)`, as in `Meta-World/custom-mt-envs`. Suites
      outside Meta-World do not use it.
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
  if ':' in name:
    _check_rewards(name, reward_function_version)
    return user_suites.load(name, seed)
  if name in _OWN:
    return _own_suite(name, reward_function_version)
  streams = _goal_streams(name, seed)
  goal_visible = name.startswith('MT')
  tasks = tuple(
      base.Task(
          name=task_name,
          family=task_name,
          split=stream.split,
          factory=metaworld_environment.MetaWorldFactory(
              task_name,
              stream.tasks,
              stream.seed,
              goal_visible,
              reward_function_version,
          ),
      )
      for stream in streams
      for task_name in stream.tasks
  )
  return base.TaskSuite(
      name=name,
      tasks=tasks,
      observation_spec=metaworld_environment.observation_spec(goal_visible),
      action_spec=metaworld_environment.action_spec(),
      info={
          'reward_function_version': reward_function_version,
          'metaworld': metadata.version('metaworld'),
      },
      horizon=metaworld_environment.HORIZON,
      seconds_per_step=metaworld_environment.SECONDS_PER_STEP,
  )


class _GoalStream(NamedTuple):
  """Tasks whose goals are drawn from one random stream, one after another."""

  split: Literal['train', 'test']
  tasks: Tuple[str, ...]
  seed: int


def _goal_streams(name: str, seed: int) -> List[_GoalStream]:
  """Returns the tasks of a Meta-World suite, in its order."""
  kind, *lists = name.split('/')
  if name in benchmarks.MULTI_TASK:
    return [_GoalStream('train', benchmarks.MULTI_TASK[name], seed)]
  if name in benchmarks.META:
    train, test = benchmarks.META[name]
  elif kind == 'MT1' and len(lists) == 1 and lists[0] in benchmarks.ALL:
    return [_GoalStream('train', (lists[0],), seed)]
  elif kind == 'ML1' and len(lists) == 1 and lists[0] in benchmarks.ALL:
    # ML1 tests on its train task with other goals: those of the next seed, as
    # in Meta-World.
    return [
        _GoalStream('train', (lists[0],), seed),
        _GoalStream('test', (lists[0],), seed + 1),
    ]
  elif kind == 'MT' and len(lists) == 1:
    return [
        _GoalStream('train', (task_name,), (seed + i) % _MAX_SEED)
        for i, task_name in enumerate(_chosen(name, lists[0]))
    ]
  elif kind == 'ML' and len(lists) == 2:
    train, test = (_chosen(name, chosen) for chosen in lists)
    both = sorted(set(train) & set(test))
    if both:
      raise ValueError(
          f'suite: {name!r} trains and tests on {", ".join(both)}; want each '
          'task in one of the two lists.'
      )
  else:
    raise ValueError(_unknown(name))
  return [_GoalStream('train', train, seed), _GoalStream('test', test, seed)]


def _chosen(name: str, chosen: str) -> Tuple[str, ...]:
  """Returns the tasks of a list in a suite's name.

  Args:
    name: the name of the suite, for error messages.
    chosen: tasks and difficulties with commas between them.

  Raises:
    ValueError: if an entry is unknown, or a task is there twice.
  """
  tasks: List[str] = []
  for entry in chosen.split(','):
    if entry not in benchmarks.DIFFICULTY and entry not in benchmarks.ALL:
      known = [*benchmarks.ALL, *benchmarks.DIFFICULTY]
      raise ValueError(
          f'suite: got {entry!r} in {name!r}, want Meta-World tasks such as '
          f'push-v3, or {", ".join(benchmarks.DIFFICULTY)}, with commas between '
          f'them.{_hint(entry, known)}'
      )
    tasks.extend(benchmarks.DIFFICULTY.get(entry, (entry,)))
  twice = sorted({task for task in tasks if tasks.count(task) > 1})
  if twice:
    raise ValueError(
        f'suite: got {", ".join(twice)} twice in {name!r}; want each task once.'
    )
  return tuple(tasks)


def _own_suite(name: str, reward_function_version: str) -> base.TaskSuite:
  _check_rewards(name, reward_function_version)
  return _OWN[name](name)


def _check_rewards(name: str, reward_function_version: str) -> None:
  if reward_function_version != 'v2':
    raise ValueError(
        f'reward_function_version: {name} has rewards of its own, '
        f'got {reward_function_version!r}, want the default.'
    )


def suite_names() -> List[str]:
  """Returns the names that `make_suite` accepts, without lists of tasks."""
  return (
      list(benchmarks.MULTI_TASK)
      + list(benchmarks.META)
      + list(_OWN)
      + [f'{kind}/{task}' for kind in _SINGLE for task in benchmarks.ALL]
  )


def _unknown(name: str) -> str:
  """Returns the error message for an unknown name."""
  groups = ', '.join([*benchmarks.MULTI_TASK, *benchmarks.META, *_OWN])
  return (
      f'suite: got {name!r}, want one of {groups}, MT1/<task> or ML1/<task> '
      "with a Meta-World task such as 'MT1/reach-v3', or MT/<tasks> or "
      "ML/<train tasks>/<test tasks> such as 'MT/push-v3,reach-v3', or "
      'my_module:my_suite.'
      f'{_hint(name, suite_names())}'
  )


def _hint(name: str, known: Sequence[str]) -> str:
  """Returns a sentence with the known name that is most like `name`, or ''."""
  nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
  return f' Did you mean {nearest[0]!r}?' if nearest else ''
