"""Programs of many processes, beside one process: collecting, and faults.

  python benchmarks/programs.py

Two actors on Ray collect MT10 and send their blocks to Reverb, for nobody who
learns; beside them the pool with two workers, in one process. Then an actor is
killed, and a checkpoint with a large replay is written.
"""

import dataclasses
import functools
import os
import pathlib
import signal
import tempfile
import time
from typing import Any, Dict, List

import bench_report
from distillery.agents.core import builders
from distillery.agents.core import experiment
from distillery.agents.core import run_directory
from distillery.agents.distral import builder as distral_builder
from distillery.agents.distral import config as distral_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.environments import suites
from distillery.launchers import flag_utils
from distillery.launching import launching
from distillery.launching import lp
from distillery.launching import reaper
import numpy as np

_BLOCK_STEPS = 500
_WAIT_S = 120.


@dataclasses.dataclass(frozen=True)
class ProgramsOptions:
  """What to measure.

  Attributes:
    repetitions: of collecting with each.
    seconds: of a repetition.
    kills: of an actor.
    transitions: of each of ten tasks in the checkpoint.
    output: the table to write.
  """
  repetitions: int = 3
  seconds: float = 15.
  kills: int = 3
  transitions: int = 100_000
  output: str = 'results/bench/programs.csv'


def mt10(folder: str) -> experiment.ExperimentConfig:
  """Distral on MT10."""
  return experiment.ExperimentConfig(
      agent='distral', agent_config=distral_config.DistralConfig(
          envs_per_task=1, unroll_length=_BLOCK_STEPS),
      make_builder=distral_builder.DistralBuilder,
      suite=suites.make_suite('MT10', seed=0), seed=0, num_env_steps=1,
      run_dir=run_directory.RunDirectory(
          pathlib.Path(folder), resume=False), num_workers=2,
      evaluate_every=1, evaluation_episodes=1, checkpoint_every=1)


class Sink:
  """Stands for a learner: serves variables, and throws the blocks away."""

  def __init__(self, config: experiment.ExperimentConfig, replay: Any):
    """Makes the networks."""
    from distillery.agents.core import replay as queues  # pylint: disable=g-import-not-at-top

    builder = experiment.make_builder(config)
    networks = builder.make_networks(config.seed)
    self._policies = {'task': builder.make_policy(networks, 'task')}
    self._variables = [{name: variable.numpy() for name, variable
                        in networks.policy.acting_variables().items()}]
    self._blocks = queues.make_iterator(replay.server_address, 'task')

  def policies(self, evaluated: bool) -> Dict[str, Any]:
    """What acts."""
    del evaluated
    return self._policies

  def get_variables(self, names: List[str]) -> List[Dict[str, np.ndarray]]:
    """The same ones, always."""
    del names
    return self._variables

  def add_episodes(self, episodes: List[Any]) -> bool:
    """Always wants more."""
    del episodes
    return True

  def run(self) -> None:
    """Takes blocks until the end."""
    while not lp.stop_event().is_set():
      next(self._blocks)


def make_tables(config: experiment.ExperimentConfig) -> List[Any]:
  """The agent's."""
  return experiment.make_builder(config).make_tables(apart=True)


def make_counter() -> Any:
  """Acme's."""
  from acme.utils import counting  # pylint: disable=g-import-not-at-top

  return counting.Counter()


def make_actor(*args: Any) -> Any:
  """The agent's."""
  from distillery.agents.core import nodes  # pylint: disable=g-import-not-at-top

  return nodes.ActorNode(*args)


class Collecting:
  """A program of two actors, and nobody who learns."""

  def __init__(self, config: experiment.ExperimentConfig):
    """Launches it, and waits for its first blocks."""
    program = lp.Program('collecting')
    replay = program.add_node(
        lp.ReverbNode(functools.partial(make_tables, config)), label='replay')
    counter = program.add_node(lp.CourierNode(make_counter), label='counter')
    sink = program.add_node(
        lp.CourierNode(Sink, config, replay), label='learner')
    for index in range(2):
      program.add_node(lp.CourierNode(
          make_actor, config, index, 1, replay, counter, sink), label='actor')
    self._manager = launching.launch(program, 'test_mp')
    self._counter = counter.dereference()
    self._wait_for_steps(6 * 10 * _BLOCK_STEPS)

  def rate(self, seconds: float) -> float:
    """Steps a second."""
    begin, before = time.monotonic(), self._steps()
    time.sleep(seconds)
    return (self._steps() - before) / (time.monotonic() - begin)

  def restart_s(self) -> float:
    """Kills an actor; seconds until another process is in its place."""
    actor = _process_of('actor/0')
    os.kill(actor, signal.SIGKILL)
    begin = time.monotonic()
    while _process_of('actor/0') in (actor, 0):
      if time.monotonic() > begin + _WAIT_S:
        raise TimeoutError(f'no other actor in {_WAIT_S:.0f} s')
      time.sleep(0.05)
    return time.monotonic() - begin

  def close(self) -> None:
    """Ends the program."""
    self._manager.stop()

  def _steps(self) -> int:
    return self._counter.get_counts().get('env_steps', 0)

  def _wait_for_steps(self, steps: int) -> None:
    deadline = time.monotonic() + _WAIT_S
    while self._steps() < steps:
      if time.monotonic() > deadline:
        raise TimeoutError(f'no {steps} steps in {_WAIT_S:.0f} s')
      time.sleep(0.1)


