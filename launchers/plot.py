"""Draws the learning curves of several runs of the same settings.

  python launchers/plot.py RUN_DIR... --output=curves.png

The runs differ in their seed. Curves are interquartile means over tasks and
seeds, bands are 95 % stratified bootstrap intervals.
"""

import dataclasses
import pathlib
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from distillery.agents.core import intervals
from distillery.agents.core import plotting
from distillery.launchers import flag_utils
import numpy as np

# In which runs of one plot may differ; anything else would be averaged away.
_MAY_DIFFER = frozenset({
    'seed', 'run_dir', 'num_workers', 'num_env_steps', 'evaluate_every',
    'checkpoint_every', 'resume',
})
# Distinct for the colour-blind as well (Okabe and Ito).
_COLORS = {'task': '#0072B2', 'shared': '#D55E00'}
_LABELS = {'task': 'task policies', 'shared': 'shared policy'}
_PANELS_A_ROW = 5

Key = Tuple[str, str]  # policy and split


@dataclasses.dataclass(frozen=True)
class PlotOptions:
  """What to draw.

  Attributes:
    output: the picture to write.
    bootstrap_repetitions: resamples of the intervals.
  """

  output: str = 'learning_curves.png'
  bootstrap_repetitions: int = 2000

  def __post_init__(self):
    if not self.output.endswith('.png'):
      raise ValueError(f'output: got {self.output!r}, want a name in .png')
    if self.bootstrap_repetitions <= 0:
      raise ValueError(
          f'bootstrap_repetitions: got {self.bootstrap_repetitions}, want a '
          'number above 0'
      )


class Scores(NamedTuple):
  """Success of one policy on one split in every run."""

  tasks: List[str]
  env_steps: np.ndarray  # int [F], those that every run was evaluated at
  success: np.ndarray  # float [runs, tasks, F]


def read_runs(run_dirs: Sequence[str]) -> Tuple[str, Dict[Key, Scores]]:
  """Reads the evaluations of runs that may be averaged.

  Args:
    run_dirs: directories, each with evaluation.csv and config.json.

  Returns:
    The suite's name, and the scores by policy and split.

  Raises:
    OSError: if a run has no evaluation.csv.
    ValueError: if a file is no table of evaluations, or the runs do not belong
      together.
  """
  configs = [plotting.read_config(run_dir) for run_dir in run_dirs]
  _check_belong_together(run_dirs, configs)
  runs = [
      plotting.read_evaluations(pathlib.Path(run_dir) / 'evaluation.csv')
      for run_dir in run_dirs
  ]
  scores = {}
  for policy in _LABELS:
    for split in ('train', 'test'):
      curves = [plotting.task_curves(run, policy, split) for run in runs]
      if any(curves):
        scores[policy, split] = _stack(run_dirs, curves)
  return str(configs[0].get('suite', '')), scores


def _check_belong_together(
    run_dirs: Sequence[str], configs: Sequence[Dict[str, Any]]
) -> None:
  seeds: Dict[Any, str] = {}
  for run_dir, config in zip(run_dirs, configs):
    for name in sorted(set(configs[0]) | set(config)):
      values = configs[0].get(name), config.get(name)
      if name not in _MAY_DIFFER and values[0] != values[1]:
        raise ValueError(
            f'{name}: got {values[0]} in {run_dirs[0]} and {values[1]} in '
            f'{run_dir}, want runs that differ in their seed alone'
        )
    seed = config.get('seed', run_dir)
    if seed in seeds:
      raise ValueError(
          f'seed: got {seed} in both {seeds[seed]} and {run_dir}, want each '
          'seed once'
      )
    seeds[seed] = run_dir


def _stack(
    run_dirs: Sequence[str], curves: Sequence[plotting.TaskCurves]
) -> Scores:
  """Success `[runs, tasks, F]` at the times that every curve has."""
  tasks = list(curves[0])
  for run_dir, of_run in zip(run_dirs, curves):
    if set(of_run) != set(tasks):
      raise ValueError(
          f'tasks: {run_dirs[0]} and {run_dir} differ in '
          f'{sorted(set(tasks) ^ set(of_run))}, want runs of one suite'
      )
  by_step = [[dict(of_run[task]) for task in tasks] for of_run in curves]
  common = sorted(set.intersection(*(set(c) for run in by_step for c in run)))
  if not common:
    raise ValueError(
        f'env_steps: {", ".join(run_dirs)} have no evaluation at the same '
        'number of steps'
    )
  success = [[[c[step] for step in common] for c in run] for run in by_step]
  return Scores(tasks, np.array(common), np.array(success))


