"""Remakes figure 3 of Distral's paper: two rooms joined by a corridor.

  python launchers/run_two_rooms.py --run_dir=runs/two_rooms

Soft Q-learning in tables, with distillation and without, on the same tasks and
seeds; learning curves, and what the distilled policy does in the corridor by
the previous action. Writes learning.csv, corridor.csv and two_rooms.png.
The two methods run side by side; after an interruption the same command makes
what is not there yet.
"""

import dataclasses
import functools
import multiprocessing
import pathlib
import signal
from typing import Any, Dict, List, Tuple

from distillery.agents.core import run_directory
from distillery.agents.distral import soft_q_learning
from distillery.agents.distral import tabular
from distillery.environments import two_rooms
from distillery.launchers import flag_utils
from distillery.launchers import two_rooms_figure
import numpy as np

# By the name of the curve: whether it distils.
METHODS = {'distral': True, 'separate': False}


@dataclasses.dataclass(frozen=True)
class TwoRoomsOptions:
  """What to run.

  Attributes:
    num_tasks: goals, drawn for each seed.
    num_seeds: repetitions, of seeds 0, 1 and so on.
    num_env_steps: environment steps of each task.
    evaluate_every: environment steps of a task between two evaluations.
    run_dir: directory for the results; it may hold some of them already.
  """
  num_tasks: int = 8
  num_seeds: int = 20
  num_env_steps: int = 200_000
  evaluate_every: int = 2_000
  run_dir: str = 'runs/two_rooms'

  def __post_init__(self):
    for name in ('num_tasks', 'num_seeds', 'num_env_steps', 'evaluate_every'):
      if getattr(self, name) <= 0:
        raise ValueError(
            f'{name}: got {getattr(self, name)}, want a number above 0')


_SOFT_Q = flag_utils.define(soft_q_learning.SoftQConfig)
_OPTIONS = flag_utils.define(TwoRoomsOptions)


def main(_):
  config, options = _SOFT_Q.value(), _OPTIONS.value()
  two_rooms.draw_goals(options.num_tasks, [0])  # Refuses too many at once.
  path = pathlib.Path(options.run_dir)
  is_begun = (path / 'config.json').exists()
  run_dir = run_directory.RunDirectory(path, resume=is_begun)
  description = {**dataclasses.asdict(config), **dataclasses.asdict(options)}
  del description['run_dir']  # Where it lies is no part of what it is.
  if is_begun and run_dir.read_json('config.json') != description:
    raise ValueError(f'run_dir {path} was begun with other flags; want those '
                     'in its config.json, or another directory.')
  if not is_begun:
    flag_utils.flags_to_file(path / 'flags.cfg', config, options)
    run_dir.write_json('config.json', description)
    run_dir.write_json('versions.json', run_directory.versions())
  curves = two_rooms_figure.curves(path)
  there = {row['method'] for row in curves}
  # Interrupted, the workers are ended by this process.
  with multiprocessing.get_context('spawn').Pool(
      len(METHODS), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
    for rows, corridor in pool.imap_unordered(
        functools.partial(_learn, config, options),
        [method for method in METHODS if method not in there]):
      if corridor:
        run_directory.write_csv(path / 'corridor.csv', corridor)
      curves += rows
      run_directory.write_csv(path / 'learning.csv', curves)
  two_rooms_figure.draw(path)
  print(two_rooms_figure.summary(path))
  print(f'Results are in {path}')


def _learn(config: soft_q_learning.SoftQConfig, options: TwoRoomsOptions,
           method: str) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
  """Rows of learning.csv, returns exactly computed; and of corridor.csv."""
  seeds = range(options.num_seeds)
  tables = two_rooms.make_tables(
      two_rooms.draw_goals(options.num_tasks, seeds))
  learner = soft_q_learning.SoftQLearner(
      config, tables, seeds, distils=METHODS[method])
  rows = []
  evaluated = -options.evaluate_every
  for env_steps in range(
      0, options.num_env_steps + 1, config.rollout_length):
    if env_steps >= evaluated + options.evaluate_every:
      evaluated = env_steps
      returns = tabular.expected_return(
          tables, learner.policy(), 1., config.max_episode_steps).mean(axis=1)
      rows += [{'method': method, 'seed': seed, 'env_steps': env_steps,
                'return': round(value, 4)}
               for seed, value in enumerate(returns.tolist())]
      print(f'{method}: {env_steps:,} of {options.num_env_steps:,} steps a '
            f'task, mean return {returns.mean():.3f}', flush=True)
    if env_steps + config.rollout_length <= options.num_env_steps:
      learner.iterate()
  return rows, _in_corridor(learner) if METHODS[method] else []


def _in_corridor(
    learner: soft_q_learning.SoftQLearner) -> List[Dict[str, Any]]:
  """Rows of corridor.csv: pi_0 where no reward came before."""
  def row(seed: int, cell: int, previous: str) -> Dict[str, Any]:
    state = two_rooms.state_index(cell, previous)
    probabilities = np.exp(learner.log_prior[seed, state])
    return {'seed': seed, 'cell': cell, 'previous_action': previous, **{
        action: round(float(p), 4)
        for action, p in zip(two_rooms.ACTIONS, probabilities)}}

  return [row(seed, cell, previous)
          for seed in range(len(learner.log_prior))
          for cell in two_rooms.CORRIDOR for previous in ('left', 'right')]


if __name__ == '__main__':
  flag_utils.run(main)
