"""The options that every launcher takes, whatever it trains."""

import dataclasses
import datetime
import os
from typing import Literal


@dataclasses.dataclass(frozen=True)
class RunOptions:
  """What to train on, for how long, and where the results go.

  Attributes:
    suite: the task suite: MT10, MT25, MT50, ML10, ML25, ML45, DAMSEL, MAZES,
      NAVIGATION, HALF_CHEETAH, or one task, such as MT1/reach-v3.
    seed: everything random in the run is a function of it, but for what an
      off-policy agent samples from its replay.
    num_env_steps: environment steps to train for, summed over all tasks.
    run_dir: directory that receives the results; new or empty, or with --resume
      the directory of the run to go on with. Empty: runs/<agent>_<suite>_seed
      <seed>_<time>.
    num_workers: processes that step environments; results do not depend on it.
      0: one for each usable core. Of no effect in suites that are stepped as
      arrays: mazes and half-cheetahs.
    evaluate_every: environment steps, summed over tasks, between evaluations.
    evaluation_episodes: episodes of each task in an evaluation.
    checkpoint_every: environment steps, summed over tasks, between checkpoints.
    device: where the learner computes: auto, on a GPU if there is one, or cpu.
    env_timeout_s: an environment that takes longer to be made, to reset or to
      step is taken for one that hangs. Of no effect in suites that are stepped
      as arrays.
    num_actors: of a program of many nodes (--lp_launch_type); each has
      environments of its own and its share of --num_workers.
    ray_address: of a Ray cluster that runs such a program; empty: this machine.
    resume: go on with the run in --run_dir from its newest whole checkpoint.
    reward_function_version: version of Meta-World's reward functions.
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
  env_timeout_s: float = 60.0
  num_actors: int = 2
  ray_address: str = ''
  # How a run was continued is no part of what repeats it.
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
          'or 0 for one a core'
      )
    host, _, port = self.ray_address.rpartition(':')
    if self.ray_address and not (host and port.isdigit()):
      raise ValueError(f'ray_address: got {self.ray_address!r}, want HOST:PORT')
    if self.resume and not self.run_dir:
      raise ValueError(
          'resume: got it without run_dir, want the directory of the run to go '
          'on with'
      )

  def resolved(self, agent: str) -> 'RunOptions':
    """Returns the options with the defaults that depend on here and now.

    Args:
      agent: first part of the name of the run's directory, such as 'distral'.
    """
    # UTC, so that names sort by time wherever they were made.
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
  """Number of cores this process may use; not those of the whole machine."""
  return len(os.sched_getaffinity(0))
