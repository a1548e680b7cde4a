"""What fine-tuning begins with: the networks of another run."""

from __future__ import annotations

import pathlib
import typing
from typing import Any, List, Mapping, NamedTuple, Sequence

from distillery.agents.a2c import config as a2c_config
from distillery.agents.core import checkpoints
from distillery.agents.core import run_directory
from distillery.agents.core.run_files import user_paths
import numpy as np

if typing.TYPE_CHECKING:
  from distillery.agents.a2c import networks as a2c_networks


class InitialRun(NamedTuple):
  """A run that has learned something.

  Attributes:
    checkpoint: its newest.
    num_tasks: that it was trained on.
    rows: K places among them: with whose layers each task here begins.
  """

  checkpoint: pathlib.Path
  num_tasks: int
  rows: List[int]


def read(config: a2c_config.A2CConfig, num_tasks: int) -> InitialRun:
  """Finds `config.initial_run` for K tasks.

  Raises:
    ValueError: if there is no such run, or it is of another agent or of other
      tasks, or has other networks or values in another unit; says which.
  """
  run = user_paths.expand(config.initial_run)
  checkpoint = checkpoints.newest(run)
  if checkpoint is None:
    raise ValueError(f'initial_run: there is no checkpoint in {run!r}.')
  about = run_directory.read_json(
      pathlib.Path(run) / 'config.json', agent=str, agent_config=dict
  )
  if about['agent'] not in ('a2c', 'distillation'):
    raise ValueError(
        f'initial_run: {run!r} is a run of {about["agent"]}, want '
        'one of a2c or distillation.'
    )
  _check_alike(config, about['agent_config'])
  names = checkpoints.train_task_names(run)
  if config.initial_task:
    if config.initial_task not in names:
      raise ValueError(
          f'initial_task: got {config.initial_task!r}, and '
          f'{run!r} was trained on {", ".join(names)}.'
      )
    rows = [names.index(config.initial_task)] * num_tasks
  elif len(names) == num_tasks:
    rows = list(range(num_tasks))
  else:
    raise ValueError(
        f'initial_run: {run!r} was trained on {len(names)} tasks, and this run '
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
  """Gives networks what a run has learned.

  Args:
    initial: the run.
    there: networks of as many tasks as it has; they become those of the run.
    here: ours.
    normalize_rewards: whether the rewards' scale is gone on with.

  Returns:
    Ours, with `value_is_new` if the run has no values.

  Raises:
    ValueError: if the run's observations or actions have other sizes.
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
  """Each task's row; a trunk, or pooled statistics, have one for all tasks."""
  if x.ndim == 0:
    return x
  return x[np.minimum(rows, len(x) - 1)[: shape[0]]]


def _check_alike(
    config: a2c_config.A2CConfig, theirs: Mapping[str, Any]
) -> None:
  """Refuses other networks, and values in another unit.

  A distilled student has one trunk, and no values.
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
          f'{name}: got {ours}, and {run!r} was trained with {theirs[name]}; '
          'want the same.'
      )
  num_envs = theirs['envs_per_task']
  if theirs.get('normalize_rewards') and num_envs != config.envs_per_task:
    raise ValueError(
        f'envs_per_task: got {config.envs_per_task}, and rewards in {run!r} '
        f'were normalised over {num_envs}; want the same.'
    )
