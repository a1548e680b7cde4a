"""Programs on point masses, to do harm to.

  python program_runs.py AGENT RUN_DIR NUM_ENV_STEPS LAUNCH_TYPE \\
    [--resume] [--address=...]
"""

import pathlib
import sys

from distillery.agents.core import experiment
from distillery.agents.core import program
from distillery.agents.core import run_directory
from distillery.agents.distral import builder as distral_builder
from distillery.agents.distral import config as distral_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.environments import fakes
from distillery.launchers import flag_utils
from distillery.launching import supervisor

AGENTS = {
    'distral': (
        distral_config.DistralConfig(
            envs_per_task=2, unroll_length=32, num_epochs=2, num_minibatches=2,
            hidden_sizes=(8,), value_hidden_sizes=(8,)),
        distral_builder.DistralBuilder),
    'sac': (
        sac_config.SACConfig(
            unroll_length=10, random_steps=30, batch_size=16,
            samples_per_insert=8., updates_per_step=2, hidden_sizes=(8,),
            critic_hidden_sizes=(8,)),
        sac_builder.SACBuilder),
}
EVALUATE_EVERY, CHECKPOINT_EVERY = 4_000, 1_000


def run(agent, path, num_env_steps, launch_type, resume, ray_address):
  config, make_builder = AGENTS[agent]
  return program.run_program(
      experiment.ExperimentConfig(
          agent=agent, agent_config=config, make_builder=make_builder,
          suite=fakes.point_mass_suite(2, horizon=10), seed=3,
          num_env_steps=num_env_steps,
          run_dir=run_directory.RunDirectory(path, resume=resume),
          num_workers=1, evaluate_every=EVALUATE_EVERY, evaluation_episodes=2,
          checkpoint_every=CHECKPOINT_EVERY),
      num_actors=2, launch_type=launch_type, ray_address=ray_address)


def main(arguments):
  agent, path, num_env_steps, launch_type, *rest = arguments
  run(agent, pathlib.Path(path), int(num_env_steps), launch_type,
      '--resume' in rest, ''.join(
          word.removeprefix('--address=') for word in rest
          if word.startswith('--address=')))


if __name__ == '__main__':
  sys.argv = [sys.argv[0], '--', *sys.argv[1:]]  # Of absl none is a flag.
  flag_utils.run(main, errors=(supervisor.ProgramError,), positional='run')
