"""Trains Distral on a suite of tasks.

  python launchers/run_distral.py --flagfile=launchers/flags/distral_mt10.cfg
"""

from distillery.agents.core import errors
from distillery.agents.core import experiment
from distillery.agents.core import run_directory
from distillery.agents.distral import builder
from distillery.agents.distral import config as distral_config
from distillery.environments import pool as pools
from distillery.environments import suites
from distillery.launchers import flag_utils

_DISTRAL = flag_utils.define(distral_config.DistralConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  agent_config = _DISTRAL.value()
  run = _RUN.value().resolved('distral')
  suite = suites.make_suite(
      run.suite, seed=run.seed,
      reward_function_version=run.reward_function_version)
  run_dir = run_directory.RunDirectory(run.run_dir, resume=run.resume)
  if not run.resume:
    flag_utils.flags_to_file(run_dir.path / 'flags.cfg', run, agent_config)
  rows = experiment.run_experiment(experiment.ExperimentConfig(
      agent='distral', agent_config=agent_config,
      make_builder=builder.DistralBuilder,
      suite=suite, run_dir=run_dir, seed=run.seed,
      num_env_steps=run.num_env_steps, num_workers=run.num_workers,
      evaluate_every=run.evaluate_every,
      evaluation_episodes=run.evaluation_episodes,
      checkpoint_every=run.checkpoint_every))
  from distillery.agents.core import evaluation  # pylint: disable=g-import-not-at-top
  if rows:
    print(evaluation.table(rows))
  print(f'Results are in {run_dir.path}')


if __name__ == '__main__':
  flag_utils.run(main, errors=(pools.PoolError, errors.NonFiniteError))
