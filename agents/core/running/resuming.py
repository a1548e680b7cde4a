"""Deletes the results of a resumed run that are newer than its checkpoint."""

import pathlib

from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import metrics
from distillery.agents.core.running import setup


def take_back(
    config: setup.ExperimentConfig, env_steps: int, learner_steps: int
) -> int:
  """Deletes a run's results after its checkpoint.

  It prints what was deleted, and notes it in versions.json.

  Args:
    config: the experiment of the resumed run.
    env_steps: the environment steps of the checkpoint; 0: there is none.
    learner_steps: the learner steps of the checkpoint.

  Returns:
    The first environment step that has no results any more, for
    `metrics.Summary`.

  Raises:
    OSError: if a table cannot be written.
    ValueError: if a table cannot be read.
  """
  run_dir = config.run_dir
  checkpoint_writing.drop_best_after(run_dir.path, env_steps)
  train = run_dir.open_csv('train.csv')
  evaluations = run_dir.open_csv('evaluation.csv')
  # Without a checkpoint the run writes the rows of step 0 again, so -1.
  dropped = {
      'train.csv': train.truncate(env_steps or -1, learner_steps),
      'evaluation.csv': evaluations.truncate(env_steps or -1),
  }
  if not env_steps:
    display.say(
        f'warning: there is no checkpoint in {run_dir.path}; the run '
        'starts from the beginning.'
    )
  metrics.say_dropped(env_steps, dropped)
  if learner_steps:
    say_gap(run_dir, 'train.csv', train.last_env_steps(), env_steps)
  if dropped['evaluation.csv']:
    _draw_again(
        run_dir.path, evaluations.last_env_steps() >= 0, config.suite.score
    )
  # Other tools, such as evaluate.py, write such tables.
  for path in sorted(run_dir.path.glob('*_*.csv')):
    if _last_env_steps(path) > env_steps:
      display.say(
          f'warning: {path} has results of later steps, which the run '
          'makes again; write the table again, or delete it.'
      )
  versions = run_dir.read_json('versions.json')
  versions['resumed'][-1].update(env_steps=env_steps, dropped_rows=dropped)
  run_dir.write_json('versions.json', versions)
  return env_steps + 1 if env_steps else 0


def say_gap(
    run_dir: run_directory.RunDirectory, name: str, last: int, env_steps: int
) -> None:
  """Warns if a table of a resumed run lacks rows up to its checkpoint.

  Args:
    run_dir: the directory of the run.
    name: the table's name.
    last: the environment steps of the table's last row; -1: it has none.
    env_steps: the environment steps up to which the table should have rows.
  """
  if last < env_steps:
    display.say(
        f'warning: {run_dir.path / name} has no rows from {last + 1:,} to '
        f'{env_steps:,} steps; they could not be written, or were deleted.'
    )


def _last_env_steps(path: pathlib.Path) -> int:
  """Returns the steps of a table's last row; -1 if no run wrote the table."""
  try:
    return run_directory.CsvFile(path, None).last_env_steps()
  except ValueError:  # It is a user's own table.
    return -1


def _draw_again(path: pathlib.Path, has_rows: bool, score: str) -> None:
  """Draws the learning curve again, without the rows that were dropped."""
  picture = path / 'learning_curve.png'
  with display.BestEffort(picture):
    if has_rows:
      curves.learning_curve(path / 'evaluation.csv', picture, score)
    else:
      picture.unlink(missing_ok=True)
