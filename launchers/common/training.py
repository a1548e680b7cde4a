"""Trains an agent, in the `main` of every launcher that trains."""

import pathlib
from typing import Any, Callable, Sequence, Type

from absl import flags
from distillery.agents.core import builders
from distillery.agents.core import errors
from distillery.agents.core import experiment
from distillery.agents.core import run_directory
from distillery.agents.core.running import program
from distillery.agents.core.running import setup
from distillery.distributed import flags as launch_flags
from distillery.distributed import supervisor
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.pool import process_pool
from distillery.launchers.common import flag_utils

# The errors that `flag_utils.run` reports in one sentence.
ERRORS = (
    process_pool.PoolError,
    errors.NonFiniteError,
    supervisor.ProgramError,
    ImportError,
    ConnectionError,
)


def train(
    agent: str,
    agent_config: Any,
    make_builder: Type[builders.Builder],
    options: flag_utils.RunOptions,
    *,
    change_suite: Callable[[base.TaskSuite], base.TaskSuite] = lambda x: x,
    more_options: Sequence[Any] = (),
) -> None:
  """Runs an experiment and prints the results of its last evaluation.

  Args:
    agent: the name of the agent, such as 'distral'.
    agent_config: the frozen dataclass of the agent's settings, made from flags.
    make_builder: the class of the agent's builder.
    options: the options that every launcher takes.
    change_suite: the function that makes the suite to train on from the suite
      that the options name.
    more_options: further dataclasses made from flags, which are written into
      the flagfile that repeats the run.

  Raises:
    ValueError, OSError, or one of `ERRORS`: see `experiment.run_experiment`.
  """
  run = options.resolved(agent)
  suite = suites.make_suite(
      run.suite,
      seed=run.seed,
      reward_function_version=run.reward_function_version,
  )
  run_dir = run_directory.RunDirectory(
      pathlib.Path(run.run_dir), resume=run.resume
  )
  with run_dir.kept_once_stepped():
    suite = change_suite(suite)
  # The flag has a default. If the user gave it, the run is a program of nodes.
  launch_type = flags.FLAGS[launch_flags.LAUNCH_TYPE]
  if not run.resume:
    path = run_dir.path / 'flags.cfg'
    flag_utils.flags_to_file(path, run, agent_config, *more_options)
    if launch_type.present:
      with open(path, 'a', encoding='utf-8') as f:
        f.write(f'{launch_type.serialize()}\n')
  config = setup.ExperimentConfig(
      agent=agent,
      agent_config=agent_config,
      make_builder=make_builder,
      suite=suite,
      run_dir=run_dir,
      seed=run.seed,
      num_env_steps=run.num_env_steps,
      num_workers=run.num_workers,
      evaluate_every=run.evaluate_every,
      evaluation_episodes=run.evaluation_episodes,
      checkpoint_every=run.checkpoint_every,
      device=run.device,
      env_timeout_s=run.env_timeout_s,
  )
  if launch_type.present:
    rows = program.run_program(
        config,
        num_actors=run.num_actors,
        launch_type=launch_type.value,
        ray_address=run.ray_address,
    )
  else:
    rows = experiment.run_experiment(config)
  from distillery.agents.core import evaluation

  if rows:
    print(evaluation.table(rows, suite.score))
  print(f'Results are in {run_dir.path}')
