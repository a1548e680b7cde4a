"""Defines the options that every launcher takes."""

import dataclasses
import datetime
import os
from typing import Literal

from distillery.environments.pool import process_pool


@dataclasses.dataclass(frozen=True)
class RunOptions:
  """The options of a run: its suite, its length and where its results go.

  Attributes:
    suite: the task suite: MT10, MT25, MT50, ML10, ML25, ML45, DAMSEL, MAZES,
      NAVIGATION, HALF_CHEETAH, or one task, such as MT1/reach-v3.
    seed: the seed of everything random in the run, except for the samples that
      an off-policy agent takes from its replay.
    num_env_steps: the number of environment steps to train for, summed over all
      tasks.
    run_dir: the directory for the results. It must be new or empty, or with
      --resume hold the run to resume. Empty: a new directory, named
      runs/<agent>_<suite>_seed<seed>_<time>.
    num_workers: the number of processes that step environments; 0: one for each
      usable core. Results do not depend on it. It has no effect in suites that
      are stepped as arrays (mazes and half-cheetahs).
    evaluate_every: the number of environment steps, summed over all tasks,
      between evaluations.
    evaluation_episodes: the number of episodes of each task in an evaluation.
    checkpoint_every: the number of environment steps, summed over all tasks,
      between checkpoints.
    device: the device of the learner: 'auto' (a GPU if there is one, else the
      CPU) or 'cpu'.
    env_timeout_s: the time limit, in seconds, for making, resetting and
      stepping an environment. An environment that takes longer counts as
      hanging, which is an error. It has no effect in suites that are stepped
      as arrays.
    num_actors: the number of actors of a program of many nodes
      (--lp_launch_type). Each actor has its own environments and its share of
      --num_workers.
    ray_address: the address HOST:PORT of the Ray cluster that runs such a
      program. Empty: a cluster is started on this machine.
    resume: whether to resume the run in --run_dir from its newest whole
      checkpoint.
    reward_function_version: the version of Meta-World's reward functions.
  """

  suite: str = 'MT10'
  seed: int = 0
  num_env_steps: int = 5_000_000
  run_dir: str = dataclasses.field(default='', metadata={'is_path': True})
  num_workers: int = 0
  evaluate_every: int = 250_000
  evaluation_episodes: int = 10
  checkpoint_every: int = 500_000
  device: Literal['auto', 'cpu'] = 'auto'
  env_timeout_s: float = process_pool.ENV_TIMEOUT_S
  num_actors: int = 2
  ray_address: str = ''
  # The flagfile that repeats a run must not resume it.
  resume: bool = dataclasses.field(default=False, metadata={'repeat': False})
  reward_function_version: Literal['v1', 'v2'] = 'v2'

  def __post_init__(self):
    for name in (
        'num_env_steps',
        'evaluate_every',
        'evaluation_episodes',
        'checkpoint_every',
        'env_timeout_s',
        'num_actors',
    ):
      if getattr(self, name) <= 0:
        raise ValueError(
            f'{name}: got {getattr(self, name)}, want a number above 0'
        )
    if not 0 <= self.seed < 2**32:
      raise ValueError(f'seed: got {self.seed}, want 0 <= seed < 2**32')
    if self.num_workers < 0:
      raise ValueError(
          f'num_workers: got {self.num_workers}, want a number of processes, '
          'or 0 for one on each core'
      )
    host, _, port = self.ray_address.rpartition(':')
    if self.ray_address and not (host and port.isdigit()):
      raise ValueError(f'ray_address: got {self.ray_address!r}, want HOST:PORT')
    if self.resume and not self.run_dir:
      raise ValueError(
          'resume: got it without run_dir, want the directory of the run to '
          'resume'
      )

  def resolved(self, agent: str) -> 'RunOptions':
    """Replaces an empty `run_dir` and `num_workers=0` by their defaults.

    Args:
      agent: the name of the agent, such as 'distral'. It is the first part of
        the name of the run's directory.

    Returns:
      The options with the replaced values.
    """
    # UTC, so that names sort by time in every time zone.
    now = datetime.datetime.now(datetime.timezone.utc)
    suite = self.suite.replace('/', '-')
    default_run_dir = os.path.join(
        'runs', f'{agent}_{suite}_seed{self.seed}_{now:%Y%m%d-%H%M%S}'
    )
    return dataclasses.replace(
        self,
        run_dir=self.run_dir or default_run_dir,
        num_workers=self.num_workers or usable_cores(),
    )


def usable_cores() -> int:
  """Returns the number of cores that this process may use."""
  return len(os.sched_getaffinity(0))
