"""Compares batches of mazes with minigrid, and measures Distral in mazes.

  python benchmarks/mazes.py

First one core steps the mazes without a policy. Then launchers/run_distral.py
trains with the shipped flagfile for mazes (two columns, each with an LSTM) on
all cores.
"""

import dataclasses
import pathlib
import tempfile
import time
from typing import Callable, List

import bench_report
from distillery.agents.core import config_fields
from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import rules as maze_rules
from distillery.launchers.common import flag_utils
import gymnasium
import launcher_runs
import minigrid  # noqa: F401  Registers its environments.
import numpy as np

_PEER = 'MiniGrid-FourRooms-v0'
# The first blocks compile the learner's step.
_WARM_UP_BLOCKS = 3


@dataclasses.dataclass(frozen=True)
class MazesOptions:
  """The options of the measurement."""

  repetitions: int = config_fields.field(
      5, 'How often each way is measured.', config_fields.POSITIVE
  )
  batch: int = config_fields.field(
      128,
      'The number of mazes that are stepped at once.',
      config_fields.POSITIVE,
  )
  batch_steps: int = config_fields.field(
      400, 'The steps of each maze in a repetition.', config_fields.POSITIVE
  )
  peer_steps: int = config_fields.field(
      5000, 'The steps of minigrid in a repetition.', config_fields.POSITIVE
  )
  bench_env_steps: int = config_fields.field(
      200_000,
      'The environment steps of the training run.',
      config_fields.POSITIVE,
  )
  time_limit_s: float = config_fields.field(
      240.0,
      'The seconds after which the training run is stopped.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('mazes')

  def __post_init__(self):
    config_fields.check_fields(self)


def batch_stepper(tasks, options: MazesOptions) -> Callable[[], int]:
  """Makes a batch of mazes that takes random actions, resets included.

  Args:
    tasks: the mazes, which are repeated to fill the batch.
    options: the options of the measurement.

  Returns:
    A function that steps the batch and returns the number of steps.
  """
  batch = maze_batch.MazeBatch(
      [tasks[i % len(tasks)] for i in range(options.batch)]
  )
  for row in range(options.batch):
    batch.reset(row, row)
  actions = np.random.default_rng(0).integers(
      len(maze_batch.ACTIONS),
      size=(options.batch_steps, options.batch),
      dtype=np.int32,
  )

  def step() -> int:
    for number, action in enumerate(actions):
      _, _, ended = batch.step(action)
      for row in np.flatnonzero(ended):
        batch.reset(row, number)
    return actions.size

  return step


def peer_stepper(options: MazesOptions) -> Callable[[], int]:
  """Makes minigrid's environment; returns a function like `batch_stepper`'s.

  It has no batches, so a single environment is stepped.
  """
  environment = gymnasium.make(_PEER)
  environment.reset(seed=0)
  actions = np.random.default_rng(0).integers(3, size=options.peer_steps)

  def step() -> int:
    for action in actions:
      _, _, terminated, truncated, _ = environment.step(action)
      if terminated or truncated:
        environment.reset()
    return len(actions)

  return step


def stepping_figures(options: MazesOptions) -> List[bench_report.Figure]:
  """Measures steps a second of all ways, in turns in each repetition."""
  steppers = {
      'mazes': batch_stepper(maze_rules.MAZES, options),
      'navigation, a new map each episode': batch_stepper(
          maze_rules.NAVIGATION, options
      ),
      f'minigrid {_PEER}': peer_stepper(options),
  }
  rates = {name: [] for name in steppers}
  for _ in range(options.repetitions):
    for name, step in steppers.items():
      begin = time.perf_counter()
      num_steps = step()
      rates[name].append(num_steps / (time.perf_counter() - begin))
  figures = [
      bench_report.Figure(f'stepping {name}', 'steps/s', values)
      for name, values in rates.items()
  ]
  return [
      *figures,
      bench_report.ratio('mazes : minigrid', figures[0], figures[2]),
  ]


def learning_figures(options: MazesOptions) -> List[bench_report.Figure]:
  """Measures the speed of a training run of the launcher."""
  with tempfile.TemporaryDirectory() as folder:
    rows, _ = launcher_runs.run(
        'run_distral.py',
        'launchers/flags/distral_mazes.cfg',
        [
            f'--num_env_steps={options.bench_env_steps}',
            f'--evaluate_every={options.bench_env_steps}',
            f'--checkpoint_every={options.bench_env_steps}',
        ],
        pathlib.Path(folder) / 'run',
        options.time_limit_s,
    )
  rows = rows[_WARM_UP_BLOCKS:]
  # A repetition is a stretch of several blocks: time between blocks counts as
  # well, and train.csv has times to a hundredth of a second.
  size = len(rows) // options.repetitions
  return [
      bench_report.Figure(
          'learning with an LSTM, end to end',
          'steps/s',
          [
              launcher_runs.whole_rate(rows[i * size : (i + 1) * size + 1])
              for i in range(options.repetitions)
          ],
      ),
      bench_report.Figure(
          'its collecting alone',
          'steps/s',
          [float(row['collect_steps_per_s']) for row in rows],
      ),
  ]


_OPTIONS = flag_utils.define(MazesOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  bench_report.report(
      'Mazes',
      stepping_figures(options) + learning_figures(options),
      options.output,
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=(launcher_runs.RunError,))
