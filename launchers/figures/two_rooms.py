"""Draws and sums up the results of `run_two_rooms.py`, from its tables."""

import math
import pathlib
from typing import Any, Dict, Mapping, Sequence, Tuple

from distillery.agents.core.run_files import csv_tables
from distillery.environments import two_rooms
import numpy as np

_NAMES = {'distral': 'Distral', 'separate': 'separate learners'}
_COLORS = {'distral': '#0072B2', 'separate': '#D55E00'}


# The distilled policy should keep its direction in the corridor with at least
# the first probability, and go up or down with at most the second.
_KEPT, _UP_OR_DOWN = 0.7, 0.1


_PREVIOUS = ('left', 'right')


def _previous(text: str) -> str:
  if text not in _PREVIOUS:
    raise ValueError(f'got {text!r}, want {" or ".join(_PREVIOUS)}')
  return text


_RETURNS = {
    'seed': csv_tables.whole_number,
    'env_steps': csv_tables.whole_number,
    'return': csv_tables.number,
}
_CORRIDOR = {
    'seed': csv_tables.whole_number,
    'cell': csv_tables.whole_number,
    'previous_action': _previous,
    **{action: csv_tables.number for action in two_rooms.ACTIONS},
}


def read(
    run_dir: pathlib.Path,
) -> Tuple[Dict[str, np.ndarray], np.ndarray, Dict[str, np.ndarray]]:
  """Reads the tables of a run.

  Args:
    run_dir: the directory of the run.

  Returns:
    The mean return `[seeds, evaluations]` by method; the environment steps of a
    task at each evaluation; and the probabilities `[seeds, cells, actions]` of
    pi_0 in the corridor, by the previous action.

  Raises:
    OSError: if a table is missing.
    ValueError: if a table is damaged.
  """
  returns = {}
  for method in _NAMES:
    path = run_dir / f'{method}.csv'
    rows = csv_tables.read(path, _RETURNS).rows
    steps = sorted({row['env_steps'] for row in rows})
    _check_whole(path, rows, ('seed', 'env_steps'))
    returns[method] = np.array(
        [
            row['return']
            for row in sorted(
                rows, key=lambda row: (row['seed'], row['env_steps'])
            )
        ]
    ).reshape(-1, len(steps))
  corridor = csv_tables.read(run_dir / 'corridor.csv', _CORRIDOR).rows
  _check_whole(
      run_dir / 'corridor.csv', corridor, ('seed', 'cell', 'previous_action')
  )
  probabilities = {
      previous: np.array(
          [
              [row[action] for action in two_rooms.ACTIONS]
              for row in corridor
              if row['previous_action'] == previous
          ]
      ).reshape(-1, len(two_rooms.CORRIDOR), len(two_rooms.ACTIONS))
      for previous in _PREVIOUS
  }
  return returns, np.array(steps), probabilities


def summary(run_dir: pathlib.Path) -> str:
  """Returns the results of the run in `run_dir`, in words."""
  returns, _, probabilities = read(run_dir)
  area = {method: values.mean(axis=1) for method, values in returns.items()}
  wins = int((area['distral'] > area['separate']).sum())
  lines = [
      f'area under the curve above that of separate learners: {wins} of '
      f'{len(area["distral"])} seeds'
  ]
  for previous, values in probabilities.items():
    # The probabilities of each seed, a mean over the cells of the corridor.
    action = dict(zip(two_rooms.ACTIONS, values.mean(axis=1).T))
    kept, aside = action[previous], action['up'] + action['down']
    num = int(((kept >= _KEPT) & (aside <= _UP_OR_DOWN)).sum())
    lines.append(
        f'in the corridor, coming by {previous}: {previous} again '
        f'{kept.mean():.2f}, up or down {aside.mean():.2f} in the mean; at '
        f'least {_KEPT} and at most {_UP_OR_DOWN} in {num} of {len(kept)} '
        'seeds'
    )
  return '\n'.join(lines)


def draw(run_dir: pathlib.Path) -> None:
  """Draws two_rooms.png: curves, and the corridor by previous action."""
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  returns, steps, probabilities = read(run_dir)
  figure, (left, *rooms) = plt.subplots(
      1, 3, figsize=(14, 3.6), width_ratios=(1.2, 1, 1), layout='constrained'
  )
  for method, values in returns.items():
    left.plot(
        steps, values.mean(axis=0), color=_COLORS[method], label=_NAMES[method]
    )
    left.fill_between(
        steps,
        *np.percentile(values, [10, 90], axis=0),
        alpha=0.2,
        color=_COLORS[method],
        linewidth=0,
    )
  left.set(
      xlabel='environment steps of each task',
      ylabel='mean return of the tasks',
      title=f'{len(values)} seeds: mean, 10th to 90th percentile',
  )
  left.ticklabel_format(axis='x', style='sci', scilimits=(3, 3))
  left.legend()
  for axes, (previous, values) in zip(rooms, probabilities.items()):
    _draw_rooms(axes, values.mean(axis=0))
    axes.set_title(f'distilled policy, previous action: {previous}')
  figure.savefig(run_dir / 'two_rooms.png', dpi=100)
  plt.close(figure)


def _draw_rooms(axes, probabilities: np.ndarray) -> None:
  """Draws the corridor; an arrow's length is the action's probability."""
  walls = np.array([[mark == '#' for mark in line] for line in two_rooms.MAP])
  axes.imshow(walls, cmap='Greys', vmax=1.6)
  arrows = {'up': (0, -1), 'down': (0, 1), 'left': (-1, 0), 'right': (1, 0)}
  for cell, of_cell in zip(two_rooms.CORRIDOR, probabilities):
    row, column = two_rooms.CELLS[cell]
    for action, probability in zip(two_rooms.ACTIONS, of_cell):
      x, y = arrows[action]
      if probability > 0.02:  # A shorter arrow is all head.
        axes.arrow(
            column,
            row,
            0.5 * probability * x,
            0.5 * probability * y,
            width=0.03,
            head_width=0.12,
            head_length=0.08,
            length_includes_head=True,
            color='#0072B2',
        )
  first, last = (two_rooms.CELLS[two_rooms.CORRIDOR[i]] for i in (0, -1))
  axes.set(
      xticks=[],
      yticks=[],
      xlim=(first[1] - 2.5, last[1] + 2.5),
      ylim=(first[0] + 2.5, first[0] - 2.5),
  )


def _check_whole(
    path: pathlib.Path, rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> None:
  """Checks that a table has each combination of its values exactly once."""
  values = [{row[name] for row in rows} for name in names]
  found = {tuple(row[name] for name in names) for row in rows}
  if (
      not rows
      or len(found) < math.prod(map(len, values))
      or (len(found) < len(rows))
  ):
    raise ValueError(
        f'{path}: rows are missing, or occur twice; want one for each '
        f'{", ".join(names)}. Delete the file, and the same command makes it '
        'again.'
    )
