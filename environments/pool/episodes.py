"""Describes an episode that has ended."""

from typing import NamedTuple


class Episode(NamedTuple):
  """A finished episode.

  Attributes:
    task: the name of the task.
    env: the index of the environment among those of its task; 0 in evaluation.
    episode: the number of the episode among those of its environment, from 0.
    return_: the undiscounted sum of rewards.
    length: the number of steps.
    success: whether any step solved the task.
  """

  task: str
  env: int
  episode: int
  return_: float
  length: int
  success: bool
