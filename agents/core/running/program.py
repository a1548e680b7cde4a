"""Runs any agent as a program of several nodes, which Launchpad launches.

  replay     Reverb's server
  counter    counts the environment steps of all actors
  learner    learns from replay, serves its variables and writes checkpoints
  actor      one or more, each with environments of all tasks and with
             processes that step them
  evaluator  plays evaluation episodes, and ends the program

Actors send blocks to replay. After each unroll they fetch new variables from
the learner. This module imports no TensorFlow.
"""

from __future__ import annotations

import copy
import functools
import shutil
import threading
import typing
from typing import Any, Dict, List

from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import devices
from distillery.agents.core.running import setup
from distillery.distributed import lp
from distillery.distributed import quiet
from distillery.environments import pickling

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core.running import nodes
  import reverb

# A node's thread holds this lock while it imports Acme, Reverb and TensorFlow.
# Their modules import each other. If two threads import them at once, Python
# avoids a deadlock by giving one thread a module that is not yet complete.
_importing = threading.Lock()


class _Config(setup.ExperimentConfig):
  """The experiment that nodes receive, in this process or in others."""

  def __getstate__(self) -> Dict[str, Any]:
    """Checks that other processes can import the classes of the experiment.

    Raises:
      ValueError: if they cannot; the message says what to do.
    """
    _check_modules(self)
    return dict(vars(self))


def _check_modules(config: setup.ExperimentConfig) -> None:
  tasks = {f'task {task.name!r}': task for task in config.suite.tasks}
  for what, part in {
      **tasks,
      'suite': config.suite,
      'agent_config': config.agent_config,
      'make_builder': config.make_builder,
      'make_networks': config.make_networks,
  }.items():
    pickling.check_for_program(part, what)


def make_program(config: setup.ExperimentConfig, num_actors: int) -> lp.Program:
  """Describes an experiment as a program, which `lp.launch` runs.

  Args:
    config: the experiment, as for `run_experiment`. Each actor has
      `agent_config.envs_per_task` environments of each task, and an equal share
      of the `num_workers` processes.
    num_actors: the number of actors, at least 1.

  Returns:
    The program.

  Raises:
    ValueError: if `num_actors` is out of range, if the agent does not fit the
      suite, or if workers could not import the classes of a task.
  """
  if num_actors < 1:
    raise ValueError(f'num_actors: got {num_actors}, want at least 1.')
  # The process that launches the program keeps the lock of the directory. The
  # path is made absolute because nodes may have another working directory.
  run_dir = copy.copy(config.run_dir)
  run_dir.path = run_dir.path.absolute()
  config = _Config(**{**vars(config), 'run_dir': run_dir})
  builder = setup.make_builder(config)
  setup.check_tasks(config.suite)
  if builder.max_actors is not None and num_actors > builder.max_actors:
    raise ValueError(
        f'num_actors: got {num_actors}, and {config.agent} with these settings '
        f'learns from {builder.max_actors} at most.'
    )
  num_workers = max(1, config.num_workers // num_actors)
  program = lp.Program(config.agent)
  with program.group('replay'):
    replay = program.add_node(
        lp.ReverbNode(
            functools.partial(_make_tables, config),
            functools.partial(_make_checkpointer, config)
            if builder.keeps_replay
            else None,
        )
    )
  with program.group('counter'):
    counter = program.add_node(lp.CourierNode(_make_counter, config))
  with program.group('learner'):
    learner = program.add_node(
        lp.CourierNode(_make_learner, config, num_actors, replay, counter)
    )
  with program.group('actor'):
    for index in range(num_actors):
      program.add_node(
          lp.CourierNode(
              _make_actor, config, index, num_workers, replay, counter, learner
          )
      )
  with program.group('evaluator'):
    program.add_node(
        lp.CourierNode(_make_evaluator, config, num_workers, learner)
    )
  return program


def run_program(
    config: setup.ExperimentConfig,
    *,
    num_actors: int,
    launch_type: Any,
    ray_address: str = '',
) -> List[Dict[str, Any]]:
  """Runs an experiment as a program until it ends.

  If the nodes are processes, the classes of the experiment have to be in
  modules, and not in the script that was started: nodes do not run the script.

  Args:
    config: the experiment.
    num_actors: the number of actors, at least 1.
    launch_type: Launchpad's launch type, such as 'local_mt'.
    ray_address: the address of a Ray cluster, see `lp.launch_and_wait`.

  Returns:
    The rows of the last evaluation; none if the table could not be written.

  Raises:
    ValueError: as `experiment.run_experiment`.
    supervisor.ProgramError: if a node failed for good. The run can be resumed
      from its last checkpoint.
    ImportError, ValueError, ConnectionError: if Ray was asked for and is not
      available; nothing has been written then.
  """
  with config.run_dir.kept_once_stepped():
    if str(getattr(launch_type, 'value', launch_type)).endswith('_mp'):
      _check_modules(config)
    program = make_program(config, num_actors)
    lp.check(launch_type, ray_address)
    setup.prepare(config, num_actors)
    try:
      lp.launch_and_wait(program, launch_type, ray_address)
    finally:
      shutil.rmtree(
          config.run_dir.path / run_directory.REPLAY_FOLDER, ignore_errors=True
      )
  path = config.run_dir.path / 'evaluation.csv'
  if not path.exists():  # The disk was full, for instance.
    return []
  rows = csv_tables.read(path, csv_tables.EVALUATION).rows
  return [row for row in rows if row['env_steps'] == rows[-1]['env_steps']]


# The functions below run in their node's process, and import TensorFlow there.


def _make_tables(config: setup.ExperimentConfig) -> List[reverb.Table]:
  with _importing:
    quiet.quiet_tensorflow()
    return setup.make_builder(config).make_tables(apart=True)


def _make_checkpointer(
    config: setup.ExperimentConfig,
) -> reverb.checkpointers.DefaultCheckpointer:
  with _importing:
    from distillery.agents.core.run_files import checkpoints
    from distillery.agents.core.running import replay_server
  path = config.run_dir.path
  return replay_server.make_checkpointer(path, checkpoints.newest(path))


def _make_counter(config: setup.ExperimentConfig) -> counting.Counter:
  """Returns a counter that starts at the newest checkpoint's steps."""
  with _importing:
    from acme.utils import counting
    from distillery.agents.core.run_files import checkpoints
  counter = counting.Counter()
  checkpoint = checkpoints.newest(config.run_dir.path)
  if checkpoint is not None:
    counter.increment(env_steps=checkpoints.env_steps(checkpoint))
  return counter


def _make_learner(
    config: setup.ExperimentConfig, *arguments: Any
) -> nodes.LearnerNode:
  with _importing:
    quiet.quiet_tensorflow()
    devices.choose(config.device)
    from distillery.agents.core.running import nodes
  return nodes.LearnerNode(config, *arguments)


def _make_actor(
    config: setup.ExperimentConfig, *arguments: Any
) -> nodes.ActorNode:
  with _importing:
    quiet.quiet_tensorflow()
    from distillery.agents.core.running import nodes
  return nodes.ActorNode(config, *arguments)


def _make_evaluator(
    config: setup.ExperimentConfig, *arguments: Any
) -> nodes.EvaluatorNode:
  with _importing:
    quiet.quiet_tensorflow()
    from distillery.agents.core.running import nodes
  return nodes.EvaluatorNode(config, *arguments)
