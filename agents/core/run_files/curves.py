"""Draws a run's learning curve: the score of each task over steps."""

from __future__ import annotations

import os
import pathlib
import typing
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import pictures
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.run_files import user_paths

if typing.TYPE_CHECKING:
  from matplotlib import axes as matplotlib_axes

# If there are more tasks, their lines are grey and have no legend.
_MAX_NAMED_TASKS = 12
SPLIT_NAMES = {'train': 'training', 'test': 'test'}
_POLICY_TITLES = {'task': 'Task policies', 'shared': 'Shared policy'}


class Evaluation(NamedTuple):
  """A row of evaluation.csv: one policy on one task at one time."""

  env_steps: int
  wall_s: float
  policy: str
  task: str
  split: str
  success: float
  return_: float


# The curves of one policy on one split: task -> [(env_steps, score), ...].
TaskCurves = Dict[str, List[Tuple[int, float]]]


def read_evaluations(path: os.PathLike[str]) -> List[Evaluation]:
  """Reads an evaluation.csv, which a run may still be writing.

  Args:
    path: the path of the file.

  Returns:
    The rows, without a last line that is not whole yet.

  Raises:
    OSError: if there is no such file.
    ValueError: if the file is not a table of evaluations, has no rows, or has a
      row that is not whole.
  """
  columns, rows = csv_tables.read(path, csv_tables.EVALUATION)
  if not columns:
    raise ValueError(
        f'{path}: got no columns; want '
        f'{", ".join(run_directory.EVALUATION_COLUMNS)}'
    )
  if not rows:
    raise ValueError(f'{path}: got no rows, want at least one evaluation')
  return [
      Evaluation(
          row['env_steps'],
          row['wall_s'],
          row['policy'],
          row['task'],
          row['split'],
          row['success'],
          row['return'],
      )
      for row in rows
  ]


def flat_config(run_dir: os.PathLike[str]) -> Dict[str, object]:
  """Returns the config of a run as one flat mapping of names to values.

  Args:
    run_dir: the directory of a run, or a copy of its result files.

  Returns:
    The values by name, with the file's sections merged; empty if there is no
    such file.

  Raises:
    ValueError: if the file does not have the form in which a run writes it.
  """
  path = pathlib.Path(user_paths.expand(run_dir))
  if not json_files.has_config(path):
    return {}
  flat: Dict[str, object] = {}
  for name, value in json_files.read_config(path).items():
    flat.update(value if isinstance(value, dict) else {name: value})
  return flat


def policies_of(evaluations: Sequence[Evaluation]) -> List[str]:
  """Returns the names of the policies, 'task' and 'shared' first."""
  found = dict.fromkeys(row.policy for row in evaluations)
  return [
      *(name for name in _POLICY_TITLES if name in found),
      *(name for name in found if name not in _POLICY_TITLES),
  ]


def task_curves(
    evaluations: Sequence[Evaluation],
    policy: str,
    split: str,
    score: str = 'success',
) -> TaskCurves:
  """Returns the curves of one policy on one split.

  Args:
    evaluations: the rows of a run's evaluation.csv.
    policy: the name of the policy, such as 'task' or 'shared'.
    split: the split of the tasks, 'train' or 'test'.
    score: the score to take, 'success' or 'return'.

  Returns:
    The points (environment steps, score) of each task, by the task's name.
  """
  curves: TaskCurves = {}
  for row in evaluations:
    if row.policy == policy and row.split == split:
      curves.setdefault(row.task, []).append(
          (row.env_steps, row.success if score == 'success' else row.return_)
      )
  return curves


def mean_curve(curves: TaskCurves) -> List[Tuple[int, float]]:
  """Returns the mean over tasks, at the steps where all were evaluated."""
  by_step: Dict[int, List[float]] = {}
  for points in curves.values():
    for env_steps, success in points:
      by_step.setdefault(env_steps, []).append(success)
  return [
      (env_steps, sum(values) / len(values))
      for env_steps, values in sorted(by_step.items())
      if len(values) == len(curves)
  ]


