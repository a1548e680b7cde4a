"""What studies of Distral compare."""

import dataclasses
import pathlib
from typing import Dict, List, NamedTuple, Sequence, Tuple

from distillery.launchers.studies import distral_family
from distillery.launchers.studies import jobs


@dataclasses.dataclass(frozen=True)
class Study:
  """What is compared.

  Attributes:
    flagfile: of `run_distral.py`; tasks and sizes.
    algorithms: names in `distral_family.ALGORITHMS`.
    costs: values of c_KL + c_Ent; each algorithm is run with each.
    learning_rates: likewise.
    num_env_steps: of a run.
    metric: what is drawn, a column of evaluation.csv.
    tuning_steps: if above 0, settings are compared with seed 0 and this many
      steps, and the best one of each algorithm is what is run.
    flags: that follow the flagfile.
  """

  flagfile: str
  algorithms: Tuple[str, ...]
  costs: Tuple[float, ...]
  learning_rates: Tuple[float, ...]
  num_env_steps: int
  metric: str
  tuning_steps: int = 0
  flags: Tuple[str, ...] = ()


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
    # The noise narrows over nine tenths of the 3 million steps, as it does of
    # the flagfile's; also in shorter runs, and in the short ones for tuning.
    'mt10': Study(
        'distral_mt10.cfg',
        _COMPARED,
        (0.01, 0.1),
        (3e-4,),
        3_000_000,
        'success',
        tuning_steps=500_000,
        flags=('--narrowing_steps=2700000',),
    ),
    # With the costs that both had chosen on MT10.
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
  """One run of a study."""

  algorithm: str
  cost: float
  learning_rate: float
  seed: int
  num_env_steps: int

  def job(self, study: Study) -> jobs.Job:
    """What makes it."""
    return jobs.Job(
        pathlib.Path(
            self.algorithm.replace(' ', '_'),
            f'cost{self.cost:g}_rate{self.learning_rate:g}',
            f'seed{self.seed}',
        ),
        'run_distral.py',
        study.flagfile,
        (
            *study.flags,
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
  """All settings of some algorithms, a seed after the other."""
  return [
      Run(algorithm, cost, rate, seed, num_env_steps)
      for seed in seeds
      for algorithm in algorithms
      for cost in study.costs
      for rate in study.learning_rates
  ]
