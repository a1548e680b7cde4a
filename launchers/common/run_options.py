"""Defines the options that every trainer takes, and those that tools share."""

import dataclasses
import datetime
import os
from typing import Literal

from distillery.agents.core import config_fields
from distillery.agents.core.running import devices
from distillery.environments.pool import process_pool


def _is_address(value: str) -> bool:
  host, _, port = value.rpartition(':')
  return not value or bool(host and port.isdigit())


_ADDRESS = config_fields.Check(
    '{name} must be HOST:PORT, got {value!r}.', _is_address
)
_CHECKPOINT = config_fields.Check(
    "{name} must be 'last', 'best' or a number of environment steps, got "
    '{value!r}.',
    lambda value: value in ('last', 'best') or value.isdecimal(),
)
# The number of characters of the suite in a run directory's name.
_MAX_SUITE_LENGTH = 40


def num_workers_field() -> int:
  """Returns the option of the number of worker processes."""
  return config_fields.field(
      0,
      'The number of processes that step environments; 0: one for each usable '
      'core. Results do not depend on it. It has no effect in suites that are '
      'stepped as arrays (mazes and half-cheetahs).',
      config_fields.NOT_NEGATIVE,
  )


def trained_run_field() -> str:
  """Returns the option of the directory of a run that has trained."""
  return config_fields.field('', 'The directory of the run.', is_path=True)


def checkpoint_field() -> str:
  """Returns the option of the checkpoint that a policy is loaded from."""
  return config_fields.field(
      'last',
      "The checkpoint: 'last', 'best' (that of the evaluation with the largest "
      'mean score), or the environment steps of one that is kept.',
      _CHECKPOINT,
  )


@dataclasses.dataclass(frozen=True)
class RunOptions:
  """The options of a run: its suite, its length and where its results go."""

  suite: str = config_fields.field(
      'MT10',
      'The task suite: MT10, MT25, MT50, ML10, ML25, ML45, DAMSEL, MAZES, '
      'NAVIGATION, HALF_CHEETAH; one task, such as MT1/reach-v3; or tasks of '
      'your choice, such as MT/push-v3,reach-v3 or, with test tasks, '
      'ML/push-v3,reach-v3/door-open-v3; or a suite of your own, '
      'my_module:my_suite.',
  )
  seed: int = config_fields.field(
      0,
      'The seed of everything random in the run, except for the samples that '
      'an off-policy agent takes from its replay.',
      config_fields.SEED,
  )
  num_env_steps: int = config_fields.field(
      5_000_000,
      'The number of environment steps to train for, summed over all tasks.',
      config_fields.POSITIVE,
  )
  run_dir: str = config_fields.field(
      '',
      'The directory for the results. It must be new or empty, or with '
      '--resume hold the run to resume. Empty: a new directory, named '
      'runs/<agent>_<suite>_seed<seed>_<time>.',
      is_path=True,
  )
  num_workers: int = num_workers_field()
  evaluate_every: int = config_fields.field(
      250_000,
      'The number of environment steps, summed over all tasks, between '
      'evaluations.',
      config_fields.POSITIVE,
  )
  evaluation_episodes: int = config_fields.field(
      10,
      'The number of episodes of each task in an evaluation.',
      config_fields.POSITIVE,
  )
  film_every: int = config_fields.field(
      0,
      'The number of environment steps, summed over all tasks, between films of '
      'the first policy that is evaluated, in the folder films of the run. '
      'There is at most one after each evaluation. 0: there are none.',
      config_fields.NOT_NEGATIVE,
  )
  checkpoint_every: int = config_fields.field(
      500_000,
      'The number of environment steps, summed over all tasks, between '
      'checkpoints.',
      config_fields.POSITIVE,
  )
  checkpoint_minutes: float = config_fields.field(
      5.0,
      'The minutes after which there is a checkpoint in any case.',
      config_fields.POSITIVE,
  )
  train_episode_steps: int = config_fields.field(
      0,
      'The number of steps after which a training episode is cut, as by a '
      'time limit. Short episodes are worth more where a task can be solved '
      'early: the steps after that teach little. 0: episodes have the length '
      'that the suite gives them. Evaluations always do.',
      config_fields.NOT_NEGATIVE,
  )
  random_start_steps: int = config_fields.field(
      0,
      'The largest number of random steps before a training episode. Every '
      'second environment of a task takes the same random action for a random '
      'number of steps, from 0 to this one, and its episode begins there. So '
      'the policy sees states that it would not reach. The steps count as '
      'environment steps. 0: episodes begin after the reset. Evaluations always '
      'do.',
      config_fields.NOT_NEGATIVE,
  )
  device: devices.Device = config_fields.field(
      devices.DEFAULT,
      "The device of the learner: 'auto' (a GPU if there is one, else the "
      "CPU), 'cpu' or 'gpu' (which is an error if there is no GPU).",
  )
  env_timeout_s: float = config_fields.field(
      process_pool.ENV_TIMEOUT_S,
      'The time limit, in seconds, for making, resetting and stepping an '
      'environment. An environment that takes longer counts as hanging, which '
      'is an error. It has no effect in suites that are stepped as arrays.',
      config_fields.POSITIVE,
  )
  num_actors: int = config_fields.field(
      2,
      'The number of actors of a program of many nodes (--lp_launch_type). '
      'Each actor has its own environments and its share of --num_workers.',
      config_fields.POSITIVE,
  )
  ray_address: str = config_fields.field(
      '',
      'The address HOST:PORT of the Ray cluster that runs such a program. '
      'Empty: a cluster is started on this machine.',
      _ADDRESS,
  )
  # The flagfile that repeats a run must not resume it.
  resume: bool = config_fields.field(
      False,
      'Whether to resume the run in --run_dir from its newest whole '
      'checkpoint.',
      repeat=False,
  )
  reward_function_version: Literal['v1', 'v2'] = config_fields.field(
      'v2', "The version of Meta-World's reward functions."
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    if self.resume and not self.run_dir:
      raise ValueError(
          'resume: got no run_dir, want the directory of the run to resume.'
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
    # A list of tasks may be longer than a file's name can be.
    suite = self.suite.replace('/', '-')[:_MAX_SUITE_LENGTH]
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
