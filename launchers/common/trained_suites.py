"""Makes the suite that a run was trained on, from the run's records."""

import dataclasses
import pathlib
from typing import Any, Dict, Tuple

from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import user_paths
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.suites import contexts
from distillery.environments.suites import goals as goal_suites


def read(run_dir: str) -> Tuple[Dict[str, Any], base.TaskSuite]:
  """Returns a run's config.json and its suite.

  The suite must be one that `suites.make_suite` knows, or be made from one by
  `contexts.partition` or `goals.split`.

  Raises:
    OSError: if the run has no versions.json.
    ValueError: if the directory holds no run, or its records cannot be read.
  """
  path = pathlib.Path(user_paths.expand(run_dir))
  config = json_files.read_config(path, suite=str, seed=int, tasks=list)
  info = json_files.read(path / 'versions.json')
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
  # Tasks may have been left out of the run.
  return dataclasses.replace(
      suite,
      tasks=tuple(
          task
          for task in suite.tasks
          if f'{task.name} ({task.split})' in config['tasks']
      ),
  )
