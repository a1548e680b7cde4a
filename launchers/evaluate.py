"""Evaluates a trained policy by Meta-World's protocol.

  python launchers/evaluate.py --run_dir=runs/... --policy=shared

Deterministic actions (in mazes sampled ones, by which they are judged), success
at any step, environments and seeds of its own;
with 50 episodes a task, each of Meta-World's 50 goals once. Writes what it
prints to <run_dir>/evaluation_<policy>.csv (with --suite, to
evaluation_<policy>_<suite>.csv). Needs no TensorFlow.
"""

import pathlib

from absl import flags
from distillery.agents.core import baselines
from distillery.agents.core import checkpoints
from distillery.agents.core import evaluation
from distillery.agents.core import loaded_policy
from distillery.agents.core import run_directory
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import process_pool
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.common import trained_suites

_RUN_DIR = flag_utils.define_path('run_dir', '', 'directory of the run')
_POLICY = flags.DEFINE_enum(
    'policy',
    'task',
    ['task', 'shared', 'random'],
    'the task policies, the shared one, or uniformly random actions to compare '
    'them with',
)
_SUITE = flags.DEFINE_string(
    'suite', '', 'another suite of as many tasks; empty: that of the run'
)
_EPISODES = flags.DEFINE_integer(
    'episodes_per_task', 50, 'episodes of each task', lower_bound=1
)
_WORKERS = flags.DEFINE_integer(
    'num_workers', 0, 'processes; 0: one for each usable core', lower_bound=0
)


def main(_):
  run_dir = pathlib.Path(_RUN_DIR.value)
  config, suite = trained_suites.read(_RUN_DIR.value)
  name = _POLICY.value
  if _SUITE.value:
    suite = _other_suite(suite, config['seed'])
    name += f'_{_SUITE.value.replace("/", "-")}'
  is_random = _POLICY.value == 'random'
  if is_random:
    loaded = loaded_policy.LoadedPolicy(
        baselines.random_policy(suite.action_spec), {}, env_steps=0, wall_s=0.0
    )
  else:
    loaded = checkpoints.load_policy(run_dir, _POLICY.value)
  with pool_factory.make_pool(
      suite,
      envs_per_task=1,
      unroll_length=1,
      num_workers=_WORKERS.value or run_options.usable_cores(),
      seed=config['seed'],
  ) as pool:
    rows = evaluation.evaluate(
        pool,
        suite,
        {_POLICY.value: loaded.policy},
        loaded.parameters,
        episodes_per_task=_EPISODES.value,
        seed=config['seed'],
        deterministic=not is_random,
    )
  print(f'after {loaded.env_steps:,} steps of training')
  print(evaluation.table(rows, suite.score))
  # The last: what cannot be written has been said.
  run_directory.write_csv(
      run_dir / f'evaluation_{name}.csv',
      [
          {
              'env_steps': loaded.env_steps,
              'wall_s': round(loaded.wall_s, 2),
              **row,
          }
          for row in rows
      ],
  )


def _other_suite(suite: base.TaskSuite, seed: int) -> base.TaskSuite:
  """The suite of the flag; its tasks stand for those of `suite`, in order."""
  other = suites.make_suite(
      _SUITE.value,
      seed=seed,
      reward_function_version=suite.info.get('reward_function_version', 'v2'),
  )
  for what, there, here in (
      ('tasks', len(suite.train_tasks), len(other.train_tasks)),
      (
          'an observation',
          suite.observation_spec.shape,
          other.observation_spec.shape,
      ),
      ('an action', suite.action_spec, other.action_spec),
  ):
    if there != here:
      raise ValueError(
          f'suite: {other.name} has {what} of {here}, and the run {there}'
      )
  return other


if __name__ == '__main__':
  flag_utils.run(main, errors=(process_pool.PoolError,))
