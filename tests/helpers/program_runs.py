"""Programs on point masses, to do harm to.

  python program_runs.py SETUP RUN_DIR NUM_ENV_STEPS LAUNCH_TYPE \\
    [--resume] [--address=...] [--seed=...]
"""

import pathlib
import sys
from typing import Any, Callable, NamedTuple

from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import program
from distillery.agents.core.running import setup as run_setup
from distillery.agents.distral import builder as distral_builder
from distillery.agents.distral import config as distral_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.distributed import supervisor
from distillery.environments import base
from distillery.environments import fakes
from distillery.launchers.common import flag_utils
from helpers import hanging_tasks


class Setup(NamedTuple):
  """The actions of a program."""

  agent: str
  make_builder: Callable[..., Any]
  config: Any
  suite: base.TaskSuite
  evaluate_every: int = 4_000
  evaluation_episodes: int = 2
  checkpoint_every: int = 1_000


_SMALL_SAC = sac_config.SACConfig(
    unroll_length=10,
    random_steps=30,
    batch_size=16,
    samples_per_insert=8.0,
    updates_per_step=2,
    hidden_sizes=(8,),
    critic_hidden_sizes=(8,),
)
SETUPS = {
    'distral': Setup(
        'distral',
        distral_builder.DistralBuilder,
        distral_config.DistralConfig(
            envs_per_task=2,
            unroll_length=32,
            num_epochs=2,
            num_minibatches=2,
            hidden_sizes=(8,),
            value_hidden_sizes=(8,),
        ),
        fakes.point_mass_suite(2, horizon=10),
    ),
    'sac': Setup(
        'sac',
        sac_builder.SACBuilder,
        _SMALL_SAC,
        fakes.point_mass_suite(2, horizon=10),
    ),
    'hanging': Setup(
        'sac',
        sac_builder.SACBuilder,
        _SMALL_SAC,
        hanging_tasks.suite(2, horizon=10),
    ),
    # Learns: as in tests/learning.
    'learning': Setup(
        'sac',
        sac_builder.SACBuilder,
        sac_config.SACConfig(
            architecture='separate',
            observes_task=False,
            unroll_length=20,
            hidden_sizes=(32, 32),
            critic_hidden_sizes=(32, 32),
            batch_size=2 * 32,
            discount=0.9,
            samples_per_insert=32.0,
            random_steps=200,
            learning_rate=3e-3,
            initial_temperature=0.1,
            temperature_learning_rate=3e-3,
            max_gradient_norm=10.0,
        ),
        fakes.point_mass_suite(2, horizon=20),
        evaluation_episodes=8,
        checkpoint_every=400,
    ),
}
# Is not busy with checkpoints.
SETUPS['soak'] = SETUPS['distral']._replace(checkpoint_every=20_000)
ENV_TIMEOUT_S = 5.0


def run(
    name, path, num_env_steps, launch_type, resume=False, ray_address='', seed=3
):
  setup = SETUPS[name]
  return program.run_program(
      run_setup.ExperimentConfig(
          agent=setup.agent,
          agent_config=setup.config,
          make_builder=setup.make_builder,
          suite=setup.suite,
          seed=seed,
          num_env_steps=num_env_steps,
          num_workers=1,
          run_dir=run_directory.RunDirectory(path, resume=resume),
          evaluate_every=setup.evaluate_every,
          evaluation_episodes=setup.evaluation_episodes,
          checkpoint_every=setup.checkpoint_every,
          env_timeout_s=ENV_TIMEOUT_S,
      ),
      num_actors=2,
      launch_type=launch_type,
      ray_address=ray_address,
  )


def main(arguments):
  name, path, num_env_steps, launch_type, *rest = arguments
  given = dict(word[2:].split('=') for word in rest if '=' in word)
  run(
      name,
      pathlib.Path(path),
      int(num_env_steps),
      launch_type,
      '--resume' in rest,
      given.get('address', ''),
      int(given.get('seed', 3)),
  )


if __name__ == '__main__':
  sys.argv = [sys.argv[0], '--', *sys.argv[1:]]  # Of absl none is a flag.
  flag_utils.run(main, errors=(supervisor.ProgramError,), positional='run')
