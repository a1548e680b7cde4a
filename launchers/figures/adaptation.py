"""Draws how meta-learners adapt, from the tables that `adapt.py` writes."""

import pathlib
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from distillery.agents.core.run_files import csv_tables
from distillery.agents.core.run_files import curves as learning_curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import pictures
from distillery.launchers.figures import run_scores
import numpy as np

# The colours of families and of settings; colour-blind people can tell them
# apart.
_COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
_SUCCESS = 'success'
_DISTANCE = 'final distance to the target'


def _distance(text: str) -> float:
  return csv_tables.number(text) if text else np.nan


def _latent(text: str) -> List[float]:
  return [csv_tables.number(part) for part in text.split()]


_COLUMNS: Dict[str, csv_tables.Converter] = {
    'env_steps': csv_tables.whole_number,
    'trajectory': csv_tables.whole_number,
    'task': str,
    'family': str,
    'taken_for': str,  # The family that the agent inferred, or nothing.
    'latent': _latent,
    'distance': _distance,
    'success': csv_tables.number,
}


class Adaptation(NamedTuple):
  """The adaptation of runs with equal settings to K tasks in J trajectories."""

  families: Tuple[str, ...]  # The family of each task, [K].
  success: np.ndarray  # float [runs, K, J], 1 or 0.
  # The final distance to the target in m, float [runs, K, J]; NaN if a task has
  # no target.
  distance: np.ndarray
  latents: np.ndarray  # The latents of the last trajectory, [runs, K, L].
  # 1 if the agent infers the right family, else 0; NaN if it infers none; float
  # [runs, K].
  inferred_correctly: np.ndarray

  @property
  def family_names(self) -> List[str]:
    """The name of each family once, in the order of the tasks."""
    return list(dict.fromkeys(self.families))

  def of(self, values: np.ndarray, family: str) -> np.ndarray:
    """Returns the values of the tasks of one family.

    Args:
      values: an array `[runs, K, ...]`.
      family: the name of the family.

    Returns:
      The values `[runs, k, ...]` of its k tasks.
    """
    return values[:, [name == family for name in self.families]]

  def spread(self) -> float:
    """Returns the variance of latents between families, divided by that within.

    The result is a mean over runs. It is NaN if there is only one family, or no
    variance within families.
    """
    found = []
    for latents in self.latents:
      means = {
          name: latents[[f == name for f in self.families]].mean(0)
          for name in self.family_names
      }
      own = np.array([means[name] for name in self.families])
      within = np.square(latents - own).sum(-1).mean()
      between = np.square(own - latents.mean(0)).sum(-1).mean()
      found.append(between / within if len(means) > 1 and within else np.nan)
    return float(np.mean(found))


def read(run_dirs: Sequence[str], split: str) -> Dict[str, Adaptation]:
  """Reads how runs adapted, and groups the runs of equal settings.

  Args:
    run_dirs: the directories of the runs, each with adaptation_<split>.csv and
      config.json.
    split: the split of the tasks that were adapted to, 'train' or 'test'.

  Returns:
    The adaptation of each group, by a name that tells its settings.

  Raises:
    OSError: if a run has no such table.
    ValueError: if a table cannot be read, or if the runs differ in their tasks,
      or runs of a group in their training steps.
  """
  configs = {
      run_dir: learning_curves.flat_config(pathlib.Path(run_dir))
      for run_dir in run_dirs
  }
  found: Dict[str, Adaptation] = {}
  first: Optional[_Table] = None
  for name, group in run_scores.by_settings(configs).items():
    run_scores.check_seeds(group, configs)
    tables: List[_Table] = []
    env_steps: Set[int] = set()
    for run_dir in group:
      path = pathlib.Path(run_dir) / f'adaptation_{split}.csv'
      table = _read_table(path)
      env_steps |= table.env_steps
      if len(env_steps) > 1:
        raise ValueError(
            f'{path}: adapted after {min(table.env_steps):,} steps, and '
            'others of the same settings after another number; want the same'
        )
      first = first or table
      if (table.tasks, table.num_trajectories) != (
          first.tasks,
          first.num_trajectories,
      ):
        raise ValueError(
            f'{path}: got other tasks, or another number of '
            'trajectories, than in the others; want the same'
        )
      tables.append(table)
    found[name or 'all runs'] = Adaptation(
        tuple(family for _, family in tables[0].tasks),
        np.array([table.success for table in tables]),
        np.array([table.distance for table in tables]),
        np.array([table.latents for table in tables]),
        np.array([table.inferred_correctly for table in tables]),
    )
  return found


class _Table(NamedTuple):
  """The table of one run, which adapted to K tasks; see `Adaptation`."""

  tasks: List[Tuple[str, str]]  # The name and the family of each task, [K].
  num_trajectories: int  # J, the number of trajectories of each task.
  env_steps: Set[int]  # The environment steps of training.
  success: List[List[float]]  # [K, J]
  distance: List[List[float]]  # [K, J]
  latents: List[List[float]]  # [K, L]
  inferred_correctly: List[float]  # [K]


