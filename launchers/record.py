"""Makes a film of a trained policy.

  python launchers/record.py --run_dir=runs/... --output=film.mp4

The film has a cell for each task of the suite, or for each one of --tasks. It
shows the first episodes of the evaluation. A green frame says that the episode
is solved. The task policies play training tasks alone. It needs no TensorFlow,
and where there is no display, EGL or OSMesa draws.
"""

import dataclasses
from typing import List, Literal, Sequence

from distillery.agents.core import config_fields
from distillery.agents.core.films import files
from distillery.agents.core.films import playing
from distillery.agents.core.films import recording
from distillery.agents.core.run_files import checkpoints
from distillery.environments import base
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.common import trained_suites

_SIZE = config_fields.Check(
    '{name} must be in [16, 1000], got {value}.',
    lambda value: 16 <= value <= 1000,
)


@dataclasses.dataclass(frozen=True)
class FilmOptions:
  """The options of the film."""

  run_dir: str = run_options.trained_run_field()
  checkpoint: str = run_options.checkpoint_field()
  policy: Literal['task', 'shared'] = config_fields.field(
      'task', 'The policy that acts.'
  )
  tasks: str = config_fields.field(
      '',
      'The names of the tasks, with commas between them. Empty: all training '
      'tasks of the run, or for the shared policy of a suite with held-out '
      'tasks, these.',
  )
  num_episodes: int = config_fields.field(
      1,
      'The number of episodes of each task, one after the other.',
      config_fields.POSITIVE,
  )
  size: int = config_fields.field(
      200,
      'The height and width of the picture of a task, in pixels.',
      _SIZE,
  )
  output: str = config_fields.field(
      'film.gif',
      "The film's path, in .gif or .mp4. In .png, only the last picture is "
      'written.',
      config_fields.ends_in(*files.ENDINGS),
      is_path=True,
  )

  def __post_init__(self):
    config_fields.check_fields(self)


_OPTIONS = flag_utils.define(FilmOptions)


def main(_):
  options = _OPTIONS.value()
  config, suite = trained_suites.read(options.run_dir)
  tasks = _chosen(suite, options)
  files.check_writable(options.output)
  loaded = checkpoints.load_policy(
      options.run_dir, options.policy, options.checkpoint
  )
  recording.record(
      options.output,
      suite,
      tasks,
      loaded.policy,
      loaded.parameters,
      seed=config['seed'],
      num_episodes=options.num_episodes,
      size=options.size,
      report=_report,
  )
  print(f'{options.output} is written')


def _report(task: base.Task, episodes: List[List[playing.Picture]]) -> None:
  solved = sum(episode[-1].solved for episode in episodes)
  mean = sum(episode[-1].return_ for episode in episodes) / len(episodes)
  print(
      f'{task.name} ({task.split}): return {mean:,.1f}, solved {solved} of '
      f'{len(episodes)} episodes'
  )


def _chosen(suite: base.TaskSuite, options: FilmOptions) -> Sequence[base.Task]:
  """Returns the tasks to film: those that an evaluation plays."""
  has_test = options.policy == 'shared' and suite.test_tasks
  known = suite.tasks if has_test else suite.train_tasks
  if not options.tasks:
    return suite.test_tasks if has_test else suite.train_tasks
  found: List[base.Task] = []
  for name in options.tasks.split(','):
    named = [task for task in known if task.name == name]
    if not named:
      names = dict.fromkeys(task.name for task in known)
      raise ValueError(f'tasks: got {name!r}, want some of {", ".join(names)}')
    found += named
  return found


if __name__ == '__main__':
  flag_utils.run(main)