def _process_of(node: str) -> int:
  """Id of a node's process; 0 if there is none."""
  for process in reaper.descendants([os.getpid()]):
    path = pathlib.Path(f'/proc/{process}')
    try:
      if f'DISTILLERY_NODE={node}\0'.encode() in (
          path / 'environ').read_bytes() and (
              path / 'comm').read_text().startswith('ray::'):
        return process
    except OSError:
      pass  # It ended, or is another user's.
  return 0


def in_one_process(config: experiment.ExperimentConfig,
                   options: ProgramsOptions) -> bench_report.Figure:
  """The pool with two workers."""
  builder = experiment.make_builder(config)
  networks = builder.make_networks(0)
  values = []
  with experiment.make_pool(config, 2, 0) as pool:
    pool.set_policy(builder.make_policy(networks, 'task'), {
        name: variable.numpy() for name, variable
        in networks.policy.acting_variables().items()})
    for _ in range(6):
      pool.collect()
    for _ in range(options.repetitions):
      begin, steps = time.monotonic(), 0
      while time.monotonic() < begin + options.seconds:
        steps += pool.collect()['reward'].size
      values.append(steps / (time.monotonic() - begin))
  return bench_report.Figure('the pool, 2 workers', 'steps/s', values)


def on_policy_checkpoint(config: experiment.ExperimentConfig,
                         repetitions: int) -> bench_report.Figure:
  """Writes checkpoints of Distral on MT10."""
  from distillery.agents.core import parts  # pylint: disable=g-import-not-at-top
  from distillery.agents.core import serving  # pylint: disable=g-import-not-at-top

  builder, path = experiment.make_builder(config), config.run_dir.path
  values = []
  with serving.serve(builder, path, None) as client:
    made = parts.Parts(builder, client, 0)
    for env_steps in range(repetitions):
      begin = time.monotonic()
      made.save(path, env_steps, {})
      values.append(time.monotonic() - begin)
  return bench_report.Figure('checkpoint of Distral on MT10', 's', values)


def checkpoint_s(options: ProgramsOptions, folder: str) -> float:
  """Writes a checkpoint of MT-SAC with a replay; how long it takes."""
  from distillery.agents.core import parts  # pylint: disable=g-import-not-at-top
  from distillery.agents.core import serving  # pylint: disable=g-import-not-at-top
  from dm_env import specs  # pylint: disable=g-import-not-at-top

  config = sac_config.SACConfig(
      architecture='shared', observes_task=True, batch_size=1280,
      replay_size=options.transitions, random_steps=256)
  builder = sac_builder.SACBuilder(config, builders.AgentSpec(
      10, 0, specs.Array((39,), np.float32),
      specs.BoundedArray((4,), np.float32, -1., 1.), 500))
  rng, path = np.random.default_rng(0), pathlib.Path(folder)
  with serving.serve(builder, path, None) as client:
    made = parts.Parts(builder, client, 0)
    insert = builder.make_inserter(client)
    for _ in range(options.transitions // _BLOCK_STEPS):
      lead = (_BLOCK_STEPS, 10, 1)
      insert('task', {
          name: rng.normal(size=lead + size).astype(np.float32)
          for name, size in (
              ('observation', (39,)), ('action', (4,)), ('reward', ()),
              ('discount', ()), ('next_observation', (39,)))})
    begin = time.monotonic()
    made.save(path, 1, {})
    return time.monotonic() - begin


_OPTIONS = flag_utils.define(ProgramsOptions)


def main(_: List[str]) -> None:
  """Measures and reports."""
  options = _OPTIONS.value()
  with tempfile.TemporaryDirectory() as folder:
    config = mt10(folder)
    alone = in_one_process(config, options)
    on_policy = on_policy_checkpoint(config, options.repetitions)
    collecting = Collecting(dataclasses.replace(
        config, run_dir=None))
    try:
      apart = bench_report.Figure('2 actors on Ray, to Reverb', 'steps/s', [
          collecting.rate(options.seconds)
          for _ in range(options.repetitions)])
      restarts = []
      for _ in range(options.kills):
        restarts.append(collecting.restart_s())
        collecting.rate(options.seconds)
    finally:
      collecting.close()
  with tempfile.TemporaryDirectory() as folder:
    saving = checkpoint_s(options, folder)
  bench_report.report('Programs', [
      alone, apart, bench_report.ratio('on Ray : one process', apart, alone),
      bench_report.Figure('an actor killed: until another process', 's',
                          restarts),
      on_policy,
      bench_report.Figure(
          f'checkpoint of MT-SAC, 10 x {options.transitions:,} transitions',
          's', [saving])], options.output)


if __name__ == '__main__':
  flag_utils.run(main)
