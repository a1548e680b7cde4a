"""Evaluates policies, with environments and seeds that training never uses."""

from typing import Any, Dict, List, Mapping, Sequence

from distillery.agents.core.run_files import display
from distillery.environments import base
from distillery.environments.pool import factory as pool_factory
from distillery.networks import acting
import numpy as np

# Added to the run's seed, so that evaluation and training draw from different
# streams of it.
STREAM = 1_000_003


def evaluate(
    pool: pool_factory.AnyPool,
    suite: base.TaskSuite,
    policies: Mapping[str, acting.AnyPolicy],
    parameters: Mapping[str, np.ndarray],
    *,
    episodes_per_task: int,
    seed: int,
    deterministic: bool = True,
) -> List[Dict[str, Any]]:
  """Evaluates policies by Meta-World's protocol.

  Actions are deterministic, and an episode is a success if any of its steps
  solves the task. Episode e of a task has the task's variation (goal) e, so 50
  episodes cover all 50 goals of a Meta-World task. Task policies are evaluated
  on training tasks alone, the shared policy on held-out tasks too.

  Args:
    pool: the pool whose environments and worker processes are used.
    suite: the suite of tasks.
    policies: the acting policies, by name ('task' or 'shared').
    parameters: the policies' parameters, float32 arrays by name.
    episodes_per_task: the number of episodes of each task and policy.
    seed: the seed of the run.
    deterministic: whether the policies act without noise, as in the protocol. A
      suite that evaluates samples has them act with noise in any case.

  Returns:
    A row for each policy and task, with these columns: policy, task, split,
    episodes (their number), success (the share of episodes, in [0, 1]) and
    return (the undiscounted mean, in units of reward). If the suite's score is
    success, rewards after an episode's first success do not count.
  """
  rows = []
  for name, policy in policies.items():
    tasks = suite.train_tasks if name == 'task' else suite.tasks
    episodes = pool.evaluate(
        policy,
        parameters,
        episodes_per_task=episodes_per_task,
        tasks=tasks,
        seed=seed + STREAM,
        deterministic=deterministic and not suite.evaluates_samples,
        until_success=suite.score == 'success',
    )
    for i, task in enumerate(tasks):
      # Episodes are found by their place, because a test task may have the same
      # name as a training task (ML1).
      of_task = episodes[i * episodes_per_task : (i + 1) * episodes_per_task]
      rows.append(
          {
              'policy': name,
              'task': task.name,
              'split': task.split,
              'episodes': len(of_task),
              'success': float(np.mean([e.success for e in of_task])),
              'return': round(float(np.mean([e.return_ for e in of_task])), 3),
          }
      )
  return rows


def mean_score(
    rows: Sequence[Mapping[str, Any]],
    policy: str,
    split: str = 'train',
    score: str = 'success',
) -> float:
  """Returns the mean score of one policy over the tasks of one split.

  Args:
    rows: the rows that `evaluate` returned.
    policy: the policy's name, 'task' or 'shared'.
    split: the split of the tasks, 'train' or 'test'.
    score: the column that holds the suite's score, 'success' or 'return'.

  Returns:
    The mean; NaN if no row has this policy and split.
  """
  return float(
      np.mean(
          [
              row[score]
              for row in rows
              if row['policy'] == policy and row['split'] == split
          ]
          or [np.nan]
      )
  )


def score_text(value: float, score: str, digits: int = 1) -> str:
  """Returns a mean score as text.

  Args:
    value: the mean score; NaN if there is none.
    score: the score's name; 'success' is written as a percentage.
    digits: the number of digits after the decimal point.

  Returns:
    The text; '-' for NaN.
  """
  if np.isnan(value):
    return '-'
  return f'{value:.{digits}%}' if score == 'success' else f'{value:,.{digits}f}'


def table(rows: Sequence[Mapping[str, Any]], score: str = 'success') -> str:
  """Returns an evaluation as a text table.

  The table has a line for each task, a column for each policy, and a last line
  for each split with the mean over its tasks.

  Args:
    rows: the rows that `evaluate` returned.
    score: the column that is shown, 'success' or 'return'.

  Returns:
    The table's lines, joined by line ends.
  """
  policies = list(dict.fromkeys(row['policy'] for row in rows))
  tasks = list(dict.fromkeys((row['task'], row['split']) for row in rows))
  shown = {task: display.on_one_line(task) for task, _ in tasks}
  width = max(map(len, ('mean', *shown.values()))) + 7
  found = {(row['policy'], row['task'], row['split']): row for row in rows}

  def line(label: str, split: str, cells: Sequence[str]) -> str:
    """Returns a line; `cells` has one cell for each policy."""
    label += ' (test)' if split == 'test' else ''
    # A user's own policy may have a longer name than 'task' and 'shared'.
    return label.ljust(width) + ''.join(
        cell.rjust(max(9, len(policy) + 1))
        for cell, policy in zip(cells, policies)
    )

  lines = [line(score, '', policies)]
  for task, split in tasks:
    cells = [found.get((p, task, split)) for p in policies]
    lines.append(
        line(
            shown[task],
            split,
            [
                score_text(
                    float(cell[score]) if cell else np.nan, score, digits=0
                )
                for cell in cells
            ],
        )
    )
  for split in dict.fromkeys(split for _, split in tasks):
    lines.append(
        line(
            'mean',
            split,
            [
                score_text(mean_score(rows, p, split, score), score)
                for p in policies
            ],
        )
    )
  return '\n'.join(lines)
