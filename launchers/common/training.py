"""Runs experiments: from a script, or from the `main` of a launcher."""

import pathlib
from typing import Any, Callable, Dict, List, Optional, Sequence, Type

from absl import flags
from distillery.agents.core import builders
from distillery.agents.core import errors
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import program
from distillery.agents.core.running import setup
from distillery.distributed import flags as launch_flags
from distillery.distributed import supervisor
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.pool import process_pool
from distillery.environments.suites import checking
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
    agent_config: setup.AgentConfig,
    make_builder: Type[builders.Builder],
    options: flag_utils.RunOptions,
    *,
    change_suite: Callable[[base.TaskSuite], base.TaskSuite] = lambda x: x,
    make_networks: Optional[setup.MakeNetworks] = None,
    more_options: Sequence[Any] = (),
) -> None:
  """Runs the experiment of a launcher, as a program if its flags say so.

  Args:
    agent: the name of the agent, such as 'distral'.
    agent_config: the frozen dataclass of the agent's settings, made from flags.
    make_builder: the class of the agent's builder.
    options: the options that every trainer takes, made from flags.
    change_suite: the function that makes the suite to train on from the suite
      that the options name.
    make_networks: the function that makes the networks in place of the builder.
    more_options: further dataclasses made from flags, which are written into
      the flagfile that repeats the run.

  Raises:
    ValueError, OSError, or one of `ERRORS`: see `experiment.run_experiment`.
  """
  # Launchpad's flag has a default; it is given if it is to be a program.
  flag = flags.FLAGS[launch_flags.LAUNCH_TYPE]
  launch_type = flag.value if flag.present else None
  run_experiment(
      agent,
      agent_config,
      make_builder,
      options,
      change_suite=change_suite,
      make_networks=make_networks,
      more_options=more_options,
      launch_type=launch_type,
  )


def run_experiment(
    agent: str,
    agent_config: setup.AgentConfig,
    make_builder: Type[builders.Builder],
    options: flag_utils.RunOptions,
    *,
    change_suite: Callable[[base.TaskSuite], base.TaskSuite] = lambda x: x,
    make_networks: Optional[setup.MakeNetworks] = None,
    more_options: Sequence[Any] = (),
    launch_type: Any = None,
) -> List[Dict[str, Any]]:
  """Runs an experiment, without flags, and prints its last evaluation.

  A script that calls it does the same as a launcher. The run directory is the
  same too. Its `flags.cfg` repeats the run by the agent's launcher, if the
  launcher has the same `change_suite` and `make_networks`.

  Args:
    agent: the name of the agent, which is written into the run directory.
    agent_config: the agent's config, a frozen dataclass.
    make_builder: the class of the agent's builder.
    options: the suite, the number of steps, the run directory and so on.
    change_suite: the function that makes the suite to train on from the suite
      that the options name. It makes, for example, the contexts of a single
      task for DnC, or the goals of tasks for PEARL.
    make_networks: the function that makes the networks in place of the builder;
      see `experiment.ExperimentConfig`.
    more_options: further dataclasses whose fields are flags of the launcher, to
      be written into `flags.cfg`.
    launch_type: the way to run the nodes of a program, such as 'local_mp'.
      None: everything runs in this process and its workers.

  Returns:
    The rows of the last evaluation, see `evaluation.evaluate`; none if the run
    to resume was at its end.

  Raises:
    ValueError, OSError, or one of `ERRORS`: see `experiment.run_experiment`.
  """
  run = options.resolved(agent)
  suite = suites.make_suite(
      run.suite,
      seed=run.seed,
      reward_function_version=run.reward_function_version,
  )
  if ':' in run.suite:  # It is the user's own.
    checking.check_suite(suite)
  run_dir = run_directory.RunDirectory(
      pathlib.Path(run.run_dir), resume=run.resume
  )
  with run_dir.kept_once_stepped():
    suite = change_suite(suite)
  if not run.resume:
    path = run_dir.path / 'flags.cfg'
    flag_utils.flags_to_file(path, run, agent_config, *more_options)
    if launch_type is not None:
      name = getattr(launch_type, 'value', launch_type)
      with open(path, 'a', encoding='utf-8') as f:
        f.write(f'--{launch_flags.LAUNCH_TYPE}={name}\n')
  config = setup.ExperimentConfig(
      agent=agent,
      agent_config=agent_config,
      make_builder=make_builder,
      make_networks=make_networks,
      suite=suite,
      run_dir=run_dir,
      seed=run.seed,
      num_env_steps=run.num_env_steps,
      num_workers=run.num_workers,
      evaluate_every=run.evaluate_every,
      evaluation_episodes=run.evaluation_episodes,
      film_every=run.film_every,
      checkpoint_every=run.checkpoint_every,
      checkpoint_minutes=run.checkpoint_minutes,
      train_episode_steps=run.train_episode_steps or None,
      random_start_steps=run.random_start_steps,
      device=run.device,
      env_timeout_s=run.env_timeout_s,
  )
  if launch_type is None:
    rows = experiment.run_experiment(config)
  else:
    rows = program.run_program(
        config,
        num_actors=run.num_actors,
        launch_type=launch_type,
        ray_address=run.ray_address,
    )
  from distillery.agents.core import evaluation

  if rows:
    print(evaluation.table(rows, suite.score))
  print(f'Results are in {run_dir.path}')
  return rows
