"""Evaluation apart from training: own environments, own seeds."""

from typing import Any, Dict, List, Mapping, Sequence

from distillery.agents.core.run_files import display
from distillery.environments import base
from distillery.environments.pool import factory as pool_factory
from distillery.networks import acting
import numpy as np

# Of the seeds; training draws from another stream of the same seed.
_STREAM = 1_000_003


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
  """Meta-World's protocol: deterministic actions, success at any step.

  Episode e of a task has the task's variation (goal) e; with 50 episodes, all
  50 goals of Meta-World. Task policies are evaluated on the tasks they belong
  to, the shared policy on held-out tasks too.

  Args:
    pool: of which worker processes are used.
    suite: the tasks.
    policies: by name, 'task' or 'shared'.
    parameters: of the policies.
    episodes_per_task: how many.
    seed: of the run.
    deterministic: whether the policies act without noise, as in the protocol;
      if the suite does not say otherwise.

  Returns:
    One row a policy and task: policy, task, split, episodes, success (share of
    episodes), return (mean, undiscounted; of a suite whose score is success, up
    to the first).
  """
  rows = []
  for name, policy in policies.items():
    tasks = suite.train_tasks if name == 'task' else suite.tasks
    episodes = pool.evaluate(
        policy,
        parameters,
        episodes_per_task=episodes_per_task,
        tasks=tasks,
        seed=seed + _STREAM,
        deterministic=deterministic and not suite.evaluates_samples,
        until_success=suite.score == 'success',
    )
    for i, task in enumerate(tasks):
      # By place: a test task may have the name of a training task (ML1).
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
  """Mean over tasks of the score of one policy; NaN if there is none.

  Args:
    rows: of `evaluate`.
    policy: 'task' or 'shared'.
    split: 'train' or 'test'.
    score: of the suite, a column.
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
  """A mean score, to be read."""
  if np.isnan(value):
    return '-'
  return f'{value:.{digits}%}' if score == 'success' else f'{value:,.{digits}f}'


def table(rows: Sequence[Mapping[str, Any]], score: str = 'success') -> str:
  """A text table: a line a task, a column a policy, the mean at the end."""
  policies = list(dict.fromkeys(row['policy'] for row in rows))
  tasks = list(dict.fromkeys((row['task'], row['split']) for row in rows))
  shown = {task: display.on_one_line(task) for task, _ in tasks}
  width = max(map(len, ('mean', *shown.values()))) + 7
  found = {(row['policy'], row['task'], row['split']): row for row in rows}

  def line(label: str, split: str, cells: Sequence[str]) -> str:
    """Returns a line; `cells` has one of each policy."""
    label += ' (test)' if split == 'test' else ''
    # A policy of a user's own may have a longer name than ours.
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
