"""The teachers: frozen policies, read from the runs that trained them."""

import dataclasses
import pathlib
from typing import Dict, NamedTuple, Sequence

from distillery.agents.core.run_files import checkpoints
from distillery.networks.acting import multi_head as acting_multi_head
import numpy as np


class Teachers(NamedTuple):
  """The teachers of K tasks, policies with layers of the same sizes.

  Attributes:
    policy: the NumPy policy that acts as the teacher of each task. It looks its
      parameters up by their name after the prefix 'teacher/'.
    parameters: the parameters of all teachers by name, without the prefix, each
      `[K, ...]`.
  """

  policy: acting_multi_head.MultiHeadPolicy
  parameters: Dict[str, np.ndarray]


class _Teacher(NamedTuple):
  """The teacher of one task, and the directory of its run."""

  run_dir: str
  policy: acting_multi_head.MultiHeadPolicy
  parameters: Dict[str, np.ndarray]


def read(
    run_dirs: Sequence[str], task_names: Sequence[str], *, act: bool
) -> Teachers:
  """Reads the teacher of each task from the run that was trained on the task.

  Args:
    run_dirs: the directories of runs whose task policies are
      `MultiHeadPolicy`, as those of A2C are.
    task_names: the names of the K tasks.
    act: whether the teachers will act; then all must act in the same way, for
      instance with noise of the same color.

  Returns:
    The teachers, in the order of the tasks.

  Raises:
    ValueError: if a task has no teacher or several, or if the teachers are of
      another kind, have different sizes or act in different ways. The message
      says which.
  """
  found: Dict[str, _Teacher] = {}
  for run_dir in run_dirs:
    path = pathlib.Path(run_dir)
    loaded = checkpoints.load_policy(path, 'task')
    if not isinstance(loaded.policy, acting_multi_head.MultiHeadPolicy):
      raise ValueError(
          f'teachers: the policy in {run_dir} is a '
          f'{type(loaded.policy).__name__}; want runs of A2C.'
      )
    for index, name in enumerate(checkpoints.train_task_names(path)):
      if name in found:
        raise ValueError(
            f'teachers: the task {name} has two, the second in {run_dir}; want '
            'one for each task.'
        )
      found[name] = _Teacher(
          run_dir,
          loaded.policy,
          {
              # An array has one row for all tasks of the run, or one a task.
              key: value[index if len(value) > 1 else 0]
              for key, value in loaded.parameters.items()
          },
      )
  missing = [name for name in task_names if name not in found]
  if missing:
    raise ValueError(
        f'teachers: got none for the tasks {", ".join(missing)}; the given '
        f'runs have {", ".join(found)}.'
    )
  chosen = [found[name] for name in task_names]
  shapes = {
      str({key: value.shape for key, value in one.parameters.items()})
      for one in chosen
  }
  if len(shapes) > 1:
    raise ValueError(
        'teachers: their networks have different sizes: '
        + ' and '.join(sorted(shapes))
        + '.'
    )
  if act:
    _check_act_alike(chosen)
  return Teachers(
      dataclasses.replace(chosen[0].policy, prefix='teacher/'),
      {
          key: np.stack([one.parameters[key] for one in chosen])
          for key in chosen[0].parameters
      },
  )


def _check_act_alike(teachers: Sequence[_Teacher]) -> None:
  """Checks that all teachers have the same settings for acting."""
  first = teachers[0]
  for other in teachers[1:]:
    for name, value in dataclasses.asdict(other.policy).items():
      wanted = getattr(first.policy, name)
      if value != wanted:
        raise ValueError(
            f'teachers: they act in different ways, {name}={wanted} in '
            f'{first.run_dir} and {value} in {other.run_dir}; want the same, '
            'or student_probability=1, where they do not act.'
        )
