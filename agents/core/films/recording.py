"""Films a policy on several tasks: one episode of each, or more."""

from typing import Callable, List, Mapping, Sequence

from distillery.agents.core.films import editing
from distillery.agents.core.films import files
from distillery.agents.core.films import playing
from distillery.environments import base
from distillery.networks import acting
import numpy as np

# A function that is told of the episodes of a task.
Report = Callable[[base.Task, List[List[playing.Picture]]], None]


def record(
    path: str,
    suite: base.TaskSuite,
    tasks: Sequence[base.Task],
    policy: acting.AnyPolicy,
    parameters: Mapping[str, np.ndarray],
    *,
    seed: int,
    num_episodes: int = 1,
    size: int = 200,
    report: Report = lambda task, episodes: None,
) -> None:
  """Writes a film with a cell for each task.

  Args:
    path: the path of the film; see `files.write`.
    suite: the suite of the tasks.
    tasks: the tasks, at least one.
    policy: the acting policy.
    parameters: the policy's parameters, arrays by name.
    seed: the seed of the run.
    num_episodes: the number of episodes of each task.
    size: the wanted height and width of the picture of a task, in pixels.
    report: the function that is told of the episodes of each task.

  Raises:
    OSError: if an environment cannot be drawn, or the file cannot be written.
    timestep_checks.BadValue: if an environment or the policy returns an invalid
      value.
  """
  films = []
  for task in tasks:
    episodes = playing.play(
        suite,
        task,
        policy,
        parameters,
        seed=seed,
        num_episodes=num_episodes,
        size=size,
    )
    report(task, episodes)
    films.append([picture for episode in episodes for picture in episode])
  files.write(
      path,
      editing.grid(films),
      playing.steps_per_picture(suite) * suite.seconds_per_step,
  )
