"""Measures SAC's updates and the inserts into replay.

  python benchmarks/off_policy.py

Needs the extra [bench]. Compares an update of multi-task SAC on MT10 with its
matrix products alone and with the whole training; sixty stacked agents with
sixty agents in turn; and our replay with Acme's adder. Each repetition measures
one after the other.
"""

import dataclasses
import itertools
import os
import pathlib
import tempfile
from typing import Callable, List, Sequence

import bench_report
from distillery.agents.core import config_fields
from distillery.launchers.common import flag_utils
import launcher_runs
import numpy as np
import peer_adder

_OBSERVATION_SIZE, _ACTION_SIZE = 39, 4  # The sizes of Meta-World.
_BATCH_OF_A_TASK = 128
_MT10, _HIDDEN = 10, (400, 400, 400)
_BLOCK_STEPS = 50
_TIME_LIMIT_S = 300.0


@dataclasses.dataclass(frozen=True)
class OffPolicyOptions:
  """The options of the measurement."""

  repetitions: int = config_fields.field(
      5, 'How often each thing is measured.', config_fields.POSITIVE
  )
  updates: int = config_fields.field(
      10, 'The number of updates in a learner step.', config_fields.POSITIVE
  )
  agents: int = config_fields.field(
      60, 'The number of stacked agents.', config_fields.POSITIVE
  )
  train_blocks: int = config_fields.field(
      8,
      'The blocks of the training run, 50 updates each; the first two are not '
      'counted.',
      config_fields.POSITIVE,
  )
  transitions: int = config_fields.field(
      10_000,
      'The transitions of each of ten tasks in the replay whose memory is '
      'measured.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('off_policy')

  def __post_init__(self):
    config_fields.check_fields(self)


def learner_step(
    architecture: str,
    num_tasks: int,
    hidden_sizes: Sequence[int],
    num_updates: int,
) -> Callable[[], None]:
  """Makes SAC's learner on random transitions.

  Args:
    architecture: 'shared', 'multi_head' or 'separate'.
    num_tasks: the number of tasks, each with 128 transitions in a batch.
    hidden_sizes: the sizes of the hidden layers of policy and critics.
    num_updates: the number of updates in a step.

  Returns:
    The learner's step.
  """
  from distillery.agents.sac import builder
  from distillery.agents.sac import config as sac_config
  from distillery.agents.sac import learning
  import tensorflow as tf

  config = sac_config.SACConfig(
      architecture=architecture,
      observes_task=architecture == 'shared',
      hidden_sizes=tuple(hidden_sizes),
      critic_hidden_sizes=tuple(hidden_sizes),
      batch_size=num_tasks * _BATCH_OF_A_TASK,
      updates_per_step=num_updates,
      unroll_length=num_updates,
  )
  spec = agent_spec(num_tasks)
  width = 2 * _OBSERVATION_SIZE + _ACTION_SIZE + 2
  rows = np.random.default_rng(0).uniform(
      -1.0, 1.0, (num_updates, num_tasks, _BATCH_OF_A_TASK, width)
  )
  return learning.SACLearner(
      config,
      builder.SACBuilder(config, spec).make_networks(seed=0),
      spec,
      0,
      iterator=itertools.repeat(tf.constant(rows, tf.float32)),
  ).step


def agent_spec(num_tasks: int):
  """Returns the spec of an agent with `num_tasks` tasks like Meta-World's."""
  from distillery.agents.core import specs as core_specs
  from dm_env import specs

  return core_specs.AgentSpec(
      num_tasks,
      0,
      specs.Array((_OBSERVATION_SIZE,), np.float32),
      specs.BoundedArray((_ACTION_SIZE,), np.float32, -1.0, 1.0),
  )


def products(num_updates: int) -> Callable[[], None]:
  """Returns a function that does only the matrix products of updates of MT10.

  Three things are one product each: a layer's forward pass, the gradient of its
  weights, and the gradient of its input. An update passes each of the policy's
  layers forward twice and back once. It passes the layers of the two critics
  forward three times (targets, values and the policy's actions) and back twice
  (once for their weights and once for the actions alone).
  """
  import tensorflow as tf

  rows, units = _MT10 * _BATCH_OF_A_TASK, _HIDDEN[0]
  inputs = _OBSERVATION_SIZE + _MT10 + _ACTION_SIZE
  layers = [inputs * units, *[units * units] * (len(_HIDDEN) - 1), units]
  passes = 4 + 2 * 6
  count = round(num_updates * passes * sum(layers) / units**2)
  x, weight = tf.random.normal([rows, units]), tf.random.normal([units, units])

  @tf.function
  def multiply():
    y = x
    for _ in tf.range(count):
      y = 0.05 * tf.matmul(y, weight)
    return y

  return lambda: multiply().numpy()


def insert(num_tasks: int, max_size: int) -> Callable[[], None]:
  """Makes a replay of transitions.

  Args:
    num_tasks: the number of tasks, each with a table.
    max_size: the number of transitions in a table.

  Returns:
    A function that writes a block of 50 steps of each task.
  """
  from distillery.agents.core.replay import transitions as replay_transitions
  import reverb

  server = reverb.Server(
      replay_transitions.make_tables(
          agent_spec(num_tasks), max_size=max_size, min_size=1
      ),
      port=None,
  )
  inserter = replay_transitions.Inserter(
      reverb.Client(f'localhost:{server.port}'), num_tasks
  )
  rng = np.random.default_rng(0)
  shape = (num_tasks, _BLOCK_STEPS, 1)
  block = {
      name: rng.normal(size=shape + size).astype(np.float32)
      for name, size in (
          ('observation', (_OBSERVATION_SIZE,)),
          ('action', (_ACTION_SIZE,)),
          ('reward', ()),
          ('discount', ()),
          ('next_observation', (_OBSERVATION_SIZE,)),
      )
  }

  def write():
    # Reverb's server ends with the last reference to it.
    assert server.port
    inserter('task', block)

  return write


def replay_figures(options: OffPolicyOptions) -> List[bench_report.Figure]:
  """Measures the memory of a transition, and inserts of ours and of Acme."""
  write = insert(_MT10, options.transitions)
  write()
  num_blocks = options.transitions // _BLOCK_STEPS
  before = resident_bytes()
  for _ in range(num_blocks):
    write()
  weight = (resident_bytes() - before) / (num_blocks * _BLOCK_STEPS * _MT10)
  steps = {
      'replay': write,
      "Acme's adder": peer_adder.insert(
          _OBSERVATION_SIZE, _ACTION_SIZE, _BLOCK_STEPS * _MT10
      ),
  }
  ours, peer = bench_report.rates(
      steps,
      dict.fromkeys(steps, _BLOCK_STEPS * _MT10),
      'inserts/s',
      options.repetitions,
  )
  return [
      bench_report.Figure('memory of a transition', 'bytes', [weight]),
      ours,
      peer,
      bench_report.ratio("replay : Acme's adder", ours, peer),
  ]


def resident_bytes() -> int:
  """Returns the memory of this process, with Reverb's server, in bytes."""
  pages = pathlib.Path('/proc/self/statm').read_text(encoding='utf-8').split()
  return int(pages[1]) * os.sysconf('SC_PAGE_SIZE')


def training(options: OffPolicyOptions) -> bench_report.Figure:
  """Measures run_sac.py on MT10, started as a user does."""
  random_steps = 200
  num_env_steps = _MT10 * (random_steps + _BLOCK_STEPS * options.train_blocks)
  with tempfile.TemporaryDirectory() as folder:
    rows, _ = launcher_runs.run(
        'run_sac.py',
        'launchers/flags/sac_mt10.cfg',
        [
            f'--num_env_steps={num_env_steps}',
            f'--random_steps={random_steps}',
            f'--unroll_length={_BLOCK_STEPS}',
            f'--evaluate_every={10 * num_env_steps}',
        ],
        pathlib.Path(folder) / 'run',
        _TIME_LIMIT_S,
    )
  # There is one update for ten steps, one step of each task.
  return bench_report.Figure(
      'MT-SAC on MT10, end to end',
      'updates/s',
      [float(row['steps_per_s']) / _MT10 for row in rows[2:]],
  )


def repeated(step: Callable[[], None], times: int) -> Callable[[], None]:
  """Returns a function that calls `step` several times.

  It stands for several agents in turn, whose steps all cost the same.

  Args:
    step: the function to call.
    times: the number of calls.
  """

  def steps():
    for _ in range(times):
      step()

  return steps


_OPTIONS = flag_utils.define(OffPolicyOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  updates, agents = options.updates, options.agents
  names = ('MT-SAC update, batch 1,280', 'its matrix products alone')
  update, bound = bench_report.rates(
      dict(
          zip(
              names,
              (
                  learner_step('shared', _MT10, _HIDDEN, updates),
                  products(updates),
              ),
          )
      ),
      dict.fromkeys(names, updates),
      'updates/s',
      options.repetitions,
  )
  end_to_end = training(options)
  figures = [
      update,
      bound,
      bench_report.ratio('update : matrix products', update, bound),
      end_to_end,
      bench_report.ratio('end to end : update alone', end_to_end, update),
  ]
  for units in (256, 64):
    stacked, whole, single = (
        learner_step('separate', num_tasks, (units, units), num_updates)
        for num_tasks, num_updates in ((agents, updates), (1, updates), (1, 1))
    )
    name = f'{agents} agents of 2 x {units}'
    names = (
        f'{name}, stacked',
        f'{name}, in turn',
        f'{name}, in turn, an update a call',
    )
    together, *apart = bench_report.rates(
        dict(
            zip(
                names,
                (stacked, repeated(whole, agents), repeated(single, agents)),
            )
        ),
        dict(zip(names, (updates, updates, 1))),
        'updates of all/s',
        options.repetitions,
    )
    figures += [together]
    for figure in apart:
      figures += [
          figure,
          bench_report.ratio(
              f'stacked : in turn{figure.name.partition("in turn")[2]}',
              together,
              figure,
          ),
      ]
  figures += replay_figures(options)
  bench_report.report('Off-policy', figures, options.output)


if __name__ == '__main__':
  flag_utils.run(main, errors=(launcher_runs.RunError,))