def _read_table(path: pathlib.Path) -> _Table:
  """Reads the table that `adapt.py` wrote of one run."""
  try:
    rows = csv_tables.read(path, _COLUMNS).rows
  except ValueError as error:
    raise ValueError(
        f'cannot read it as a table of adaptation: {error}'
    ) from None
  if not rows:
    raise ValueError(f'{path}: got no rows; adapt.py makes them again.')
  tasks = list(dict.fromkeys((row['task'], row['family']) for row in rows))
  count = max(row['trajectory'] for row in rows)
  by_key = {(row['task'], row['trajectory']): row for row in rows}
  for task, _ in tasks:
    for j in range(count):
      if (task, j + 1) not in by_key:
        raise ValueError(
            f'{path}: got no row of trajectory {j + 1} of '
            f'{task!r}; adapt.py makes it again.'
        )
  if len({len(row['latent']) for row in rows}) > 1:
    raise ValueError(
        f'{path}: latents have more numbers in some rows than in '
        'others; adapt.py makes it again.'
    )
  ordered = [[by_key[task, j + 1] for j in range(count)] for task, _ in tasks]

  def numbers(name: str) -> List[List[float]]:
    return [[row[name] for row in line] for line in ordered]

  return _Table(
      tasks,
      count,
      {row['env_steps'] for row in rows},
      numbers('success'),
      numbers('distance'),
      [line[-1]['latent'] for line in ordered],
      [
          float(line[-1]['taken_for'] == line[-1]['family'])
          if line[-1]['taken_for']
          else np.nan
          for line in ordered
      ],
  )


def table(found: Dict[str, Adaptation]) -> str:
  """Returns each family's success after each trajectory as text.

  Success is a mean over tasks and seeds.
  """
  lines = []
  for name, runs in found.items():
    families, count = runs.family_names, runs.success.shape[-1]
    lines.append(
        f'{display.on_one_line(name)}, {len(runs.success)} '
        f'{"seed" if len(runs.success) == 1 else "seeds"}'
    )
    lines.append(
        '  trajectory'.ljust(24)
        + ''.join(str(j + 1).rjust(7) for j in range(count))
    )
    for family in families:
      lines.append(
          f'  {display.on_one_line(family)}'.ljust(24)
          + ''.join(
              f'{share:7.0%}'
              for share in runs.of(runs.success, family).mean(axis=(0, 1))
          )
      )
    if not np.isnan(runs.inferred_correctly).any():
      lines.append(
          '  family inferred correctly: '
          + ', '.join(
              f'{display.on_one_line(family)} '
              f'{runs.of(runs.inferred_correctly, family).mean():.0%}'
              for family in families
          )
      )
    if np.isfinite(runs.spread()):
      lines.append(
          '  variance of latents between families over within: '
          f'{runs.spread():.1f}'
      )
  return '\n'.join(lines)


def draw(found: Dict[str, Adaptation], path: pathlib.Path) -> None:
  """Draws a panel for each family, and below it the tasks and the latents.

  Args:
    found: the adaptation of each group of runs, by its name; see `read`. Each
      gets a row of panels, with a curve for each task of its first run.
    path: the PNG file.

  Raises:
    OSError: if the file cannot be written.
  """
  families = next(iter(found.values())).family_names
  num_rows, num_columns = 1 + len(found), 1 + len(families)
  with pictures.picture(
      path,
      figsize=(3.0 * num_columns, 2.5 * num_rows),
      dpi=110,
      layout='constrained',
  ) as figure:
    panels = figure.subplots(num_rows, num_columns, squeeze=False)
    colors = dict(zip(families, _COLORS * len(families)))
    for axes, family in zip(panels[0], families):
      lines = []
      for (name, runs), color in zip(found.items(), _COLORS * len(found)):
        values, label = _values(runs)
        of_runs = runs.of(values, family).mean(axis=1)
        x = np.arange(1, of_runs.shape[-1] + 1)
        axes.plot(x, of_runs.T, color=color, lw=0.6, alpha=0.5)
        (line,) = axes.plot(x, of_runs.mean(0), color=color, lw=2.0)
        lines.append((line, name))
      _style(axes, family, label)
    pictures.add_legend(panels[0][-1], lines, frameon=False, loc='center')
    panels[0][-1].axis('off')
    for row, (name, runs) in zip(panels[1:], found.items()):
      values, label = _values(runs)
      for axes, family in zip(row, families):
        curves = runs.of(values, family)[0]
        axes.plot(
            np.arange(1, curves.shape[-1] + 1),
            curves.T,
            color=colors[family],
            lw=0.8,
            alpha=0.8,
        )
        _style(axes, f'{family}: {name}, a task each', label)
      _scatter(row[-1], runs, colors, name)


def _values(runs: Adaptation) -> Tuple[np.ndarray, str]:
  if np.isfinite(runs.distance).all():
    return runs.distance, _DISTANCE
  return runs.success, _SUCCESS


def _style(axes, title: str, label: str) -> None:
  axes.set(title=pictures.label(title), xlabel='trajectory', ylabel=label)
  axes.set_ylim(bottom=0.0)
  axes.title.set_size(8)
  for part in (axes.xaxis.label, axes.yaxis.label):
    part.set_size(8)
  axes.tick_params(labelsize=7)
  axes.spines[['top', 'right']].set_visible(False)


def _scatter(axes, runs: Adaptation, colors: Dict[str, str], name: str) -> None:
  """Draws the latents of the first run along their two main directions."""
  latents = runs.latents[0] - runs.latents[0].mean(0)
  _, _, directions = np.linalg.svd(latents, full_matrices=False)
  # Latents with one entry get a second coordinate of 0.
  plane = np.pad(
      latents @ directions[:2].T, [(0, 0), (0, 2 - len(directions[:2]))]
  )
  points = [
      (
          axes.scatter(
              *plane[[f == family for f in runs.families]].T, s=14, color=color
          ),
          family,
      )
      for family, color in colors.items()
  ]
  axes.set(title=pictures.label(f'latents: {name}'))
  axes.title.set_size(8)
  axes.tick_params(labelsize=7)
  pictures.add_legend(axes, points, frameon=False, fontsize=7)
