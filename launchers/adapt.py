"""Has a meta-learner adapt to tasks that it has not seen.

  python launchers/adapt.py --run_dir=runs/... --num_trajectories=8

Each held-out task is tried again and again, without noise and without a
gradient step. Writes <run_dir>/adaptation_<split>.csv, a row a task and
trajectory: the family it was taken for, the latent, return, and the distance to
the target that it left. Needs no TensorFlow.
"""

import json
import pathlib
from typing import Any, Dict, List, Tuple

from absl import flags
from distillery.agents.core import adaptation
from distillery.agents.core import checkpoints
from distillery.agents.core import run_directory
from distillery.agents.damsel import adaptation as damsel_adaptation
from distillery.environments import base
from distillery.environments import damsel
from distillery.environments import damsel_tasks
from distillery.environments import pool as pools
from distillery.environments import suites
from distillery.launchers import flag_utils
from distillery.launchers import run_options
import numpy as np

COLUMNS = ('env_steps', 'trajectory', 'task', 'family', 'split', 'taken_for',
           'latent', 'return', 'distance', 'success')

_RUN_DIR = flags.DEFINE_string('run_dir', '', 'directory of the run')
_TRAJECTORIES = flags.DEFINE_integer(
    'num_trajectories', 8, 'of each task, one after another', lower_bound=1)
_SPLIT = flags.DEFINE_enum('split', 'test', list(base.SPLITS),
                           'which tasks: held out, or trained on')
_WORKERS = flags.DEFINE_integer(
    'num_workers', 0, 'processes; 0: one for each usable core', lower_bound=0)


def main(_):
  run_dir = pathlib.Path(_RUN_DIR.value)
  try:
    config = json.loads((run_dir / 'config.json').read_text())
    agent, tasks = config['agent'], config['tasks']
  except FileNotFoundError:
    raise ValueError(f'run_dir {_RUN_DIR.value!r} holds no run.') from None
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(
        f'cannot read the config in {run_dir}: {error!r}.') from error
  if agent != 'damsel':
    raise ValueError(f'{run_dir} is a run of {agent}, which does not adapt; '
                     'want one of damsel.')
  suite = suites.make_suite(config['suite'], seed=config['seed'])
  # In the order of the components.
  families = list(dict.fromkeys(
      task.family for task in suite.train_tasks
      if f'{task.name} (train)' in tasks))
  tasks = [task for task in suite.tasks if task.split == _SPLIT.value]
  loaded = checkpoints.load_policy(run_dir, 'task')
  adapter = damsel_adaptation.DamselAdapter(
      loaded.policy, loaded.parameters, len(tasks))
  with pools.Pool(
      tasks, envs_per_task=1, unroll_length=damsel.HORIZON,
      num_workers=_WORKERS.value or run_options.usable_cores(),
      seed=config['seed'], observation_spec=suite.observation_spec,
      action_spec=suite.action_spec) as pool:
    blocks = adaptation.adapt(pool, adapter, _TRAJECTORIES.value)
  rows = _rows(tasks, blocks, adapter, families, loaded.env_steps)
  path = run_dir / f'adaptation_{_SPLIT.value}.csv'
  path.unlink(missing_ok=True)
  run_directory.CsvFile(path, COLUMNS).append(rows)
  print(_table(rows, tasks, blocks[0], has_families=len(
      adapter.components) > 1))


def _rows(tasks: List[base.Task], blocks: List[adaptation.Block],
          adapter: damsel_adaptation.DamselAdapter, families: List[str],
          env_steps: int) -> List[Dict[str, Any]]:
  chosen, num_components = adapter.chosen(blocks), len(adapter.components)
  rows = []
  for number, block in enumerate(blocks):
    latents = adapter.latents(blocks[:number])
    for k, task in enumerate(tasks):
      component = number if number < num_components else int(chosen[k])
      distance = _distance(task, block['next_observation'][-1, k, 0])
      rows.append({
          'env_steps': env_steps, 'trajectory': number + 1,
          'task': task.name, 'family': task.family, 'split': task.split,
          'taken_for': families[component] if num_components > 1 else '',
          'latent': ' '.join(f'{z:.5g}' for z in latents[k]),
          'return': round(float(block['reward'][:, k].sum()), 3),
          'distance': round(distance, 5),
          'success': int(_solved(task, distance))})
  return rows


def _distance(task: base.Task, observation: np.ndarray) -> float:
  return damsel_tasks.distance(task.factory.target, observation.tolist())


def _solved(task: base.Task, distance: float) -> bool:
  return distance <= damsel_tasks.THRESHOLDS[task.family]


def _table(rows: List[Dict[str, Any]], tasks: List[base.Task],
           first: adaptation.Block, *, has_families: bool) -> str:
  """Success by family, a line a trajectory; and what nothing would solve."""
  families = list(dict.fromkeys(row['family'] for row in rows))

  def line(label: str, shares: List[float]) -> str:
    return label.ljust(26) + ''.join(f'{share:.0%}'.rjust(9)
                                     for share in shares)

  def of(family: str, values: List[Tuple[str, bool]]) -> float:
    return float(np.mean([value for name, value in values if name == family]))

  lines = ['success after trajectory'.ljust(26)
           + ''.join(name.rjust(9) for name in families)]
  # Nothing moves by itself.
  idle = [(task.family, _solved(task, _distance(
      task, first['observation'][0, k, 0]))) for k, task in enumerate(tasks)]
  lines.append(line('doing nothing', [of(name, idle) for name in families]))
  for number in dict.fromkeys(row['trajectory'] for row in rows):
    found = [row for row in rows if row['trajectory'] == number]
    lines.append(line(str(number), [
        of(name, [(row['family'], row['success']) for row in found])
        for name in families]))
  if has_families:
    lines.append(line('taken for its family', [
        of(name, [(row['family'], row['family'] == row['taken_for'])
                  for row in found]) for name in families]))
  return '\n'.join(lines)


if __name__ == '__main__':
  flag_utils.run(main, errors=(pools.PoolError,))
