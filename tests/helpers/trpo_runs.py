"""Tiny runs of TRPO on point masses, in this process or in one to kill.

python trpo_runs.py RUN_DIR NUM_ENV_STEPS
"""

import pathlib
import sys

from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from distillery.environments import fakes

# Steps of a block: 2 tasks, 2 environments of each, 1 episode.
BLOCK = 2 * 2 * 50
# Steps between checkpoints.
INTERVAL = 3 * BLOCK


def run(
    path: pathlib.Path,
    num_env_steps: int,
    *,
    resume: bool = False,
    baseline: str = 'neural',
):
  """Runs or resumes."""
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='trpo',
          agent_config=trpo_config.TRPOConfig(
              envs_per_task=2,
              unroll_length=50,
              hidden_sizes=(8,),
              value_hidden_sizes=(8,),
              baseline=baseline,
          ),
          make_builder=builder.TRPOBuilder,
          suite=fakes.point_mass_suite(2),
          seed=3,
          num_env_steps=num_env_steps,
          num_workers=2,
          run_dir=run_directory.RunDirectory(path, resume=resume),
          evaluate_every=INTERVAL,
          evaluation_episodes=1,
          checkpoint_every=INTERVAL,
      )
  )


if __name__ == '__main__':
  run(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
