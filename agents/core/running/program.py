"""Any agent as a program of many nodes, for Launchpad's launchers.

  replay     Reverb's server
  counter    environment steps of all actors
  learner    takes batches from replay; serves its policy; writes checkpoints
  actor      any number; each with environments of all tasks, and processes
             that step them
  evaluator  plays evaluation episodes, and ends the program

Blocks go from actors to replay, and variables from the learner to actors once
an unroll. Imports no TensorFlow.
"""

import copy
import functools
import shutil
import threading
from typing import Any, Dict, List

from distillery.agents.core import run_directory
from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.running import setup
from distillery.distributed import lp
from distillery.distributed import quiet
from distillery.environments import pickling

# Held by a node's thread while it imports Acme, Reverb and TensorFlow. If two
# import at once what imports each other, as the modules of these do, Python
# resolves the deadlock by giving one of them a module that is half made.
_importing = threading.Lock()


class _Config(setup.ExperimentConfig):
  """An experiment as its nodes get it, in this process or in others."""

  def __getstate__(self) -> Dict[str, Any]:
    """Checks that other processes can import what it is made of.

    Raises:
      ValueError: if not; says what to do.
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
  }.items():
    pickling.check_for_program(part, what)


def make_program(config: setup.ExperimentConfig, num_actors: int) -> lp.Program:
  """Lays out an experiment; launch it with `lp.launch`.

  Args:
    config: of the experiment, the same as of `run_experiment`. Each actor has
      `agent_config.envs_per_task` environments of each task, and its share of
      `num_workers` processes.
    num_actors: how many.

  Raises:
    ValueError: if there is no actor, agent and suite do not fit, or workers
      could not import what a task is made of.
  """
  if num_actors < 1:
    raise ValueError(f'num_actors: got {num_actors}, want at least 1.')
  # The lock of the directory stays with who launches the program, and nodes
  # may live in another working directory.
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
  """Runs an experiment as a program, to its end.

  What it is made of comes from modules, and not from the script that was
  started, if its nodes are processes: they do not run the script.

  Args:
    config: of the experiment.
    num_actors: see `make_program`.
    launch_type: of Launchpad, such as 'local_mt'.
    ray_address: see `lp.launch_and_wait`.

  Returns:
    The rows of the last evaluation.

  Raises:
    ValueError: as `experiment.run_experiment`.
    supervisor.ProgramError: if a node failed for good. The run can go on from
      its last checkpoint.
    ImportError, ValueError, ConnectionError: if Ray is wanted and cannot be
      had, before anything is written.
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
  if not path.exists():  # It could not be written.
    return []
  rows = csv_tables.read(path, csv_tables.EVALUATION).rows
  return [row for row in rows if row['env_steps'] == rows[-1]['env_steps']]


# Each is called in its node's process, where TensorFlow is imported at last.


def _make_tables(config: setup.ExperimentConfig):
  with _importing:
    quiet.quiet_tensorflow()
    return setup.make_builder(config).make_tables(apart=True)


def _make_checkpointer(config: setup.ExperimentConfig):
  with _importing:
    from distillery.agents.core import checkpoints
    from distillery.agents.core.running import replay_server
  path = config.run_dir.path
  return replay_server.make_checkpointer(path, checkpoints.newest(path))


def _make_counter(config: setup.ExperimentConfig):
  """Counts environment steps, from those of the newest checkpoint on."""
  with _importing:
    from acme.utils import counting
    from distillery.agents.core import checkpoints
  counter = counting.Counter()
  checkpoint = checkpoints.newest(config.run_dir.path)
  if checkpoint is not None:
    counter.increment(env_steps=checkpoints.env_steps(checkpoint))
  return counter


def _make_learner(config: setup.ExperimentConfig, *arguments):
  with _importing:
    quiet.quiet_tensorflow()
    from distillery.agents.core.running import devices

    devices.choose(config.device)
    from distillery.agents.core.running import nodes
  return nodes.LearnerNode(config, *arguments)


def _make_actor(config: setup.ExperimentConfig, *arguments):
  with _importing:
    quiet.quiet_tensorflow()
    from distillery.agents.core.running import nodes
  return nodes.ActorNode(config, *arguments)


def _make_evaluator(config: setup.ExperimentConfig, *arguments):
  with _importing:
    quiet.quiet_tensorflow()
    from distillery.agents.core.running import nodes
  return nodes.EvaluatorNode(config, *arguments)
