"""Defines the flags of the launchers that make many runs of another one."""

import pathlib
import shlex
from typing import Any, Dict

from absl import flags
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.studies import jobs

# The flags belong to the launcher that defines them, and its --help lists them.
flags.disclaim_key_flags()


class StudyFlags:
  """The flags of a study: which runs it makes, and how."""

  def __init__(self, *, seeds: str, num_env_steps: int, output_dir: str):
    """Defines the flags; the arguments are the defaults of those that differ.

    Args:
      seeds: the seeds, with commas between them.
      num_env_steps: the environment steps of a run, summed over tasks.
      output_dir: the directory of the study.
    """
    self._launcher = flags.DEFINE_enum(
        'launcher',
        'run_distral',
        jobs.LAUNCHERS,
        'The launcher that makes the runs.',
    )
    self._flagfile = flag_utils.define_path(
        'run_flagfile', '', 'The flagfile of all runs. Empty: none.'
    )
    self._flags = flags.DEFINE_string(
        'run_flags', '', 'More flags of all runs, as one text.'
    )
    self._seeds = flags.DEFINE_list(
        'seeds',
        seeds.split(','),
        'The seeds of each setting, with commas between them.',
    )
    self._steps = flags.DEFINE_integer(
        'num_env_steps',
        num_env_steps,
        'The number of environment steps of a run, summed over all tasks.',
        lower_bound=1,
    )
    self._metric = flags.DEFINE_enum(
        'metric', 'success', ['success', 'return'], 'The score.'
    )
    self._output_dir = flag_utils.define_path(
        'output_dir', output_dir, 'The directory for the runs and the results.'
    )
    self._parallel = flags.DEFINE_integer(
        'num_parallel',
        0,
        'The number of runs at a time; 0: one for each usable core.',
        lower_bound=0,
    )

  def settings(self) -> Dict[str, Any]:
    """Returns what describes the runs: the same fields of every study.

    Raises:
      ValueError: if the seeds cannot be read.
    """
    flagfile = self._flagfile.value
    return dict(
        launcher=f'{self._launcher.value}.py',
        flagfile=flagfile and str(pathlib.Path(flagfile).resolve()),
        flags=tuple(shlex.split(self._flags.value)),
        seeds=flag_utils.parse_seeds(self._seeds.value),
        num_env_steps=self._steps.value,
        metric=self._metric.value,
    )

  def make_output_dir(self) -> pathlib.Path:
    """Makes the directory of the study, and returns its path."""
    path = pathlib.Path(self._output_dir.value)
    path.mkdir(parents=True, exist_ok=True)
    return path

  @property
  def num_parallel(self) -> int:
    """The number of runs at a time."""
    return self._parallel.value or run_options.usable_cores()