def learning_curve(
    evaluation_csv_path: os.PathLike[str],
    png_path: os.PathLike[str],
    score: str = 'success',
) -> None:
  """Draws the learning curve of a run.

  The picture has a panel for each policy, and in it a thin line for each task
  and a thick one for their mean. The suite's name is taken from the config.json
  beside the table.

  Args:
    evaluation_csv_path: the run's evaluation.csv.
    png_path: the path of the picture to write.
    score: the score that is drawn, 'success' or 'return'.

  Raises:
    OSError: if a file cannot be read or written.
    ValueError: if the file is not a table of evaluations, or has no rows.
  """
  evaluations = read_evaluations(evaluation_csv_path)
  policies = policies_of(evaluations)
  suite = flat_config(pathlib.Path(evaluation_csv_path).parent).get('suite')
  with pictures.picture(
      png_path,
      figsize=(1.5 + 4.5 * len(policies), 4.2),
      dpi=120,
      layout='constrained',
  ) as figure:
    panels = figure.subplots(1, len(policies), sharey=True, squeeze=False)[0]
    lines: List[Tuple[Any, str]] = []
    for axes, policy in zip(panels, policies):
      drawn = _draw_policy(axes, evaluations, policy, score)
      style_axes(axes, is_share=score == 'success')
      axes.set_title(
          pictures.label(_POLICY_TITLES.get(policy, policy)), fontsize=10
      )
      known = {name for _, name in lines}
      # The legend names each line once; test tasks appear in one panel alone.
      lines += [line for line in drawn if line[1] not in known]
    panels[0].set_ylabel(score)
    pictures.add_legend(
        figure, lines, loc='outside right upper', frameon=False, fontsize=8
    )
    figure.suptitle(
        pictures.label(score.capitalize() + (f' on {suite}' if suite else '')),
        fontsize=10,
    )


def _draw_policy(
    axes: matplotlib_axes.Axes,
    evaluations: Sequence[Evaluation],
    policy: str,
    score: str,
) -> List[Tuple[Any, str]]:
  """Draws the tasks and the mean of one policy; test tasks are dashed.

  Returns:
    The lines for the legend, each with its label.
  """
  labelled = []
  for split, style in (('train', '-'), ('test', '--')):
    curves = task_curves(evaluations, policy, split, score)
    if not curves:
      continue
    are_named = len(curves) <= _MAX_NAMED_TASKS
    mean = mean_curve(curves)
    marker = 'o' if len(mean) < 2 else ''  # One point makes no line.
    for index, (task, points) in enumerate(curves.items()):
      (line,) = axes.plot(
          *zip(*points),
          style,
          marker=marker,
          linewidth=0.9,
          alpha=0.8 if are_named else 0.4,
          color=f'C{index % 10}' if are_named else '0.6',
      )
      if are_named:
        labelled.append((line, task))
    if mean:  # It is empty if no time has a row of every task.
      (line,) = axes.plot(
          *zip(*mean), style, marker=marker, linewidth=2.5, color='black'
      )
      labelled.append(
          (line, f'mean of {len(curves)} {SPLIT_NAMES[split]} tasks')
      )
  return labelled


def style_axes(axes: matplotlib_axes.Axes, is_share: bool = True) -> None:
  """Formats axes whose horizontal axis has environment steps.

  Args:
    axes: matplotlib's axes.
    is_share: whether the vertical axis has shares in [0, 1], which are shown
      as percentages.
  """
  from matplotlib import ticker

  if is_share:
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
  axes.set_xlim(left=0)
  axes.xaxis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
  axes.xaxis.set_major_formatter(ticker.EngFormatter(sep=' '))
  axes.set_xlabel('environment steps')
  axes.grid(alpha=0.25)
  axes.spines[['top', 'right']].set_visible(False)
