"""Draws the curves and final scores of a study, from the runs' evaluations.

The picture is like figure 4 of Distral's paper. Above are the learning curves
of each algorithm's best setting. Below, if algorithms have several runs, are
the final scores of all runs, the best first, which show how much the scores
depend on setting and seed.
"""

import pathlib
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Union

from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.run_files import curves as learning_curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import run_directory
import numpy as np
from scipy import stats

# A run's score is the mean over its last evaluations, this share of all.
_FINAL_SHARE = 0.1
_COLORS = (
    '#000000',
    '#56B4E9',
    '#CC79A7',
    '#E69F00',
    '#D55E00',
    '#009E73',
    '#0072B2',
)
TITLES = {'task': 'task policies', 'shared': 'distilled policy'}

Evaluations = List[learning_curves.Evaluation]


def read_run(path: pathlib.Path) -> Evaluations:
  """Reads the evaluations of a run; the list is empty if there are none yet.

  Raises:
    ValueError: if the table is damaged, see `csv_tables.read`.
  """
  if not path.exists() or not csv_tables.read(path, {}).rows:
    return []
  return learning_curves.read_evaluations(path)


def curve(
    evaluations: Evaluations, policy: str, metric: str
) -> Dict[int, float]:
  """Returns the learning curve of a policy on the training tasks of a run.

  Args:
    evaluations: the evaluations of the run.
    policy: 'task' or 'shared'. If all tasks share one policy, its curve is also
      that of the task policies.
    metric: 'return' or 'success'.

  Returns:
    The mean over tasks by environment steps; empty if there is no such policy.
  """
  if policy == 'task' and not any(e.policy == 'task' for e in evaluations):
    policy = 'shared'
  values: Dict[int, List[float]] = {}
  for e in evaluations:
    if e.policy == policy and e.split == 'train':
      values.setdefault(e.env_steps, []).append(
          e.return_ if metric == 'return' else e.success
      )
  return {steps: float(np.mean(values[steps])) for steps in sorted(values)}


def score(evaluations: Evaluations, policy: str, metric: str) -> float:
  """Returns the final score of a policy, the mean of its curve's last tenth.

  Args:
    evaluations: the evaluations of the run.
    policy: 'task' or 'shared', see `curve`.
    metric: 'return' or 'success'.

  Returns:
    The score; NaN if the curve is empty.
  """
  values = list(curve(evaluations, policy, metric).values())
  last = max(1, round(_FINAL_SHARE * len(values)))
  return float(np.mean(values[-last:])) if values else float('nan')


class Mean(NamedTuple):
  """A mean, and half of its 95 % interval, which is NaN for a single value."""

  value: float
  half_interval: float


def mean(values: Union[Sequence[float], np.ndarray]) -> Mean:
  """Returns the mean of a few runs, with an interval by Student's t.

  The runs are too few for a bootstrap.
  """
  half = float('nan')
  if len(values) > 1:
    half = float(
        stats.t.ppf(0.975, len(values) - 1)
        * np.std(values, ddof=1)
        / np.sqrt(len(values))
    )
  return Mean(float(np.mean(values)), half)


def write(
    output_dir: pathlib.Path,
    name: str,
    metric: str,
    runs: Mapping[Any, Evaluations],
) -> None:
  """Writes curves.csv, summary.csv and study.png.

  Unfinished runs are only in curves.csv, unless all runs are unfinished.

  Args:
    output_dir: the directory for the files.
    name: the name of the study.
    metric: 'return' or 'success'.
    runs: the evaluations of each `distral_runs.Run`, at least one of each run.

  Raises:
    OSError: if a table cannot be written.
  """
  run_directory.write_csv(
      output_dir / 'curves.csv',
      [
          {
              'algorithm': run.algorithm,
              'cost': run.cost,
              'learning_rate': run.learning_rate,
              'seed': run.seed,
              'policy': policy,
              'env_steps': steps,
              metric: round(value, 4),
          }
          for run, evaluations in runs.items()
          for policy in TITLES
          for steps, value in curve(evaluations, policy, metric).items()
      ],
  )
  runs = {
      run: evaluations
      for run, evaluations in runs.items()
      if evaluations[-1].env_steps >= run.num_env_steps
  } or runs
  run_directory.write_csv(output_dir / 'summary.csv', _summary(metric, runs))
  with display.BestEffort(output_dir / 'study.png'):
    _draw(output_dir / 'study.png', name, metric, runs)


def _summary(
    metric: str, runs: Mapping[Any, Evaluations]
) -> List[Dict[str, Any]]:
  """Returns the rows of summary.csv, one for each algorithm and policy."""
  rows = []
  for policy in TITLES:
    scores = {
        algorithm: _scores(algorithm, policy, metric, runs)
        for algorithm in _algorithms(runs)
    }
    best = max(
        (max(values) for values in scores.values() if len(values)),
        default=float('nan'),
    )
    for algorithm, values in scores.items():
      if not len(values):
        continue
      average = mean(values)
      of_algorithm = [
          e for run, e in runs.items() if run.algorithm == algorithm
      ]
      rows.append(
          {
              'policy': policy,
              'algorithm': algorithm,
              'runs': len(values),
              'least_env_steps': min(e[-1].env_steps for e in of_algorithm),
              'mean': round(average.value, 3),
              'half_interval': round(average.half_interval, 3),
              'percentile_10': round(float(np.percentile(values, 10)), 3),
              'above_half_of_best': round(
                  float(np.mean(values > 0.5 * best)), 3
              ),
              'best': round(float(max(values)), 3),
              'best_setting': _best_setting(algorithm, policy, metric, runs),
          }
      )
  return rows


