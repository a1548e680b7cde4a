"""What the agents that step within trust regions have in common."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class TrustRegionConfig:
  """Sampling, advantages, trust region and networks of TRPO and DnC."""

  envs_per_task: int = shared_fields.envs_per_task(2)
  unroll_length: int = shared_fields.unroll_length(
      2500,
      "With baseline='linear' a block holds whole episodes. A batch is "
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
      "What predicts the returns of each task: 'linear' (a ridge regression on "
      "the observation, its square and the time) or 'neural' (a network).",
  )
  linear_ridge: float = config_fields.field(
      1.0,
      'The weight of the squared norm of the weights of the linear baseline.',
      config_fields.POSITIVE,
  )
  linear_memory: float = config_fields.field(
      0.5,
      'The factor, in [0, 1], by which the linear baseline multiplies earlier '
      'batches in each fit. 0: it forgets them.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  value_learning_rate: float = shared_fields.learning_rate(
      1e-3, 'Adam for the neural baseline'
  )
  value_epochs: int = config_fields.field(
      5,
      'The number of passes of the neural baseline over a batch.',
      config_fields.POSITIVE,
  )
  value_minibatches: int = config_fields.field(
      10,
      'The number of gradient steps of the neural baseline in a pass.',
      config_fields.POSITIVE,
  )
  value_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (64, 64), 'the neural baseline'
  )
  max_kl: float = config_fields.field(
      0.01,
      'The size delta of a trust region: the mean KL(old || new), in nats.',
      config_fields.POSITIVE,
  )
  damping: float = config_fields.field(
      0.01,
      'The number that is added to the diagonal of the Fisher matrix.',
      config_fields.NOT_NEGATIVE,
  )
  cg_iterations: int = config_fields.field(
      10, 'The number of conjugate gradient steps.', config_fields.POSITIVE
  )
  backtrack_ratio: float = config_fields.field(
      0.8,
      'The factor, in (0, 1), by which a step that was not accepted is '
      'shortened.',
      config_fields.BETWEEN_ZERO_AND_ONE,
  )
  max_backtracks: int = config_fields.field(
      15,
      'How often a step is shortened at most. After that the old policy is '
      'kept.',
      config_fields.NOT_NEGATIVE,
  )
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (150, 100, 50), 'a policy'
  )
  observes_task: bool = config_fields.field(
      True,
      'Whether policies see the one-hot vector of the task. Only for suites '
      'without held-out tasks (MT).',
  )
  initial_std: float = shared_fields.initial_std(1.0, 'a policy')
  min_std: float = config_fields.field(
      0.01,
      'The lower bound of the standard deviation, in units of the action.',
      config_fields.POSITIVE,
  )
  max_std: float = config_fields.field(
      1.6, 'The upper bound of the standard deviation, in units of the action.'
  )
  noise_color: float = shared_fields.noise_color(0.0)
  min_observation_std: float = shared_fields.min_observation_std(0.01)

  def __post_init__(self):
    config_fields.check_fields(self)
    config_checks.std_range(self)
    if self.baseline == 'neural':
      # A linear one knows the time, and so sees the end coming.
      config_fields.require(self, config_fields.BELOW_ONE, 'discount')
    if self.batch_size % self.value_minibatches and self.baseline == 'neural':
      raise ValueError(
          f'value_minibatches={self.value_minibatches} does not divide the '
          f'{self.batch_size} steps a task in a block (envs_per_task * '
          'unroll_length).'
      )

  @property
  def batch_size(self) -> int:
    """Steps of each task in a block."""
    return self.envs_per_task * self.unroll_length
