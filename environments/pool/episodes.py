"""Describes an episode that has ended."""

from typing import NamedTuple


class Episode(NamedTuple):
  """A finished episode.

  Attributes:
    task: the task's name.
    env: index of the environment among its task's; 0 in evaluation.
    episode: the episode's number: the n-th that the environment began.
    return_: undiscounted sum of rewards.
    length: number of steps.
    success: whether any step solved the task.
  """

  task: str
  env: int
  episode: int
  return_: float
  length: int
  success: bool
