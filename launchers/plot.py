"""Draws the learning curves of runs on one suite, or their adaptation.

  python launchers/plot.py RUN_DIR... --output=curves.png [--over=hours]
  python launchers/plot.py RUN_DIR... --adaptation=test --output=adapted.png

Runs that differ only in their seed are averaged; other agents and settings get
curves of their own. Curves are interquartile means over tasks and seeds, bands
are stratified bootstrap intervals. With --adaptation the picture shows how
meta-learners adapt, from the tables of `adapt.py`: the final distance to the
target (or the success) after each trajectory, by family and by task, and the
latents.
"""

import dataclasses
import itertools
import pathlib
from typing import Dict, List, Literal, Tuple

from distillery.agents.core import config_fields
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import intervals
from distillery.agents.core.run_files import pictures
from distillery.agents.core.run_files import user_paths
from distillery.launchers.common import flag_utils
from distillery.launchers.figures import adaptation as adaptation_figures
from distillery.launchers.figures import run_scores

# The colours of Okabe and Ito, which colour-blind people can tell apart.
_COLORS = (
    '#0072B2',
    '#D55E00',
    '#009E73',
    '#CC79A7',
    '#E69F00',
    '#56B4E9',
    '#000000',
)
_STYLES = {
    ('task', 'train'): '-',
    ('shared', 'train'): '--',
    ('shared', 'test'): ':',
}
_PANELS_A_ROW = 5
_LEGEND_WIDTH = 130  # Characters.


