"""Evaluates a trained policy by Meta-World's protocol.

  python launchers/evaluate.py --run_dir=runs/... --policy=shared

Deterministic actions, success at any step, environments and seeds of its own;
with 50 episodes a task, each of Meta-World's 50 goals once. Writes what it
prints to <run_dir>/evaluation_<policy>.csv. Needs no TensorFlow.
"""

import dataclasses
import json
import pathlib
from typing import Any, Dict

from absl import flags
from distillery.agents.core import baselines
from distillery.agents.core import checkpoints
from distillery.agents.core import evaluation
from distillery.agents.core import loaded_policy
from distillery.agents.core import run_directory
from distillery.environments import base
from distillery.environments import contexts
from distillery.environments import pool as pools
from distillery.environments import suites
from distillery.launchers import flag_utils
from distillery.launchers import run_options

_RUN_DIR = flags.DEFINE_string('run_dir', '', 'directory of the run')
_POLICY = flags.DEFINE_enum(
    'policy', 'task', ['task', 'shared', 'random'],
    'the task policies, the shared one, or uniformly random actions to compare '
    'them with')
_EPISODES = flags.DEFINE_integer(
    'episodes_per_task', 50, 'episodes of each task', lower_bound=1)
_WORKERS = flags.DEFINE_integer(
    'num_workers', 0, 'processes; 0: one for each usable core', lower_bound=0)


def _suite_of(config: Dict[str, Any], info: Dict[str, Any]) -> base.TaskSuite:
  """The suite that a run trained on, which has to have a name or a recipe."""
  suite = suites.make_suite(
      info.get('partitioned_suite', config['suite']), seed=config['seed'],
      reward_function_version=info.get('reward_function_version', 'v2'))
  if 'partitioned_task' not in info:
    # Some may have been left out.
    return dataclasses.replace(suite, tasks=tuple(
        task for task in suite.tasks
        if f'{task.name} ({task.split})' in config['tasks']))
  return contexts.partition(
      suite, info['partitioned_task'], int(info['num_contexts']),
      seed=int(info['partition_seed']),
      num_resets=int(info['partition_resets']))


def main(_):
  run_dir = pathlib.Path(_RUN_DIR.value)
  try:
    config = json.loads((run_dir / 'config.json').read_text())
    versions = json.loads((run_dir / 'versions.json').read_text())
    suite = _suite_of(config, versions)
  except FileNotFoundError:
    raise ValueError(f'run_dir {_RUN_DIR.value!r} holds no run.') from None
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f'cannot read the config in {run_dir}: {error}') from error
  is_random = _POLICY.value == 'random'
  if is_random:
    loaded = loaded_policy.LoadedPolicy(
        baselines.random_policy(suite.action_spec), {}, env_steps=0, wall_s=0.)
  else:
    loaded = checkpoints.load_policy(run_dir, _POLICY.value)
  with pools.Pool(
      suite.train_tasks, envs_per_task=1, unroll_length=1,
      num_workers=_WORKERS.value or run_options.usable_cores(),
      seed=config['seed'], observation_spec=suite.observation_spec,
      action_spec=suite.action_spec) as pool:
    rows = evaluation.evaluate(
        pool, suite, {_POLICY.value: loaded.policy}, loaded.parameters,
        episodes_per_task=_EPISODES.value, seed=config['seed'],
        deterministic=not is_random)
  path = run_dir / f'evaluation_{_POLICY.value}.csv'
  path.unlink(missing_ok=True)
  run_directory.CsvFile(path, run_directory.EVALUATION_COLUMNS).append([
      {'env_steps': loaded.env_steps, 'wall_s': round(loaded.wall_s, 2), **row}
      for row in rows])
  print(f'after {loaded.env_steps:,} steps of training')
  print(evaluation.table(rows))


if __name__ == '__main__':
  flag_utils.run(main, errors=(pools.PoolError,))
