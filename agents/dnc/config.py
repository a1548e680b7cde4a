"""DnC's configuration: the only home of its defaults."""

import dataclasses
from typing import Literal
import warnings

from distillery.agents.core import config_checks
from distillery.agents.core.trust_region import config as trust_region_config


@dataclasses.dataclass(frozen=True)
class DnCConfig(trust_region_config.TrustRegionConfig):
  """Divide-and-conquer reinforcement learning (Ghosh et al. 2018) over TRPO.

  Attributes:
    variant: what holds the local policies together: 'vanilla' (KL between every
      two of them), 'centralized' (KL to the central policy) or 'unconstrained'
      (nothing but the distillation).
    mode: 'paper', or 'release' for the code that its authors published, which
      differs from the paper in the ways that agents/dnc/README.md lists.
    penalty: alpha, in units of standardised advantage per nat; weighs the mean
      over the other contexts.
    penalty_states: states of each context that the penalty is estimated on.
    distillation_period: R, learner steps between distillations; each ends with
      the local policies reset to the central one.
    distillation_epochs: passes over a batch in a distillation.
    distillation_minibatches: gradient steps of a pass.
    distillation_learning_rate: Adam's step size for the central policy.
    central_trpo: whether the central policy acts as well, and takes
      trust-region steps of its own; doubles the environment steps. 'release'
      always does.
  """

  variant: Literal['vanilla', 'centralized', 'unconstrained'] = 'vanilla'
  mode: Literal['paper', 'release'] = 'paper'
  penalty: float = 0.01
  penalty_states: int = 500
  distillation_period: int = 20
  distillation_epochs: int = 30
  distillation_minibatches: int = 50
  distillation_learning_rate: float = 1e-3
  central_trpo: bool = False

  def __post_init__(self):
    super().__post_init__()
    config_checks.positive(
        self,
        'penalty_states',
        'distillation_period',
        'distillation_epochs',
        'distillation_minibatches',
        'distillation_learning_rate',
    )
    config_checks.not_negative(self, 'penalty')
    if self.batch_size % self.distillation_minibatches:
      raise ValueError(
          f'distillation_minibatches={self.distillation_minibatches} does not '
          f'divide the {self.batch_size} steps a context in a block '
          '(envs_per_task * unroll_length).'
      )
    if self.penalty_states > self.batch_size:
      raise ValueError(
          f'penalty_states={self.penalty_states} is more than the '
          f'{self.batch_size} steps a context in a block.'
      )
    if not self.penalty and self.variant != 'unconstrained':
      warnings.warn(
          f'penalty=0 leaves variant={self.variant!r} unconstrained: nothing '
          'holds the local policies together between distillations',
          stacklevel=3,
      )
