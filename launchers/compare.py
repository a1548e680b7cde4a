"""Compares groups of runs: means, differences and their intervals, as a table.

  python launchers/compare.py RUN_DIR...

Runs that differ only in their seed are a group. Each group is compared with that
of the first run, at the end of the group that has the fewest steps, or at the
evaluation that is nearest to it. Intervals are at 95 %: of a mean by Student's
t, of a difference by Welch's t-test. They need two seeds.
"""

import dataclasses
from typing import Dict, List, Literal, Tuple
import warnings

from distillery.agents.core import config_fields
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import user_paths
from distillery.launchers.common import flag_utils
from distillery.launchers.figures import run_scores
from distillery.launchers.figures import studies
import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True)
class CompareOptions:
  """The options of the comparison."""

  score: Literal['success', 'return'] = config_fields.field(
      'success', "The score, 'success' or 'return'."
  )
  tasks: bool = config_fields.field(
      False, 'Whether each task has a line of its own, too.'
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_OPTIONS = flag_utils.define(CompareOptions)
_COLUMNS = ('', 'seeds', 'mean', 'interval', 'difference', 'interval')


def main(run_dirs: List[str]) -> None:
  """Reads the runs and prints a table for each policy and split."""
  options = _OPTIONS.value()
  _, scores = run_scores.read_runs(
      [user_paths.expand(run_dir) for run_dir in run_dirs], options.score
  )
  first = next(iter(scores)).settings
  kinds = dict.fromkeys((key.policy, key.split) for key in scores)
  for policy, split in kinds:
    groups = {
        key.settings: of_key
        for key, of_key in scores.items()
        if (key.policy, key.split) == (policy, split)
    }
    if next(iter(groups)) != first:
      label = run_scores.LABELS.get(policy, policy)
      print(f'{label}: the first run has none, so nothing is compared.\n')
      continue
    _check_tasks(groups)
    print(table(policy, split, groups, options))


def _check_tasks(groups: Dict[str, run_scores.Scores]) -> None:
  """Raises a ValueError unless all groups have the same tasks, in order."""
  (name, first), *others = groups.items()
  for other, of_key in others:
    if of_key.tasks != first.tasks:
      raise ValueError(
          f'tasks: the runs of {name!r} have {", ".join(first.tasks)}, and those '
          f'of {other!r} have {", ".join(of_key.tasks)}; want the same tasks'
      )


def table(
    policy: str,
    split: str,
    groups: Dict[str, run_scores.Scores],
    options: CompareOptions,
) -> str:
  """Returns the comparison of one policy on one split.

  Args:
    policy: the policy's name.
    split: the split of the tasks, 'train' or 'test'.
    groups: the scores of each group of runs, by its settings; the first is the
      one that the others are compared with.
    options: the options of the comparison.

  Returns:
    The lines of the table, joined by line ends.
  """
  end = min(of_key.env_steps[-1] for of_key in groups.values())
  chosen = {
      settings: int(np.argmin(np.abs(of_key.env_steps - end)))
      for settings, of_key in groups.items()
  }
  last = {
      settings: of_key.success[:, :, chosen[settings]]
      for settings, of_key in groups.items()
  }
  tasks = next(iter(groups.values())).tasks
  rows: List[Tuple[str, ...]] = [_COLUMNS]
  rows += _rows(
      'all tasks', {k: v.mean(axis=1) for k, v in last.items()}, options
  )
  if options.tasks:
    for i, task in enumerate(tasks):
      rows += _rows(
          display.on_one_line(task),
          {k: v[:, i] for k, v in last.items()},
          options,
      )
  widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
  lines = [
      row[0].ljust(widths[0])
      + ''.join('  ' + x.rjust(w) for x, w in zip(row[1:], widths[1:]))
      for row in rows
  ]
  label = run_scores.LABELS.get(policy, policy)
  title = (
      f'{label}, {len(tasks)} {curves.SPLIT_NAMES[split]} tasks, '
      f'{end:,} steps, {options.score}'
  )
  return '\n'.join([title, *lines, ''])


def _rows(
    what: str, values: Dict[str, np.ndarray], options: CompareOptions
) -> List[Tuple[str, ...]]:
  """Returns a row for each group; `values` has a score for each seed."""
  first = next(iter(values.values()))
  rows: List[Tuple[str, ...]] = []
  for i, (settings, own) in enumerate(values.items()):
    average = studies.mean(own)
    name = f'{what}: {settings}' if settings else what
    rows.append(
        (
            name,
            str(len(own)),
            _number(average.value, options),
            _interval(
                average.value - average.half_interval,
                average.value + average.half_interval,
                options,
            ),
            _number(average.value - first.mean(), options, '+') if i else '',
            _interval(*_welch(own, first), options, '+') if i else '',
        )
    )
  return rows


def _welch(own: np.ndarray, first: np.ndarray) -> Tuple[float, float]:
  """Returns the interval of the difference of two means; NaN without one."""
  if min(len(own), len(first)) < 2:
    return float('nan'), float('nan')
  if not np.ptp(own) and not np.ptp(first):  # The test would divide by 0.
    difference = float(np.mean(own) - np.mean(first))
    return difference, difference
  with warnings.catch_warnings():  # Of seeds that are nearly alike.
    warnings.simplefilter('ignore', RuntimeWarning)
    low, high = stats.ttest_ind(
        own, first, equal_var=False
    ).confidence_interval()
  return float(low), float(high)


def _number(value: float, options: CompareOptions, sign: str = '') -> str:
  return format(
      value, f'{sign}.1%' if options.score == 'success' else f'{sign},.1f'
  )


def _interval(
    low: float, high: float, options: CompareOptions, sign: str = ''
) -> str:
  if np.isnan(low):
    return 'one seed'
  return f'[{_number(low, options, sign)}, {_number(high, options, sign)}]'


if __name__ == '__main__':
  flag_utils.run(main, positional='RUN_DIR')