@dataclasses.dataclass(frozen=True)
class PlotOptions:
  """The options of the picture."""

  output: str = config_fields.field(
      'learning_curves.png',
      'The path of the picture, in .png.',
      config_fields.ends_in('.png'),
      is_path=True,
  )
  bootstrap_repetitions: int = config_fields.field(
      2000, 'The number of resamples for the intervals.', config_fields.POSITIVE
  )
  over: Literal['env_steps', 'hours'] = config_fields.field(
      'env_steps',
      "The horizontal axis: 'env_steps', or 'hours' for the wall time that "
      'the runs recorded (the mean over seeds).',
  )
  score: Literal['success', 'return'] = config_fields.field(
      'success', "The vertical axis, 'success' or 'return'."
  )
  adaptation: Literal['', 'train', 'test'] = config_fields.field(
      '',
      "The split, 'train' or 'test', whose adaptation is drawn. Empty: "
      'learning curves are drawn.',
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


def _seeds(*scores: run_scores.Scores) -> str:
  counts = sorted({len(of_key.success) for of_key in scores})
  noun = 'seed' if counts == [1] else 'seeds'
  return f'{" to ".join(map(str, counts[:1] + counts[1:][-1:]))} {noun}'


def table(
    scores: run_scores.ByKey, repetitions: int, score: str = 'success'
) -> str:
  """Returns the scores at the last common evaluation as text.

  Args:
    scores: the scores by settings, policy and split.
    repetitions: the number of resamples for the intervals.
    score: 'success', a share, or 'return'.

  Returns:
    For each key the interquartile mean and the mean with their intervals, and
    for each task the mean and the range over seeds.
  """
  fine, coarse = ('.1%', '.0%') if score == 'success' else ('.1f', '.0f')
  lines = []
  for key, of_key in scores.items():
    lines.append(
        f'{display.on_one_line(key.curve)}, {len(of_key.tasks)} '
        f'{curves.SPLIT_NAMES[key.split]} tasks, {_seeds(of_key)}, '
        f'{of_key.env_steps[-1]:,} steps'
    )
    for statistic in (intervals.interquartile_mean, intervals.mean):
      found = intervals.bootstrap(
          statistic, of_key.success[:, :, -1:], repetitions=repetitions
      )
      name = statistic.__name__.replace('_', ' ')
      lines.append(
          f'  {name:28}{found.value[0]:7{fine}}  '
          f'[{found.low[0]:{fine}}, {found.high[0]:{fine}}]'
      )
    for task, last in zip(of_key.tasks, of_key.success[:, :, -1].T):
      lines.append(
          f'  {display.on_one_line(task):28}{last.mean():7{fine}}  '
          f'({last.min():{coarse}} to {last.max():{coarse}})'
      )
  return '\n'.join(lines)


def draw(
    suite: str,
    scores: run_scores.ByKey,
    options: PlotOptions,
) -> None:
  """Draws the aggregate, and below it a small panel for each task.

  Args:
    suite: the name of the suite, for the title.
    scores: the scores by settings, policy and split.
    options: the options of the picture, with its file name.

  Raises:
    OSError: if the picture cannot be written.
  """
  tasks = list(
      dict.fromkeys(
          (task, key.split)
          for key, of_key in scores.items()
          for task in of_key.tasks
      )
  )
  num_rows = -(-len(tasks) // _PANELS_A_ROW)
  colors = _colors(scores)
  with pictures.picture(
      pathlib.Path(options.output),
      figsize=(11, 4.4 + 1.9 * num_rows),
      dpi=120,
  ) as figure:
    upper, lower = figure.subfigures(2, 1, height_ratios=(4.4, 1.9 * num_rows))
    _draw_aggregates(upper, suite, scores, colors, options)
    _draw_tasks(lower, tasks, num_rows, scores, colors, options)


def _draw_tasks(
    lower,
    tasks: List[Tuple[str, str]],
    num_rows: int,
    scores: run_scores.ByKey,
    colors: Dict[run_scores.Key, str],
    options: PlotOptions,
) -> None:
  """Draws a panel for each task and split, with every run and their mean."""
  panels = lower.subplots(
      num_rows, _PANELS_A_ROW, sharex=True, sharey=True, squeeze=False
  ).flat
  lower.subplots_adjust(
      0.07,
      0.3 / (1.9 * num_rows),
      0.98,
      1 - 0.25 / (1.9 * num_rows),
      hspace=0.35,
  )
  for (task, split), axes in zip(tasks, panels):
    for key, of_key in scores.items():
      if key.split == split and task in of_key.tasks:
        of_task = of_key.success[:, of_key.tasks.index(task)]
        look = dict(color=colors[key], ls=_style_of(key))
        times = getattr(of_key, options.over)
        axes.plot(times, of_task.T, **look, lw=0.6, alpha=0.5)
        axes.plot(times, of_task.mean(0), **look, lw=1.8)
    _style(axes, options)
    axes.set(
        title=pictures.label(task) + (' (test)' if split == 'test' else ''),
        xlabel='',
    )
    axes.title.set_size(9)
    axes.tick_params(labelsize=7)
  for axes in list(panels):
    axes.set_visible(False)


def _style_of(key: run_scores.Key) -> str:
  """Returns the line's style, which is '-.' for a user's own policy."""
  return _STYLES.get((key.policy, key.split), '-.')


def _style(axes, options: PlotOptions) -> None:
  curves.style_axes(axes, is_share=options.score == 'success')
  if options.over == 'hours':
    axes.set_xlabel('wall time, hours')
    axes.xaxis.set_major_formatter('{x:g}')


def _colors(scores: run_scores.ByKey) -> Dict[run_scores.Key, str]:
  """Returns a colour for each settings; for each policy if all are equal."""
  names = {key: key.settings or key.policy for key in scores}
  palette = dict(zip(dict.fromkeys(names.values()), itertools.cycle(_COLORS)))
  return {key: palette[name] for key, name in names.items()}


def _draw_aggregates(
    upper,
    suite: str,
    scores: run_scores.ByKey,
    colors: Dict[run_scores.Key, str],
    options: PlotOptions,
) -> None:
  """Draws the interquartile mean of each policy and split with its interval."""
  axes = upper.subplots()
  upper.subplots_adjust(0.07, 0.14, 0.98, 0.9)
  lines = []
  for key, of_key in scores.items():
    found = intervals.bootstrap(
        intervals.interquartile_mean,
        of_key.success,
        repetitions=options.bootstrap_repetitions,
    )
    color, times = colors[key], getattr(of_key, options.over)
    (line,) = axes.plot(times, found.value, _style_of(key), color=color, lw=2.2)
    lines.append(
        (line, f'{key.curve}, {curves.SPLIT_NAMES[key.split]} ' 'tasks')
    )
    axes.fill_between(
        times,
        found.low,
        found.high,
        color=color,
        alpha=0.2,
        lw=0,
    )
  _style(axes, options)
  axes.set(
      ylabel=f'{options.score}, interquartile mean',
      title=f'{pictures.label(suite)}: {_seeds(*scores.values())}, 95 % '
      'bootstrap intervals',
  )
  pictures.add_legend(
      axes,
      lines,
      width=_LEGEND_WIDTH,
      frameon=False,
      loc='upper left',
      fontsize=8,
  )


_OPTIONS = flag_utils.define(PlotOptions)


def main(run_dirs: List[str]) -> None:
  """Reads the runs, prints a table and writes the picture."""
  options = _OPTIONS.value()
  run_dirs = [user_paths.expand(run_dir) for run_dir in run_dirs]
  if options.adaptation:
    found = adaptation_figures.read(run_dirs, options.adaptation)
    adaptation_figures.draw(found, pathlib.Path(options.output))
    print(adaptation_figures.table(found))
  else:
    suite, scores = run_scores.read_runs(run_dirs, options.score)
    draw(suite, scores, options)
    print(table(scores, options.bootstrap_repetitions, options.score))
  print(f'wrote {options.output}')


if __name__ == '__main__':
  flag_utils.run(main, positional='RUN_DIR')
