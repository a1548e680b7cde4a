"""The suite that a run was trained on, made anew from what it recorded."""

import dataclasses
import pathlib
from typing import Any, Dict, Tuple

from distillery.agents.core import run_directory
from distillery.agents.core.run_files import user_paths
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.derived import contexts
from distillery.environments.derived import goals as goal_suites


def read(run_dir: str) -> Tuple[Dict[str, Any], base.TaskSuite]:
  """A run's config.json, and its suite, which has to have a name or a recipe.

  Raises:
    ValueError: if there is no run, or its records cannot be read.
  """
  path = pathlib.Path(user_paths.expand(run_dir))
  try:
    config = run_directory.read_json(
        path / 'config.json', suite=str, seed=int, tasks=list
    )
    info = run_directory.read_json(path / 'versions.json')
  except FileNotFoundError:
    raise ValueError(f'run_dir {run_dir!r} holds no run.') from None
  try:
    return config, _make(config, info)
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise ValueError(f'cannot read the config in {path}: {error}') from error


def _make(config: Dict[str, Any], info: Dict[str, Any]) -> base.TaskSuite:
  whole = info.get(
      'partitioned_suite', info.get('undivided_suite', config['suite'])
  )
  suite = suites.make_suite(
      whole,
      seed=config['seed'],
      reward_function_version=info.get('reward_function_version', 'v2'),
  )
  if 'partitioned_task' in info:
    return contexts.partition(
        suite,
        info['partitioned_task'],
        int(info['num_contexts']),
        seed=int(info['partition_seed']),
        num_resets=int(info['partition_resets']),
    )
  if 'undivided_suite' in info:
    return goal_suites.split(suite, int(info['goals_per_task']))
  # Some may have been left out.
  return dataclasses.replace(
      suite,
      tasks=tuple(
          task
          for task in suite.tasks
          if f'{task.name} ({task.split})' in config['tasks']
      ),
  )
