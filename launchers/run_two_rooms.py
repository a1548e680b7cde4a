"""Remakes figure 3 of Distral's paper: two rooms joined by a corridor.

  python launchers/run_two_rooms.py --run_dir=runs/two_rooms

Runs soft Q-learning in tables, with distillation and without, on the same tasks
and seeds. Draws learning curves, and the actions of the distilled policy in the
corridor after each previous action. Writes distral.csv, separate.csv,
corridor.csv and two_rooms.png. The two methods run side by side. After an
interruption the same command makes the files that are missing.
"""

import dataclasses
import multiprocessing
import pathlib
from typing import Any, Dict, List

from distillery.agents.core import config_fields
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import run_directory
from distillery.agents.distral import soft_q_learning
from distillery.agents.distral import tabular
from distillery.environments import two_rooms
from distillery.environments.pool import worker_main
from distillery.environments.pool import workers
from distillery.launchers.common import flag_utils
from distillery.launchers.figures import two_rooms as two_rooms_figure
import numpy as np

# The methods by the name of their curve; True: the method distils.
METHODS = {'distral': True, 'separate': False}
_TABLES = (*(f'{method}.csv' for method in METHODS), 'corridor.csv')


@dataclasses.dataclass(frozen=True)
class TwoRoomsOptions:
  """The options of the experiment."""

  num_tasks: int = config_fields.field(
      8,
      'The number of tasks; each has a goal, drawn for each seed.',
      config_fields.POSITIVE,
  )
  num_seeds: int = config_fields.field(
      20,
      'The number of repetitions; their seeds are 0, 1 and so on.',
      config_fields.POSITIVE,
  )
  num_env_steps: int = config_fields.field(
      200_000,
      'The number of environment steps of each task.',
      config_fields.POSITIVE,
  )
  evaluate_every: int = config_fields.field(
      2_000,
      'The number of environment steps of each task between two evaluations.',
      config_fields.POSITIVE,
  )
  run_dir: str = config_fields.field(
      'runs/two_rooms',
      'The directory for the results; it may hold some of them already.',
      is_path=True,
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_SOFT_Q = flag_utils.define(soft_q_learning.SoftQConfig)
_OPTIONS = flag_utils.define(TwoRoomsOptions)


class MethodFailed(Exception):
  """The process of one of the two methods has failed."""


def main(_):
  config, options = _SOFT_Q.value(), _OPTIONS.value()
  two_rooms.draw_goals(options.num_tasks, [0])  # Raises if there are too many.
  path = pathlib.Path(options.run_dir)
  run_dir = _begin(path, config, options)  # Locks the directory.
  context = multiprocessing.get_context('spawn')
  # Daemons end together with this process.
  methods = [
      context.Process(
          target=_make,
          args=(path, config, options, method),
          name=method,
          daemon=True,
      )
      for method in METHODS
      if not (path / f'{method}.csv').exists()
  ]
  with workers.worker_environment():
    for method in methods:
      method.start()
  for method in methods:
    method.join()
  failed = [
      f'{method.name} (exit status {method.exitcode})'
      for method in methods
      if method.exitcode
  ]
  if failed:
    raise MethodFailed(
        f'{" and ".join(failed)} ended too early; the same '
        'command makes the missing results.'
    )
  with display.BestEffort(run_dir.path / 'two_rooms.png'):
    two_rooms_figure.draw(run_dir.path)
  print(two_rooms_figure.summary(run_dir.path))
  print(f'Results are in {run_dir.path}')


def _begin(
    path: pathlib.Path,
    config: soft_q_learning.SoftQConfig,
    options: TwoRoomsOptions,
) -> run_directory.RunDirectory:
  """Opens a directory that is new, or has an earlier run with the same flags.

  Raises:
    ValueError: if it holds anything else, or another process uses it.
  """
  is_begun = json_files.has_config(path)
  found = [name for name in _TABLES if (path / name).exists()]
  if found and not is_begun:
    raise ValueError(
        f'run_dir {path} has {", ".join(found)}, which a run would overwrite, '
        'and holds no run of two rooms (no config.json); want another '
        'directory.'
    )
  run_dir = run_directory.RunDirectory(path, resume=is_begun)
  description = {**dataclasses.asdict(config), **dataclasses.asdict(options)}
  del description['run_dir']  # A run may be moved to another directory.
  for name, here in (
      ('config.json', description),
      ('versions.json', run_directory.versions()),
  ):
    if not (path / name).exists():
      run_dir.write_json(name, here)
    there = run_dir.read_json(name)
    differ = [
        key for key in {**there, **here} if there.get(key) != here.get(key)
    ]
    if differ:
      raise ValueError(
          f'run_dir {path} holds a run with other settings ({name}: '
          f'{", ".join(differ)}); want another directory.'
      )
  flag_utils.flags_to_file(path / 'flags.cfg', config, options)
  return run_dir


def _make(
    path: pathlib.Path,
    config: soft_q_learning.SoftQConfig,
    options: TwoRoomsOptions,
    method: str,
) -> None:
  """Runs a method, in its own process, and writes its tables."""
  worker_main.follow_parent(dies_with_thread=True)
  seeds = range(options.num_seeds)
  tables = two_rooms.make_tables(two_rooms.draw_goals(options.num_tasks, seeds))
  learner = soft_q_learning.SoftQLearner(
      config, tables, seeds, distils=METHODS[method]
  )
  rows = _learn(learner, method, config, options, tables)
  if METHODS[method]:
    run_directory.write_csv(path / 'corridor.csv', _in_corridor(learner))
  # Written last, as this file marks the method as done.
  run_directory.write_csv(path / f'{method}.csv', rows)


def _learn(
    learner: soft_q_learning.SoftQLearner,
    method: str,
    config: soft_q_learning.SoftQConfig,
    options: TwoRoomsOptions,
    tables: tabular.Tables,
) -> List[Dict[str, Any]]:
  """Returns the rows of a method's table, with the exact mean return."""
  rows = []
  evaluated = -options.evaluate_every
  for env_steps in range(0, options.num_env_steps + 1, config.rollout_length):
    if env_steps >= evaluated + options.evaluate_every:
      evaluated = env_steps
      returns = tabular.expected_return(
          tables, learner.policy(), 1.0, config.max_episode_steps
      ).mean(axis=1)
      rows += [
          {'seed': seed, 'env_steps': env_steps, 'return': round(value, 4)}
          for seed, value in enumerate(returns.tolist())
      ]
      print(
          f'{method}: {env_steps:,} of {options.num_env_steps:,} steps a '
          f'task, mean return {returns.mean():.3f}',
          flush=True,
      )
    if env_steps + config.rollout_length <= options.num_env_steps:
      learner.iterate()
  return rows


def _in_corridor(learner: soft_q_learning.SoftQLearner) -> List[Dict[str, Any]]:
  """Returns the rows of corridor.csv: pi_0 after steps without a reward."""

  def row(seed: int, cell: int, previous: str) -> Dict[str, Any]:
    state = two_rooms.state_index(cell, previous)
    probabilities = np.exp(learner.log_prior[seed, state])
    return {
        'seed': seed,
        'cell': cell,
        'previous_action': previous,
        **{
            action: round(float(p), 4)
            for action, p in zip(two_rooms.ACTIONS, probabilities)
        },
    }

  return [
      row(seed, cell, previous)
      for seed in range(len(learner.log_prior))
      for cell in two_rooms.CORRIDOR
      for previous in ('left', 'right')
  ]


if __name__ == '__main__':
  flag_utils.run(main, errors=(MethodFailed,))