def _seeds(scores: Scores) -> str:
  num_seeds = len(scores.success)
  return f'{num_seeds} seeds' if num_seeds > 1 else '1 seed'


def table(scores: Dict[Key, Scores], repetitions: int) -> str:
  """Returns the figures at the last common time as text."""
  lines = []
  for key, of_key in scores.items():
    lines.append(
        f'{_LABELS[key[0]]}, {len(of_key.tasks)} '
        f'{plotting.SPLIT_NAMES[key[1]]} tasks, {_seeds(of_key)}, '
        f'{of_key.env_steps[-1]:,} steps'
    )
    for statistic in (intervals.interquartile_mean, intervals.mean):
      found = intervals.bootstrap(
          statistic, of_key.success[:, :, -1:], repetitions=repetitions
      )
      name = statistic.__name__.replace('_', ' ')
      lines.append(
          f'  {name:28}{found.value[0]:7.1%}  '
          f'[{found.low[0]:.1%}, {found.high[0]:.1%}]'
      )
    for task, last in zip(of_key.tasks, of_key.success[:, :, -1].T):
      lines.append(
          f'  {task:28}{last.mean():7.1%}  '
          f'({last.min():.0%} to {last.max():.0%})'
      )
  return '\n'.join(lines)


def draw(
    suite: str,
    scores: Dict[Key, Scores],
    repetitions: int,
    path: str,
) -> None:
  """Draws the aggregate, and below it a small panel for each task."""
  from matplotlib import figure
  from matplotlib.backends import backend_agg

  tasks = list(dict.fromkeys(
      (task, key[1]) for key, of_key in scores.items() for task in of_key.tasks
  ))
  num_rows = -(-len(tasks) // _PANELS_A_ROW)
  canvas = backend_agg.FigureCanvasAgg(
      figure.Figure(figsize=(11, 4.4 + 1.9 * num_rows), dpi=120)
  )
  upper, lower = canvas.figure.subfigures(
      2, 1, height_ratios=(4.4, 1.9 * num_rows)
  )
  _draw_aggregates(upper, suite, scores, repetitions)
  panels = lower.subplots(
      num_rows, _PANELS_A_ROW, sharex=True, sharey=True, squeeze=False
  ).flat
  lower.subplots_adjust(
      0.07, 0.3 / (1.9 * num_rows), 0.98, 1 - 0.25 / (1.9 * num_rows),
      hspace=0.35,
  )
  for axes, (task, split) in zip(panels, tasks):
    for key, of_key in scores.items():
      if key[1] == split and task in of_key.tasks:
        of_task = of_key.success[:, of_key.tasks.index(task)]
        color = _COLORS[key[0]]
        axes.plot(of_key.env_steps, of_task.T, color=color, lw=0.6, alpha=0.5)
        axes.plot(of_key.env_steps, of_task.mean(0), color=color, lw=1.8)
    plotting.style_axes(axes)
    axes.set(title=task + (' (test)' if split == 'test' else ''), xlabel='')
    axes.title.set_size(9)
    axes.tick_params(labelsize=7)
  for axes in list(panels):
    axes.set_visible(False)
  canvas.print_png(path)


def _draw_aggregates(
    upper, suite: str, scores: Dict[Key, Scores], repetitions: int
) -> None:
  """Interquartile mean of each policy and split with its interval."""
  axes = upper.subplots()
  upper.subplots_adjust(0.07, 0.14, 0.98, 0.9)
  for (policy, split), of_key in scores.items():
    found = intervals.bootstrap(
        intervals.interquartile_mean, of_key.success, repetitions=repetitions
    )
    color = _COLORS[policy]
    axes.plot(
        of_key.env_steps, found.value, '-' if split == 'train' else '--',
        color=color, lw=2.2,
        label=f'{_LABELS[policy]}, {plotting.SPLIT_NAMES[split]} tasks',
    )
    axes.fill_between(
        of_key.env_steps, found.low, found.high, color=color, alpha=0.2,
        lw=0,
    )
  plotting.style_axes(axes)
  axes.set(
      ylabel='success, interquartile mean',
      title=f'{suite}: {_seeds(of_key)}, 95 % bootstrap intervals',
  )
  axes.legend(frameon=False, loc='upper left')


_OPTIONS = flag_utils.define(PlotOptions)


def main(run_dirs: List[str]) -> None:
  """Reads the runs, prints a table and writes the picture."""
  options = _OPTIONS.value()
  suite, scores = read_runs(run_dirs)
  draw(suite, scores, options.bootstrap_repetitions, options.output)
  print(table(scores, options.bootstrap_repetitions))
  print(f'wrote {options.output}')


if __name__ == '__main__':
  flag_utils.run(main, positional='RUN_DIR')
