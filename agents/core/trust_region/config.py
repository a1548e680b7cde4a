"""What the agents that step within trust regions have in common."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_checks


@dataclasses.dataclass(frozen=True)
class TrustRegionConfig:
  """Sampling, advantages, trust region and networks of TRPO and DnC.

  Attributes:
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block, whole episodes if the
      baseline is 'linear'. A batch is envs_per_task * unroll_length steps a
      task.
    discount: gamma.
    gae_lambda: lambda of the advantages.
    baseline: what predicts returns, for each task: 'linear' (ridge regression
      on the observation, its square and the time) or 'neural'.
    value_learning_rate: Adam's step size, of the neural baseline.
    value_epochs: passes of the neural baseline over a batch.
    value_minibatches: gradient steps of a pass.
    value_hidden_sizes: units of each hidden layer of a neural baseline.
    max_kl: delta, the size of a trust region: mean KL(old || new), nats.
    damping: added to the diagonal of the Fisher matrix.
    cg_iterations: conjugate gradient steps.
    backtrack_ratio: by which a step that was not accepted is shortened.
    max_backtracks: how often; after that the old policy is kept.
    hidden_sizes: units of each hidden layer of a policy.
    observes_task: whether policies see the one-hot of the task; for suites
      whose tasks are all trained on (MT), not for those that hold some out.
    initial_std: standard deviation of the actions at the start.
    min_std: its lower bound.
    max_std: its upper bound.
    noise_color: of the Gaussian noise that acts, along an unroll: 0 is white, 1
      pink (Hollenstein et al. 2024).
    min_observation_std: floor of the standard deviation that observations are
      divided by, in units of the observation.
  """

  envs_per_task: int = 2
  unroll_length: int = 2500
  discount: float = 0.99
  gae_lambda: float = 0.97
  baseline: Literal['linear', 'neural'] = 'linear'
  value_learning_rate: float = 1e-3
  value_epochs: int = 5
  value_minibatches: int = 10
  value_hidden_sizes: Tuple[int, ...] = (64, 64)
  max_kl: float = 0.01
  damping: float = 0.01
  cg_iterations: int = 10
  backtrack_ratio: float = 0.8
  max_backtracks: int = 15
  hidden_sizes: Tuple[int, ...] = (150, 100, 50)
  observes_task: bool = True
  initial_std: float = 1.0
  min_std: float = 0.01
  max_std: float = 1.6
  noise_color: float = 0.0
  min_observation_std: float = 0.01

  def __post_init__(self):
    config_checks.choices(self)
    config_checks.positive(
        self,
        'envs_per_task',
        'unroll_length',
        'value_learning_rate',
        'value_epochs',
        'value_minibatches',
        'value_hidden_sizes',
        'max_kl',
        'cg_iterations',
        'hidden_sizes',
        'min_std',
        'min_observation_std',
    )
    config_checks.not_negative(self, 'damping', 'max_backtracks', 'noise_color')
    config_checks.share(self, 'discount', 'gae_lambda')
    config_checks.std_range(self)
    if not 0.0 < self.backtrack_ratio < 1.0:
      raise ValueError(
          f'backtrack_ratio must be in (0, 1), got {self.backtrack_ratio}.'
      )
    if self.baseline == 'neural':
      # A linear one knows the time, and so sees the end coming.
      config_checks.below_one(self, 'discount')
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
