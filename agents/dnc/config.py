"""Defines DnC's settings, with their defaults, checks and help texts."""

import dataclasses
from typing import Literal
import warnings

from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields
from distillery.agents.core.trust_region import config as trust_region_config


@dataclasses.dataclass(frozen=True)
class DnCConfig(trust_region_config.TrustRegionConfig):
  """The settings of DnC (Ghosh et al. 2018): those of TRPO, and its own."""

  variant: Literal['vanilla', 'centralized', 'unconstrained'] = (
      config_fields.field(
          'vanilla',
          "The penalty that keeps the local policies together: 'vanilla' (the "
          "KL between every two of them), 'centralized' (the KL to the central "
          "policy) or 'unconstrained' (none; there is only the distillation).",
      )
  )
  mode: Literal['paper', 'release'] = config_fields.field(
      'paper',
      "The version of the algorithm: that of the 'paper', or the 'release', "
      'which is the code that its authors published. agents/dnc/README.md '
      'lists the differences.',
  )
  penalty: float = config_fields.field(
      0.01,
      'The weight alpha of the mean KL to the other contexts, in units of '
      'standardised advantage per nat. 0: no penalty.',
      config_fields.NOT_NEGATIVE,
  )
  penalty_states: int = config_fields.field(
      500,
      'The number of states of each context from which the penalty is '
      'estimated.',
      config_fields.POSITIVE,
  )
  distillation_period: int = config_fields.field(
      20,
      'The number R of learner steps between distillations. After each, the '
      'local policies are reset to the central one.',
      config_fields.POSITIVE,
  )
  distillation_epochs: int = config_fields.field(
      30,
      'The number of passes over a batch in a distillation.',
      config_fields.POSITIVE,
  )
  distillation_minibatches: int = config_fields.field(
      50,
      'The number of gradient steps in a pass of a distillation.',
      config_fields.POSITIVE,
  )
  distillation_learning_rate: float = shared_fields.learning_rate(
      1e-3, 'Adam for the central policy'
  )
  central_trpo: bool = config_fields.field(
      False,
      'Whether the central policy also acts and makes trust-region steps of '
      "its own. This doubles the environment steps. In mode 'release' it "
      'always does.',
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.batch_size % self.distillation_minibatches:
      raise ValueError(
          f'distillation_minibatches={self.distillation_minibatches} does not '
          f'divide the {self.batch_size} steps of each context in a block '
          '(envs_per_task * unroll_length).'
      )
    if self.penalty_states > self.batch_size:
      raise ValueError(
          f'penalty_states={self.penalty_states} is more than the '
          f'{self.batch_size} steps of each context in a block.'
      )
    if not self.penalty and self.variant != 'unconstrained':
      warnings.warn(
          f'penalty=0 leaves variant={self.variant!r} unconstrained: nothing '
          'holds the local policies together between distillations',
          stacklevel=3,
      )
