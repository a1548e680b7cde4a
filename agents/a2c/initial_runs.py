"""The networks of an earlier run, from which fine-tuning starts."""

from __future__ import annotations

import pathlib
import typing
from typing import Any, List, Mapping, NamedTuple, Sequence

from distillery.agents.a2c import config as a2c_config
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import user_paths
import numpy as np

if typing.TYPE_CHECKING:
  from distillery.agents.a2c import networks as a2c_networks


class InitialRun(NamedTuple):
  """An earlier run whose networks are the initial ones of a new run.

  Attributes:
    checkpoint: the directory of the earlier run's newest checkpoint.
    num_tasks: the number of tasks that the earlier run was trained on.
    rows: K indices of tasks of the earlier run; task k of the new run starts
      from the layers of task `rows[k]`.
  """

  checkpoint: pathlib.Path
  num_tasks: int
  rows: List[int]


def read(config: a2c_config.A2CConfig, num_tasks: int) -> InitialRun:
  """Finds the run `config.initial_run` and matches its tasks to ours.

  Args:
    config: the configuration of the new run; `initial_run` is not empty.
    num_tasks: K, the number of tasks of the new run.

  Returns:
    The earlier run.

  Raises:
    ValueError: if there is no such run, or if its agent, tasks, networks or the
      unit of its values do not fit the new run. The message says which.
  """
  run = pathlib.Path(user_paths.expand(config.initial_run))
  checkpoint = checkpoints.newest(run)
  if checkpoint is None:
    raise ValueError(f'initial_run: there is no checkpoint in {str(run)!r}.')
  about = json_files.read_config(run, agent=str, agent_config=dict)
  if about['agent'] not in ('a2c', 'distillation'):
    raise ValueError(
        f'initial_run: {str(run)!r} is a run of {about["agent"]}, want '
        'one of a2c or distillation.'
    )
  _check_alike(config, about['agent_config'])
  names = checkpoints.train_task_names(run)
  if config.initial_task:
    if config.initial_task not in names:
      raise ValueError(
          f'initial_task: got {config.initial_task!r}, and '
          f'{str(run)!r} was trained on {", ".join(names)}.'
      )
    rows = [names.index(config.initial_task)] * num_tasks
  elif len(names) == num_tasks:
    rows = list(range(num_tasks))
  else:
    raise ValueError(
        f'initial_run: {str(run)!r} was trained on {len(names)} tasks, and this run '
        f'has {num_tasks}; want initial_task, one of {", ".join(names)}.'
    )
  return InitialRun(checkpoint, len(names), rows)


def restore(
    initial: InitialRun,
    there: a2c_networks.A2CNetworks,
    here: a2c_networks.A2CNetworks,
    *,
    normalize_rewards: bool,
) -> a2c_networks.A2CNetworks:
  """Copies the networks of an earlier run into those of a new run.

  Args:
    initial: the earlier run.
    there: networks with `initial.num_tasks` tasks. The checkpoint of the
      earlier run is loaded into them.
    here: the networks of the new run, with K tasks.
    normalize_rewards: whether the scale of the rewards is copied too.

  Returns:
    The networks `here`, whose `value_is_new` is true if the earlier run has no
    values.

  Raises:
    ValueError: if the observations or actions of the earlier run have other
      sizes.
  """
  names = ['policy']
  has_value = checkpoints.holds(initial.checkpoint, 'value')
  if has_value:
    names += ['value', 'reward_scale'] if normalize_rewards else ['value']
  checkpoints.restore(
      initial.checkpoint,
      {name: getattr(there, name) for name in names},
      whole=False,
  )
  for name in names:
    for of_run, ours in zip(
        getattr(there, name).variables, getattr(here, name).variables
    ):
      ours.assign(_rows_of(of_run.numpy(), initial.rows, ours.shape))
  return here._replace(value_is_new=not has_value)


def _rows_of(
    x: np.ndarray, rows: Sequence[int], shape: Sequence[int]
) -> np.ndarray:
  """Selects each task's row; a trunk or pooled statistics have only one row."""
  if x.ndim == 0:
    return x
  return x[np.minimum(rows, len(x) - 1)[: shape[0]]]


def _check_alike(
    config: a2c_config.A2CConfig, theirs: Mapping[str, Any]
) -> None:
  """Checks that networks and the unit of the values are those of our config.

  A distilled student has one trunk and no values.
  """
  run = config.initial_run
  theirs = {
      'architecture': 'multi_head',
      **theirs,
      'hidden_sizes': tuple(theirs['hidden_sizes']),
  }
  for name in ('architecture', 'hidden_sizes', 'discount', 'normalize_rewards'):
    ours = getattr(config, name)
    if theirs.get(name, ours) != ours:
      raise ValueError(
          f'{name}: got {ours}, and {str(run)!r} was trained with {theirs[name]}; '
          'want the same.'
      )
  num_envs = theirs['envs_per_task']
  if theirs.get('normalize_rewards') and num_envs != config.envs_per_task:
    raise ValueError(
        f'envs_per_task: got {config.envs_per_task}, but {str(run)!r} normalised '
        f'its rewards over {num_envs} environments; want {num_envs}.'
    )
