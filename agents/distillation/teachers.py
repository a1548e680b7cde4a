"""Frozen policies, one for each task, read from the runs that trained them."""

import dataclasses
import json
import pathlib
from typing import Dict, List, NamedTuple, Sequence

from distillery.agents.core import checkpoints
from distillery.networks import multi_head_acting
import numpy as np


class Teachers(NamedTuple):
  """K policies of the same sizes.

  Attributes:
    policy: what acts with the parameters of all of them; their names have a
      prefix there.
    parameters: by name, each `[K, ...]`.
  """
  policy: multi_head_acting.MultiHeadPolicy
  parameters: Dict[str, np.ndarray]


def read(run_dirs: Sequence[str], task_names: Sequence[str]) -> Teachers:
  """Takes the teacher of each task from whichever run was trained on it.

  Args:
    run_dirs: of runs whose task policies are `MultiHeadPolicy`, as A2C's.
    task_names: K tasks.

  Raises:
    ValueError: if a task has no teacher or several, or teachers are of another
      kind or of different sizes; says which.
  """
  found: Dict[str, Teachers] = {}
  for run_dir in run_dirs:
    loaded = checkpoints.load_policy(pathlib.Path(run_dir), 'task')
    if not isinstance(loaded.policy, multi_head_acting.MultiHeadPolicy):
      raise ValueError(
          f'teachers: the policy in {run_dir} is a '
          f'{type(loaded.policy).__name__}; want runs of A2C.')
    for index, name in enumerate(_tasks_of(run_dir)):
      if name in found:
        raise ValueError(f'teachers: {name} has more than one; {run_dir} has '
                         'the second.')
      found[name] = Teachers(loaded.policy, {
          # One for all tasks of a run, or each task's own.
          key: value[index if len(value) > 1 else 0]
          for key, value in loaded.parameters.items()})
  missing = [name for name in task_names if name not in found]
  if missing:
    raise ValueError(f'teachers: none for {", ".join(missing)}; those given '
                     f'are of {", ".join(found)}.')
  chosen = [found[name] for name in task_names]
  shapes = {str({key: value.shape for key, value in one.parameters.items()})
            for one in chosen}
  if len(shapes) > 1:
    raise ValueError('teachers: they are of different sizes: '
                     + ' and '.join(sorted(shapes)) + '.')
  policy = chosen[0].policy
  if any(one.policy != policy for one in chosen):
    raise ValueError(
        'teachers: they act in different ways, for instance with another '
        'noise_color; want runs with the same settings.')
  return Teachers(
      dataclasses.replace(policy, prefix='teacher/'),
      {key: np.stack([one.parameters[key] for one in chosen])
       for key in chosen[0].parameters})


def _tasks_of(run_dir: str) -> List[str]:
  """Names of the tasks that a run was trained on, in order."""
  tasks = json.loads(
      (pathlib.Path(run_dir) / 'config.json').read_text())['tasks']
  return [task.rpartition(' (')[0] for task in tasks
          if task.endswith('(train)')]