def _algorithms(runs: Mapping[Any, Evaluations]) -> List[str]:
  return list(dict.fromkeys(run.algorithm for run in runs))


def _scores(
    algorithm: str, policy: str, metric: str, runs: Mapping[Any, Evaluations]
) -> np.ndarray:
  """Returns the final scores of an algorithm's runs, the best first."""
  values = [
      score(evaluations, policy, metric)
      for run, evaluations in runs.items()
      if run.algorithm == algorithm
  ]
  return -np.sort(-np.array([v for v in values if np.isfinite(v)]))


def _curves(
    algorithm: str, policy: str, metric: str, runs: Mapping[Any, Evaluations]
) -> Dict[str, List[Dict[int, float]]]:
  """Returns an algorithm's curves by setting, one for each seed."""
  found: Dict[str, List[Dict[int, float]]] = {}
  for run, evaluations in runs.items():
    if run.algorithm == algorithm:
      values = curve(evaluations, policy, metric)
      if values:
        found.setdefault(
            f'cost {run.cost:g}, rate {run.learning_rate:g}', []
        ).append(values)
  return found


def _best_setting(
    algorithm: str, policy: str, metric: str, runs: Mapping[Any, Evaluations]
) -> str:
  """Returns the setting with the largest mean area under the curve."""
  areas = {
      setting: np.mean([np.mean(list(values.values())) for values in curves])
      for setting, curves in _curves(algorithm, policy, metric, runs).items()
  }
  return max(areas, key=areas.__getitem__)


def _draw(
    path: pathlib.Path, name: str, metric: str, runs: Mapping[Any, Evaluations]
) -> None:
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  colors = dict(zip(_algorithms(runs), _COLORS))
  # With one run of each algorithm the curves show everything.
  num_rows = 1 if len(runs) == len(colors) else 2
  figure, axes = plt.subplots(
      num_rows,
      2,
      figsize=(12, 4 * num_rows),
      layout='constrained',
      squeeze=False,
  )
  for (above, *below), policy in zip(axes.T, TITLES):
    for algorithm, color in colors.items():
      scores = _scores(algorithm, policy, metric, runs)
      if not len(scores):
        continue
      setting = _best_setting(algorithm, policy, metric, runs)
      draw_curves(
          above,
          _curves(algorithm, policy, metric, runs)[setting],
          f'{algorithm} ({setting})',
          color,
      )
      for ranked in below:
        ranked.plot(range(1, len(scores) + 1), scores, color=color, marker='.')
    above.set(
        title=f'{name}: {TITLES[policy]}, best setting',
        xlabel='environment steps of all tasks',
        ylabel=f'mean {metric} of the tasks',
    )
    above.legend(fontsize=7)
    for ranked in below:
      ranked.set(
          xlabel='run, the best first',
          ylabel=f'final {metric}',
          title='all settings and seeds',
      )
  figure.suptitle(_what_is_drawn(list(colors), runs), fontsize=9)
  figure.savefig(path, dpi=90)
  plt.close(figure)


def _what_is_drawn(
    algorithms: Sequence[str], runs: Mapping[Any, Evaluations]
) -> str:
  """Counts the runs, algorithms, settings, seeds and steps of a figure."""
  settings = max(
      len(
          {
              (run.cost, run.learning_rate)
              for run in runs
              if run.algorithm == algorithm
          }
      )
      for algorithm in algorithms
  )
  seeds = len({run.seed for run in runs})
  steps = {evaluations[-1].env_steps for evaluations in runs.values()}
  reached = ' to '.join(f'{end:,}' for end in sorted({min(steps), max(steps)}))
  return (
      f'{len(runs)} runs: {len(algorithms)} algorithms, settings of each: '
      f'{settings}, seeds: {seeds}; {reached} steps'
      + ('; bands go from the worst to the best seed' if seeds > 1 else '')
  )


def draw_curves(
    axes: Any, curves: Sequence[Dict[int, float]], label: str, color: str
) -> None:
  """Draws the mean and range of some seeds, at the steps that all have.

  Args:
    axes: the axes of the picture.
    curves: the score of each seed by environment steps, at least one.
    label: the text of the legend.
    color: the color of the line and of the band, which goes from the worst to
      the best seed.
  """
  steps = sorted(set.intersection(*(set(values) for values in curves)))
  values = np.array([[of_seed[step] for step in steps] for of_seed in curves])
  axes.plot(steps, values.mean(axis=0), color=color, label=label)
  axes.fill_between(
      steps,
      values.min(axis=0),
      values.max(axis=0),
      color=color,
      alpha=0.15,
      linewidth=0,
  )
