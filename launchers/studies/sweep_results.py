"""Writes the table and the picture of a sweep."""

import pathlib
from typing import Any, Sequence

from distillery.agents.core.run_files import pictures
from distillery.agents.core.run_files import run_directory
from distillery.launchers.figures import studies as study_figures
from distillery.launchers.studies import search_spaces
from distillery.launchers.studies import searches
import numpy as np

_NUM_COLORS = 6  # The best settings have a color each, and the others are grey.


def write(
    output_dir: pathlib.Path,
    sweep: searches.Sweep,
    trials: Sequence[searches.Trial],
) -> None:
  """Writes sweep.csv and sweep.png.

  Args:
    output_dir: the directory for the files.
    sweep: the description of the sweep.
    trials: all settings, the best first.
  """
  rows = []
  for trial in trials:
    average = study_figures.mean(trial.scores or [float('nan')])
    rows.append(
        {
            'state': trial.state,
            **trial.params,
            'seeds': len(trial.scores),
            'env_steps': min((max(c) for c in trial.curves), default=0),
            sweep.metric: round(average.value, 4),
            'half_interval': round(average.half_interval, 4),
        }
    )
  run_directory.write_csv(output_dir / 'sweep.csv', rows)
  names = list(sweep.space)
  with pictures.picture(
      output_dir / 'sweep.png',
      figsize=(6 + 3 * len(names), 4),
      layout='constrained',
  ) as figure:
    above, *others = figure.subplots(
        1, 1 + len(names), width_ratios=[2] + [1] * len(names), squeeze=False
    )[0]
    _draw_curves(above, sweep, trials)
    for axes, name in zip(others, names):
      _draw_scores(axes, sweep, trials, name)


def _draw_curves(
    axes: Any, sweep: searches.Sweep, trials: Sequence[searches.Trial]
) -> None:
  """Draws the mean of the seeds' curves, at the steps that all have."""
  lines = []
  for i, trial in reversed(list(enumerate(trials))):
    if not trial.curves:
      continue
    steps = sorted(set.intersection(*(set(c) for c in trial.curves)))
    values = [np.mean([c[step] for c in trial.curves]) for step in steps]
    is_best = i < _NUM_COLORS
    (line,) = axes.plot(
        steps, values, color=f'C{i}' if is_best else 'lightgrey', marker='.'
    )
    if is_best:
      label = ', '.join(f'{name}={text}' for name, text in trial.params.items())
      lines.append((line, f'{label} ({trial.state})'))
  pictures.add_legend(axes, lines[::-1], width=40, fontsize=6)
  axes.set(
      title=f'{len(trials)} settings, seeds {", ".join(map(str, sweep.seeds))}',
      xlabel='environment steps of all tasks',
      ylabel=f'mean {sweep.metric} of the tasks, {sweep.policy} policy',
  )


def _draw_scores(
    axes: Any,
    sweep: searches.Sweep,
    trials: Sequence[searches.Trial],
    name: str,
) -> None:
  """Draws the score of each finished setting over the value of one flag."""
  finished = [trial for trial in trials if trial.state == 'finished']
  each = sweep.space[name]
  scores = [trial.mean for trial in finished]
  if isinstance(each, search_spaces.Values):
    places = [float(each.texts.index(trial.params[name])) for trial in finished]
    axes.set_xticks(range(len(each.texts)), each.texts, fontsize=7)
  else:
    places = [float(trial.params[name]) for trial in finished]
    axes.set_xscale('log' if each.is_log else 'linear')
  axes.plot(places, scores, 'o', color='C0')
  axes.set(title=name, ylabel=f'final {sweep.metric}')
