"""Measures programs of many processes: collecting, restarts, checkpoints.

  python benchmarks/programs.py

Two actors on Ray collect MT10 and send their blocks to Reverb, without a
learner. They are compared with a pool of two workers in one process. Then an
actor is killed and restarted, and a checkpoint with a large replay is written.
"""

import dataclasses
import pathlib
import tempfile
import time
from typing import List, Tuple

import bench_report
import collecting_program
from distillery.agents.core import config_fields
from distillery.agents.core import specs as core_specs
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import setup
from distillery.agents.distral import builder as distral_builder
from distillery.agents.distral import config as distral_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.environments import suites
from distillery.launchers.common import flag_utils
import numpy as np

_BLOCK_STEPS = 500


@dataclasses.dataclass(frozen=True)
class ProgramsOptions:
  """The options of the measurement."""

  repetitions: int = config_fields.field(
      3, 'How often each way to collect is measured.', config_fields.POSITIVE
  )
  seconds: float = config_fields.field(
      15.0, 'The seconds of a repetition.', config_fields.POSITIVE
  )
  kills: int = config_fields.field(
      3, 'How often an actor is killed.', config_fields.POSITIVE
  )
  transitions: int = config_fields.field(
      100_000,
      'The transitions of each of ten tasks in the checkpoint.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('programs')

  def __post_init__(self):
    config_fields.check_fields(self)


def mt10(folder: str) -> setup.ExperimentConfig:
  """Returns the experiment of Distral on MT10, with results in `folder`."""
  return setup.ExperimentConfig(
      agent='distral',
      agent_config=distral_config.DistralConfig(
          envs_per_task=1, unroll_length=_BLOCK_STEPS
      ),
      make_builder=distral_builder.DistralBuilder,
      suite=suites.make_suite('MT10', seed=0),
      seed=0,
      num_env_steps=1,
      run_dir=run_directory.RunDirectory(pathlib.Path(folder), resume=False),
      num_workers=2,
      evaluate_every=1,
      evaluation_episodes=1,
      checkpoint_every=1,
  )


def in_one_process(
    config: setup.ExperimentConfig, options: ProgramsOptions
) -> bench_report.Figure:
  """Measures the pool with two workers, in one process.

  Args:
    config: the agent and its tasks.
    options: the options of the measurement.
  """
  builder = setup.make_builder(config)
  networks = builder.make_networks(0)
  values = []
  with setup.make_pool(config, 2, 0) as pool:
    pool.set_policy(
        builder.make_policy(networks, 'task'),
        {
            name: variable.numpy()
            for name, variable in networks.policy.acting_variables().items()
        },
    )
    for _ in range(6):
      pool.collect()
    for _ in range(options.repetitions):
      begin, steps = time.monotonic(), 0
      while time.monotonic() < begin + options.seconds:
        steps += pool.collect()['reward'].size
      values.append(steps / (time.monotonic() - begin))
  return bench_report.Figure('the pool, 2 workers', 'steps/s', values)


def on_policy_checkpoint(
    config: setup.ExperimentConfig, repetitions: int
) -> bench_report.Figure:
  """Measures the seconds to write a checkpoint of Distral on MT10.

  Args:
    config: the agent and its tasks.
    repetitions: the number of checkpoints.
  """
  from distillery.agents.core.running import agent_parts
  from distillery.agents.core.running import replay_server

  builder, path = setup.make_builder(config), config.run_dir.path
  values = []
  with replay_server.serve(builder, path, None) as client:
    made = agent_parts.AgentParts(builder, client, 0)
    for env_steps in range(repetitions):
      begin = time.monotonic()
      made.save(path, env_steps, {})
      values.append(time.monotonic() - begin)
  return bench_report.Figure('checkpoint of Distral on MT10', 's', values)


def checkpoint_s(options: ProgramsOptions, folder: str) -> Tuple[float, float]:
  """Writes a checkpoint of MT-SAC with a replay.

  Args:
    options: the options of the measurement.
    folder: the directory for the checkpoint.

  Returns:
    The seconds for which learning stops, and those until the checkpoint is
    complete.
  """
  from distillery.agents.core.running import agent_parts
  from distillery.agents.core.running import replay_server
  from dm_env import specs

  config = sac_config.SACConfig(
      architecture='shared',
      observes_task=True,
      batch_size=1280,
      replay_size=options.transitions,
      random_steps=256,
  )
  builder = sac_builder.SACBuilder(
      config,
      core_specs.AgentSpec(
          10,
          0,
          specs.Array((39,), np.float32),
          specs.BoundedArray((4,), np.float32, -1.0, 1.0),
          500,
      ),
  )
  rng, path = np.random.default_rng(0), pathlib.Path(folder)
  with replay_server.serve(builder, path, None) as client:
    made = agent_parts.AgentParts(builder, client, 0)
    insert = builder.make_inserter(builder.spec, client)
    for _ in range(options.transitions // _BLOCK_STEPS):
      lead = (_BLOCK_STEPS, 10, 1)
      insert(
          'task',
          {
              name: rng.normal(size=lead + size).astype(np.float32)
              for name, size in (
                  ('observation', (39,)),
                  ('action', (4,)),
                  ('reward', ()),
                  ('discount', ()),
                  ('next_observation', (39,)),
              )
          },
      )
    begin = time.monotonic()
    made.save(path, 1, {})
    stopped = time.monotonic() - begin
    made.finish_saving()
    return stopped, time.monotonic() - begin


_OPTIONS = flag_utils.define(ProgramsOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  with tempfile.TemporaryDirectory() as folder:
    config = mt10(folder)
    alone = in_one_process(config, options)
    on_policy = on_policy_checkpoint(config, options.repetitions)
    collecting = collecting_program.Collecting(
        dataclasses.replace(config, run_dir=None), begun=6 * 10 * _BLOCK_STEPS
    )
    try:
      apart = bench_report.Figure(
          '2 actors on Ray, to Reverb',
          'steps/s',
          [
              collecting.rate(options.seconds)
              for _ in range(options.repetitions)
          ],
      )
      restarts = []
      for _ in range(options.kills):
        restarts.append(collecting.restart_s())
        collecting.rate(options.seconds)
    finally:
      collecting.close()
  with tempfile.TemporaryDirectory() as folder:
    stopped, whole = checkpoint_s(options, folder)
  bench_report.report(
      'Programs',
      [
          alone,
          apart,
          bench_report.ratio('on Ray : one process', apart, alone),
          bench_report.Figure(
              'an actor killed: until another process', 's', restarts
          ),
          on_policy,
          bench_report.Figure(
              f'checkpoint of MT-SAC, 10 x {options.transitions:,} transitions: '
              'learning stops',
              's',
              [stopped],
          ),
          bench_report.Figure('until it is whole', 's', [whole]),
      ],
      options.output,
  )


if __name__ == '__main__':
  flag_utils.run(main)
