"""The options that every launcher takes, and the cores that it may use."""

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
    num_env_steps: environment steps to train for, summed over all tasks.
    run_dir: the directory for the results. It must be new or empty, or with
      --resume hold the run to resume. Empty: a new directory, named
      runs/<agent>_<suite>_seed<seed>_<time>.
    num_workers: processes that step environments; 0 for one on each usable
      core. Results do not depend on it. It has no effect in suites that are
      stepped as arrays (mazes and half-cheetahs).
    evaluate_every: environment steps, summed over tasks, between evaluations.
    evaluation_episodes: episodes of each task in an evaluation.
    checkpoint_every: environment steps, summed over tasks, between checkpoints.
    device: the device of the learner: auto, a GPU if there is one, or cpu.
    env_timeout_s: the seconds after which an environment counts as hanging, if
      it takes longer to be made, to reset or to step. It has no effect in
      suites that are stepped as arrays.
    num_actors: the actors of a program of many nodes (--lp_launch_type). Each
      has its own environments and its share of --num_workers.
    ray_address: the Ray cluster that runs such a program, as HOST:PORT; empty
      for this machine.
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
  # Resuming does not belong to the flags that repeat a run.
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
    """Returns the options with the defaults that depend on time and machine.

    Args:
      agent: the first part of the name of a new run's directory, such as
        'distral'.
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
  """Returns how many cores this process may use, not the machine's number."""
  return len(os.sched_getaffinity(0))
