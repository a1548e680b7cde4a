"""Evaluates a trained policy by Meta-World's protocol.

  python launchers/evaluate.py --run_dir=runs/... --policy=shared

Actions are deterministic (in mazes they are sampled, as the benchmark of mazes
wants it). A task is solved if any step is a success. Environments and seeds are
not those of training. With 50 episodes of each task, each of Meta-World's 50
goals occurs once. Writes the results, which are also printed, to
<run_dir>/evaluation_<policy>.csv; with --checkpoint or --suite, to
evaluation_<policy>_<checkpoint>_<suite>.csv. Needs no TensorFlow.
"""

import dataclasses
import pathlib
from typing import Literal

from distillery.agents.core import baselines
from distillery.agents.core import config_fields
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


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
  """The options of the evaluation."""

  run_dir: str = run_options.trained_run_field()
  policy: Literal['task', 'shared', 'random'] = config_fields.field(
      'task',
      "The policy: 'task' (the policies of the tasks), 'shared' (the shared "
      "policy) or 'random' (uniformly random actions, for comparison).",
  )
  checkpoint: str = run_options.checkpoint_field()
  suite: str = config_fields.field(
      '',
      'Another suite with the same number of tasks. Empty: the suite of the '
      'run.',
  )
  episodes_per_task: int = config_fields.field(
      50, 'The number of episodes of each task.', config_fields.POSITIVE
  )
  num_workers: int = run_options.num_workers_field()

  def __post_init__(self):
    config_fields.check_fields(self)


_OPTIONS = flag_utils.define(EvaluationOptions)


def main(_):
  options = _OPTIONS.value()
  run_dir = pathlib.Path(options.run_dir)
  config, suite = trained_suites.read(options.run_dir)
  name = options.policy
  is_random = options.policy == 'random'
  if options.checkpoint != 'last' and not is_random:
    name += f'_{options.checkpoint}'
  if options.suite:
    suite = _other_suite(suite, options.suite, config['seed'])
    name += f'_{options.suite.replace("/", "-")}'
  if is_random:
    loaded = loaded_policy.LoadedPolicy(
        baselines.random_policy(suite.action_spec), {}, env_steps=0, wall_s=0.0
    )
  else:
    loaded = checkpoints.load_policy(
        run_dir, options.policy, options.checkpoint
    )
  with pool_factory.make_pool(
      suite,
      envs_per_task=1,
      unroll_length=1,
      num_workers=options.num_workers or run_options.usable_cores(),
      seed=config['seed'],
  ) as pool:
    rows = evaluation.evaluate(
        pool,
        suite,
        {options.policy: loaded.policy},
        loaded.parameters,
        episodes_per_task=options.episodes_per_task,
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


def _other_suite(suite: base.TaskSuite, name: str, seed: int) -> base.TaskSuite:
  """Returns the suite of a name, after checking that it fits `suite`.

  Its tasks take the places of the tasks of `suite`, in order.
  """
  other = suites.make_suite(
      name,
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
