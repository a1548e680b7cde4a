"""What a resumed run takes back: all that came after its checkpoint."""

import pathlib

from distillery.agents.core import run_directory
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import metrics
from distillery.agents.core.running import setup


def take_back(
    config: setup.ExperimentConfig, env_steps: int, learner_steps: int
) -> int:
  """Drops what a run left after its checkpoint, says so and notes it.

  Args:
    config: the run, which is resumed.
    env_steps: environment steps of the checkpoint; 0: there is none.
    learner_steps: learner steps of the checkpoint.

  Returns:
    The step from which on nothing is left, for `metrics.Summary`.

  Raises:
    OSError: if a table cannot be written.
    ValueError: if one cannot be read.
  """
  run_dir = config.run_dir
  train = run_dir.open_csv('train.csv')
  evaluations = run_dir.open_csv('evaluation.csv')
  # A run that begins again writes the rows of step 0 again too.
  dropped = {
      'train.csv': train.truncate(env_steps or -1, learner_steps),
      'evaluation.csv': evaluations.truncate(env_steps or -1),
  }
  if not env_steps:
    display.say(
        f'warning: there is no checkpoint in {run_dir.path}; the run '
        'begins anew.'
    )
  metrics.say_dropped(env_steps, dropped)
  if learner_steps:
    say_gap(run_dir, 'train.csv', train.last_env_steps(), env_steps)
  if dropped['evaluation.csv']:
    _draw_again(
        run_dir.path, evaluations.last_env_steps() >= 0, config.suite.score
    )
  for path in sorted(run_dir.path.glob('*_*.csv')):  # Of evaluate.py, say.
    if _last_env_steps(path) > env_steps:
      display.say(
          f'warning: {path} is of later steps, which are taken back; '
          'make it again, or delete it.'
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
    last: environment steps of the table's last row; -1: it has none.
    env_steps: environment steps up to which rows have to be there.
  """
  if last < env_steps:
    display.say(
        f'warning: {run_dir.path / name} has no rows from {last + 1:,} to '
        f'{env_steps:,} steps; they could not be written, or were deleted.'
    )


def _last_env_steps(path: pathlib.Path) -> int:
  """Returns the steps of a table's last row; -1 if it is none of ours."""
  try:
    return run_directory.CsvFile(path, None).last_env_steps()
  except ValueError:  # A user's own.
    return -1


def _draw_again(path: pathlib.Path, has_rows: bool, score: str) -> None:
  """Draws the learning curve without the rows that were dropped."""
  picture = path / 'learning_curve.png'
  with display.BestEffort(picture):
    if has_rows:
      curves.learning_curve(path / 'evaluation.csv', picture, score)
    else:
      picture.unlink(missing_ok=True)
