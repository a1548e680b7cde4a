"""The studies of Distral and their runs."""

import dataclasses
import pathlib
from typing import Dict, List, NamedTuple, Sequence, Tuple

from distillery.launchers.studies import distral_family
from distillery.launchers.studies import jobs


@dataclasses.dataclass(frozen=True)
class Study:
  """A comparison of algorithms on one suite.

  Attributes:
    flagfile: the flagfile of `run_distral.py`, which gives tasks and sizes.
    algorithms: the names of the algorithms in `distral_family.ALGORITHMS`.
    costs: the values of c_KL + c_Ent. Each algorithm is run with each cost and
      each learning rate.
    learning_rates: the learning rates.
    num_env_steps: the environment steps of a run, summed over tasks.
    metric: the score that is drawn, a column of evaluation.csv.
    tuning_steps: if above 0, settings are first compared with seed 0 and this
      number of steps, and only the best setting of each algorithm is run.
  """

  flagfile: str
  algorithms: Tuple[str, ...]
  costs: Tuple[float, ...]
  learning_rates: Tuple[float, ...]
  num_env_steps: int
  metric: str
  tuning_steps: int = 0


_ALL = tuple(distral_family.ALGORITHMS)
_COMPARED = ('A3C', 'A3C multitask', 'A3C 2col', 'KL+ent 1col', 'KL+ent 2col')
STUDIES: Dict[str, Study] = {
    'mazes': Study(
        'distral_mazes.cfg',
        _ALL,
        (0.01, 0.03),
        (1e-3, 3e-3),
        1_000_000,
        'return',
    ),
    'navigation': Study(
        'distral_navigation.cfg',
        _ALL,
        (0.01, 0.03),
        (1e-3, 3e-3),
        1_000_000,
        'return',
    ),
    'mt10': Study(
        'distral_mt10.cfg',
        _COMPARED,
        (0.01, 0.1),
        (3e-4,),
        3_000_000,
        'success',
        tuning_steps=500_000,
    ),
    # The costs are those that were chosen for both algorithms on MT10.
    'mt50': Study(
        'distral_mt50.cfg',
        ('A3C multitask', 'KL+ent 2col'),
        (0.01,),
        (3e-4,),
        15_000_000,
        'success',
    ),
}


class Run(NamedTuple):
  """A run of a study."""

  algorithm: str
  cost: float
  learning_rate: float
  seed: int
  num_env_steps: int

  def job(self, study: Study) -> jobs.Job:
    """Returns the job that makes this run of a study."""
    return jobs.Job(
        pathlib.Path(
            self.algorithm.replace(' ', '_'),
            f'cost{self.cost:g}_rate{self.learning_rate:g}',
            f'seed{self.seed}',
        ),
        'run_distral.py',
        study.flagfile,
        (
            *distral_family.ALGORITHMS[self.algorithm].flags(self.cost),
            f'--learning_rate={self.learning_rate:g}',
        ),
        self.seed,
        self.num_env_steps,
    )


def grid(
    study: Study,
    algorithms: Sequence[str],
    seeds: Sequence[int],
    num_env_steps: int,
) -> List[Run]:
  """Returns the runs of all settings of some algorithms, seed by seed.

  Args:
    study: the study, which has the costs and the learning rates.
    algorithms: the names of the algorithms.
    seeds: the seeds of each setting.
    num_env_steps: the environment steps of each run, summed over tasks.
  """
  return [
      Run(algorithm, cost, rate, seed, num_env_steps)
      for seed in seeds
      for algorithm in algorithms
      for cost in study.costs
      for rate in study.learning_rates
  ]
