"""Measures the speed of a short training run that starts as a user's does.

  python benchmarks/end_to_end.py

Starts launchers/run_distral.py with the shipped MT10 flagfile. Reads from its
run directory when the first environment stepped and how fast the blocks were.
"""

import dataclasses
import pathlib
import tempfile
from typing import Dict, List

import bench_report
from distillery.agents.core import config_fields
from distillery.launchers.common import flag_utils
import launcher_runs

# In the first blocks the learner's step is compiled, and the cost of each task
# is measured.
_WARM_UP_BLOCKS = 3


@dataclasses.dataclass(frozen=True)
class EndToEndOptions:
  """The options of the run."""

  run_flagfile: str = config_fields.field(
      'launchers/flags/distral_mt10.cfg',
      'The flagfile of the run.',
      is_path=True,
  )
  bench_env_steps: int = config_fields.field(
      400_000, 'The environment steps of the run.', config_fields.POSITIVE
  )
  time_limit_s: float = config_fields.field(
      240.0,
      'The seconds after which the run is stopped.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('end_to_end')

  def __post_init__(self):
    config_fields.check_fields(self)


def figures_of(
    rows: List[Dict[str, str]], first_row_s: float
) -> List[bench_report.Figure]:
  """Returns the speed of a run.

  Args:
    rows: the rows of its train.csv.
    first_row_s: the seconds from the command to the first row.

  Raises:
    ValueError: if the run has too few blocks.
  """
  blocks = rows[_WARM_UP_BLOCKS:]
  if not blocks:
    raise ValueError(
        f'bench_env_steps: got a run of {len(rows)} blocks, want more than '
        f'{_WARM_UP_BLOCKS}'
    )
  whole = bench_report.Figure(
      'training, end to end',
      'steps/s',
      [float(row['steps_per_s']) for row in blocks],
  )
  collecting = bench_report.Figure(
      'its collecting alone',
      'steps/s',
      [float(row['collect_steps_per_s']) for row in blocks],
  )
  # The clock of the run starts right before its first environment steps.
  first_step_s = first_row_s - float(rows[0]['wall_s'])
  return [
      whole,
      collecting,
      bench_report.ratio('end to end : collecting', whole, collecting),
      bench_report.Figure(
          'command to first environment step', 's', [first_step_s]
      ),
      bench_report.Figure('command to first block learned', 's', [first_row_s]),
      bench_report.Figure(
          'all of the run, evaluations and compiling included',
          'steps/s',
          [int(rows[-1]['env_steps']) / float(rows[-1]['wall_s'])],
      ),
  ]


_OPTIONS = flag_utils.define(EndToEndOptions)


def main(_: List[str]) -> None:
  """Runs the launcher and reports its speed."""
  options = _OPTIONS.value()
  with tempfile.TemporaryDirectory() as folder:
    rows, first_row_s = launcher_runs.run(
        'run_distral.py',
        options.run_flagfile,
        [
            f'--num_env_steps={options.bench_env_steps}',
            f'--evaluate_every={10 * options.bench_env_steps}',
        ],
        pathlib.Path(folder) / 'run',
        options.time_limit_s,
    )
  bench_report.report(
      'Training Distral on MT10', figures_of(rows, first_row_s), options.output
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=(launcher_runs.RunError,))
