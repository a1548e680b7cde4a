"""Films a run's policy from time to time."""

from typing import Mapping

from distillery.agents.core.films import recording
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import folders
from distillery.agents.core.running import setup
from distillery.networks import acting
import numpy as np

# The height and width of a task's picture, in pixels.
_FEW_TASKS, _SIZE, _SMALL_SIZE = 12, 200, 80


class TrainingFilms:
  """The films of a run, in its folder `films`, named by environment steps."""

  def __init__(self, config: setup.ExperimentConfig, env_steps: int):
    """Initialises the films.

    Args:
      config: the experiment.
      env_steps: the environment steps so far; above 0 if the run is resumed.
    """
    self._config = config
    self._folder = config.run_dir.path / 'films'
    self._env_steps = env_steps
    # After a failure there is no second try: MuJoCo may abort the process.
    self._works = True

  def offer(
      self,
      env_steps: int,
      policies: Mapping[str, acting.AnyPolicy],
      parameters: Mapping[str, np.ndarray],
  ) -> None:
    """Makes a film if one is due.

    If a film fails, there is one warning, and no more films.

    Args:
      env_steps: the environment steps so far.
      policies: the policies that are evaluated, by name; the first is filmed.
      parameters: their parameters, float32 arrays by name.
    """
    config = self._config
    before, self._env_steps = self._env_steps, env_steps
    if not (self._works and config.film_every) or not setup.is_due(
        config, config.film_every, before, env_steps
    ):
      return
    tasks = config.suite.train_tasks
    try:
      folders.make(self._folder)
      recording.record(
          str(self._folder / f'{env_steps:012d}.gif'),
          config.suite,
          tasks,
          next(iter(policies.values())),
          parameters,
          seed=config.seed,
          size=_SIZE if len(tasks) <= _FEW_TASKS else _SMALL_SIZE,
      )
    except Exception as error:  # A user's environment may raise anything.
      self._works = False
      display.say(
          'warning: there are no films of this run: '
          f'{" ".join(str(error).split())}'
      )
