"""Evaluates a trained policy by Meta-World's protocol.

  python launchers/evaluate.py --run_dir=runs/... --policy=shared

Actions are deterministic (in mazes they are sampled, as the benchmark of mazes
wants it). A task is solved if any step is a success. Environments and seeds are
not those of training. With 50 episodes of each task, each of Meta-World's 50
goals occurs once. Writes the results, which are also printed, to
<run_dir>/evaluation_<policy>.csv (with --suite, to
evaluation_<policy>_<suite>.csv). Needs no TensorFlow.
"""

import pathlib

from absl import flags
from distillery.agents.core import baselines
from distillery.agents.core import evaluation
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import loaded_policy
from distillery.agents.core.run_files import run_directory
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import process_pool
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.common import trained_suites

_RUN_DIR = flag_utils.define_path('run_dir', '', 'the directory of the run')
_POLICY = flags.DEFINE_enum(
    'policy',
    'task',
    ['task', 'shared', 'random'],
    'the policy: task (the policies of the tasks), shared (the shared policy) '
    'or random (uniformly random actions, for comparison)',
)
_SUITE = flags.DEFINE_string(
    'suite',
    '',
    'another suite with the same number of tasks. Empty: the suite of the run',
)
_EPISODES = flags.DEFINE_integer(
    'episodes_per_task',
    50,
    'the number of episodes of each task',
    lower_bound=1,
)
_WORKERS = flags.DEFINE_integer(
    'num_workers',
    0,
    'the number of processes that step environments; 0: one for each usable '
    'core',
    lower_bound=0,
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
  # Written last: if writing fails, the results have been printed.
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
  """Returns the suite of --suite, after checking that it fits `suite`.

  Its tasks take the places of the tasks of `suite`, in order.
  """
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
