"""Defines the settings that TRPO and DnC share."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class TrustRegionConfig:
  """The settings of TRPO, which are also a part of those of DnC."""

  envs_per_task: int = shared_fields.envs_per_task(2)
  unroll_length: int = shared_fields.unroll_length(
      2500,
      "With baseline='linear' a block must hold whole episodes. A batch has "
      'envs_per_task * unroll_length steps of each task.',
  )
  discount: float = config_fields.field(
      0.99,
      "The discount factor gamma, in [0, 1]; below 1 with baseline='neural'.",
      config_fields.FROM_ZERO_TO_ONE,
  )
  gae_lambda: float = shared_fields.gae_lambda(0.97)
  min_advantage_std: float = shared_fields.min_advantage_std(
      1e-6, 'The targets of the neural baseline have the same bound.'
  )
  baseline: Literal['linear', 'neural'] = config_fields.field(
      'linear',
      "The predictor of each task's returns: 'linear' (a ridge regression on "
      "the observation, its square and the time) or 'neural' (a network).",
  )
  linear_ridge: float = config_fields.field(
      1.0,
      'The ridge penalty of the linear baseline: the weight of the squared '
      'norm of its coefficients.',
      config_fields.POSITIVE,
  )
  linear_memory: float = config_fields.field(
      0.5,
      'The factor, in [0, 1], by which the linear baseline reduces the weight '
      'of all earlier batches in each fit. 0: it uses the latest batch alone.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  value_learning_rate: float = shared_fields.learning_rate(
      1e-3, 'Adam for the neural baseline'
  )
  adam_epsilon: float = shared_fields.adam_epsilon(1e-7)
  value_epochs: int = config_fields.field(
      5,
      'The number of passes over a batch in a fit of the neural baseline.',
      config_fields.POSITIVE,
  )
  value_minibatches: int = config_fields.field(
      10,
      'The number of gradient steps in a pass of the neural baseline. It must '
      'divide the steps of a batch.',
      config_fields.POSITIVE,
  )
  value_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (64, 64), 'the neural baseline'
  )
  max_kl: float = config_fields.field(
      0.01,
      'The size delta of a trust region: the largest mean KL(old || new) of a '
      'step, in nats.',
      config_fields.POSITIVE,
  )
  damping: float = config_fields.field(
      0.01,
      'The number that is added to the diagonal of the Fisher matrix. More '
      'damping gives shorter steps.',
      config_fields.NOT_NEGATIVE,
  )
  cg_iterations: int = config_fields.field(
      10,
      'The number of conjugate gradient iterations that solve for the '
      'direction of a step.',
      config_fields.POSITIVE,
  )
  backtrack_ratio: float = config_fields.field(
      0.8,
      'The factor, in (0, 1), by which the line search shortens a step that it '
      'does not accept.',
      config_fields.BETWEEN_ZERO_AND_ONE,
  )
  max_backtracks: int = config_fields.field(
      15,
      'The largest number of times that the line search shortens a step. After '
      'that the old policy is kept. 0: only the full step is tried.',
      config_fields.NOT_NEGATIVE,
  )
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (150, 100, 50), 'a policy'
  )
  observes_task: bool = shared_fields.observes_task(True, 'policies see')
  initial_std: float = shared_fields.initial_std(1.0, 'a policy')
  min_std: float = shared_fields.min_std(0.01, 'a policy')
  max_std: float = shared_fields.max_std(1.6, 'a policy')
  noise_colors: Tuple[float, ...] = shared_fields.noise_colors()
  min_observation_std: float = shared_fields.min_observation_std(0.01)

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    config_checks.std_range(self)
    if self.baseline == 'neural':
      # A linear baseline knows the time and so how near the end is.
      config_fields.require(self, config_fields.BELOW_ONE, 'discount')
    if self.batch_size % self.value_minibatches and self.baseline == 'neural':
      raise ValueError(
          f'value_minibatches={self.value_minibatches} does not divide the '
          f'{self.batch_size} steps of each task in a block (envs_per_task * '
          'unroll_length).'
      )

  @property
  def batch_size(self) -> int:
    """The number of steps of each task in a block."""
    return self.envs_per_task * self.unroll_length
