"""Reads the scores of runs, and groups the runs of equal settings."""

import json
import pathlib
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from distillery.agents.core.run_files import curves as learning_curves
import numpy as np

# The settings in which runs that are averaged may differ.
_MAY_DIFFER = frozenset(
    {
        'seed',
        'run_dir',
        'num_workers',
        'num_env_steps',
        'evaluate_every',
        'checkpoint_every',
        'film_every',
        'resume',
        'num_actors',
        'is_program',
        # Each seed may have its own experts.
        'experts',
        'expert_run',
        'expert_env_steps',
        'expert_seed',
        'experts_sha256',
    }
)
LABELS = {'task': 'task policies', 'shared': 'shared policy'}


class Key(NamedTuple):
  """The key of scores: settings, policy and split."""

  settings: str  # The settings that differ; empty if all runs have the same.
  policy: str  # The name of the policy, such as 'task' or 'shared'.
  split: str  # The split of the tasks, 'train' or 'test'.

  @property
  def curve(self) -> str:
    """The name of the curve, which is the same for both splits."""
    label = LABELS.get(self.policy, self.policy)
    return f'{self.settings}: {label}' if self.settings else label


class Scores(NamedTuple):
  """The scores of one policy on one split in every run, at F evaluations."""

  tasks: List[str]  # The names of the tasks.
  env_steps: np.ndarray  # int [F], the steps at which every run was evaluated.
  hours: np.ndarray  # float [F], the mean wall time of the runs in hours.
  success: np.ndarray  # float [runs, tasks, F], the success or the return.


ByKey = Dict[Key, Scores]


def read_runs(
    run_dirs: Sequence[str], score: str = 'success'
) -> Tuple[str, ByKey]:
  """Reads the evaluations of runs, and groups the runs of equal settings.

  Args:
    run_dirs: the directories of the runs, each with evaluation.csv and
      config.json.
    score: the score to read, 'success' or 'return'.

  Returns:
    The suite's name, and the scores by settings, policy and split.

  Raises:
    OSError: if a run has no evaluation.csv.
    ValueError: if a file is not a table of evaluations, or if the runs differ
      in their suite, their rewards or their tasks, or have a seed twice.
  """
  configs = {
      run_dir: learning_curves.flat_config(pathlib.Path(run_dir))
      for run_dir in run_dirs
  }
  # Success on different tasks, or for different rewards, cannot be compared.
  for name in ('suite', 'reward_function_version'):
    found = {
        str(config.get(name, '')): run_dir
        for run_dir, config in configs.items()
    }
    if len(found) > 1:
      (value, run_dir), (other, other_dir) = list(found.items())[:2]
      raise ValueError(
          f'{name}: got {value} in {run_dir} and {other} in {other_dir}, want '
          'the same in all runs'
      )
  scores = {}
  for settings, group in by_settings(configs).items():
    check_seeds(group, configs)
    runs = [
        learning_curves.read_evaluations(
            pathlib.Path(run_dir) / 'evaluation.csv'
        )
        for run_dir in group
    ]
    for policy in dict.fromkeys(
        policy for run in runs for policy in learning_curves.policies_of(run)
    ):
      for split in ('train', 'test'):
        curves = [
            learning_curves.task_curves(run, policy, split, score)
            for run in runs
        ]
        if any(curves):
          scores[Key(settings, policy, split)] = _stack(
              group, curves, runs, _intervals(group, configs)
          )
  return str(next(iter(configs.values())).get('suite', '')), scores


def by_settings(configs: Dict[str, Dict[str, Any]]) -> Dict[str, List[str]]:
  """Groups runs by their settings.

  Args:
    configs: the config of each run by its directory, see `curves.flat_config`.

  Returns:
    The directories of each group by its name, which is the agent and the
    settings that differ; the name is empty if all runs have equal settings.
  """
  groups: Dict[str, List[str]] = {}
  for run_dir, config in configs.items():
    groups.setdefault(
        json.dumps(
            {k: v for k, v in config.items() if k not in _MAY_DIFFER},
            sort_keys=True,
        ),
        [],
    ).append(run_dir)
  if len(groups) == 1:
    return {'': list(configs)}
  settings = [json.loads(text) for text in groups]
  named = {}
  for own, group in zip(settings, groups.values()):
    agent = own.get('agent', '')
    rivals = [other for other in settings if other.get('agent', '') == agent]
    differ = [
        f'{name}={value}'
        for name, value in own.items()
        if any(other.get(name) != value for other in rivals)
    ]
    named[' '.join(filter(None, [str(agent), *differ]))] = group
  return named


def check_seeds(
    group: Sequence[str], configs: Dict[str, Dict[str, Any]]
) -> None:
  """Checks that no two runs of a group have the same seed.

  Args:
    group: the directories of the runs.
    configs: the config of each run by its directory.

  Raises:
    ValueError: if two have; the message names the seed and the runs.
  """
  seeds: Dict[Any, str] = {}
  for run_dir in group:
    seed = str(configs[run_dir].get('seed', run_dir))
    if seed in seeds:
      raise ValueError(
          f'seed: got {seed} in both {seeds[seed]} and {run_dir}, want each '
          'seed once'
      )
    seeds[seed] = run_dir


def _intervals(
    group: Sequence[str], configs: Dict[str, Dict[str, Any]]
) -> List[int]:
  """Returns the steps between two evaluations of each run."""
  return [int(configs[run_dir].get('evaluate_every', 1)) for run_dir in group]


def _stack(
    run_dirs: Sequence[str],
    curves: Sequence[learning_curves.TaskCurves],
    evaluations: Sequence[Sequence[learning_curves.Evaluation]],
    every: Sequence[int],
) -> Scores:
  """Returns the scores at the evaluations that all runs have in common.

  Where tasks rest or episodes start at random, the blocks of two runs do not
  end at the same step. Then an evaluation counts for the multiple of its run's
  `every` that it was due at.
  """
  tasks = list(curves[0])
  for run_dir, of_run in zip(run_dirs, curves):
    if set(of_run) != set(tasks):
      raise ValueError(
          f'tasks: {run_dirs[0]} and {run_dir} differ in '
          f'{sorted(set(tasks) ^ set(of_run))}, want runs of one suite'
      )
  exact = [
      list(dict.fromkeys(row.env_steps for row in run)) for run in evaluations
  ]
  due = [
      {step: step // interval * interval for step in steps}
      for steps, interval in zip(exact, every)
  ]
  if len(set.intersection(*map(set, exact))) >= len(
      set.intersection(*(set(of_run.values()) for of_run in due))
  ):
    due = [{step: step for step in steps} for steps in exact]
  by_step = [
      [
          # Of two evaluations that were due at once, the first counts: the
          # second one came at the end of the run.
          {of_run_due[step]: score for step, score in reversed(of_run[task])}
          for task in tasks
      ]
      for of_run, of_run_due in zip(curves, due)
  ]
  common = sorted(set.intersection(*(set(c) for run in by_step for c in run)))
  if not common:
    raise ValueError(
        f'env_steps: {", ".join(run_dirs)} have no evaluation at the same '
        'number of steps'
    )
  success = [[[c[step] for step in common] for c in run] for run in by_step]
  wall_s = [
      {of_run[row.env_steps]: row.wall_s for row in run}
      for run, of_run in zip(evaluations, due)
  ]
  hours = [[of_run[step] / 3600.0 for step in common] for of_run in wall_s]
  return Scores(
      tasks, np.array(common), np.mean(hours, axis=0), np.array(success)
  )
