"""Distral's configuration: the only place of its defaults, checks and help."""

import dataclasses
import math
from typing import Literal, Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class DistralConfig:
  """The family of Distral and its A3C baselines (Teh et al. 2017, table 1)."""

  architecture: Literal['two_column', 'separate', 'shared'] = (
      config_fields.field(
          'two_column',
          "The form of the task policies: 'two_column' (pi_0^alpha times a "
          "column of each task's own), 'separate' (each task's own column "
          "alone; pi_0 is another one) or 'shared' (one policy for all tasks).",
      )
  )
  logits_alpha: float = config_fields.field(
      0.5,
      'The power alpha of pi_0 in a two-column task policy, in [0, 1]. The paper '
      'sets it to kl_cost / (kl_cost + entropy_cost), except for A3C with two '
      'columns.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  kl_cost: float = config_fields.field(
      0.005,
      'c_KL, in units of reward (after reward_scale) per nat of KL(pi_k||pi_0).',
      config_fields.NOT_NEGATIVE,
  )
  entropy_cost: float = config_fields.field(
      0.005,
      'c_Ent, in units of reward (after reward_scale) per nat of entropy.',
      config_fields.NOT_NEGATIVE,
  )
  regularizer: Literal['exact', 'sampled', 'bonus'] = config_fields.field(
      'exact',
      "How the costs enter the gradient: 'exact' (KL and entropy in closed "
      "form), 'sampled' (log-probabilities of the actions taken, as in the "
      "paper) or 'bonus' (the entropy bonus of A3C, with the rewards as they "
      'are).',
  )
  optimization: Literal['joint', 'alternating'] = config_fields.field(
      'joint',
      "'joint' moves the task policies and pi_0 in one step. 'alternating' "
      'first moves the task columns with pi_0 fixed, then moves pi_0 to their '
      'centroid.',
  )
  envs_per_task: int = shared_fields.envs_per_task(2)
  unroll_length: int = shared_fields.unroll_length(500)
  discount: float = shared_fields.discount(0.99)
  gae_lambda: float = shared_fields.gae_lambda(0.95, '1 gives n-step returns.')
  reward_scale: float = shared_fields.reward_scale(
      0.1, 'This comes before anything else.'
  )
  normalize_advantages: bool = config_fields.field(
      True,
      "Whether each task's objective is divided by the standard deviation of "
      'its advantages, which are centred as well.',
  )
  min_advantage_std: float = shared_fields.min_advantage_std(
      1e-3, 'Only with normalize_advantages.'
  )
  num_epochs: int = config_fields.field(
      8,
      'The number of passes over a block. 1, with num_minibatches=1, is A2C.',
      config_fields.POSITIVE,
  )
  num_minibatches: int = config_fields.field(
      4, 'The number of gradient steps in a pass.', config_fields.POSITIVE
  )
  clip_ratio: float = config_fields.field(
      0.2,
      'The largest deviation from 1 of the ratio of probabilities in the clipped '
      'surrogate.',
      config_fields.POSITIVE,
  )
  learning_rate: float = shared_fields.learning_rate(
      3e-4, 'Adam for the policies'
  )
  value_learning_rate: float = shared_fields.learning_rate(
      1e-3, 'Adam for the values'
  )
  value_cost: float = config_fields.field(
      0.5,
      "The weight of half the values' squared error beside the policies' loss. "
      'Only with lstm_size, where values and policies share layers.',
      config_fields.NOT_NEGATIVE,
  )
  max_gradient_norm: float = shared_fields.max_gradient_norm(0.5)
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (128, 128), 'a column'
  )
  value_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (128, 128),
      'a value network',
      more='With lstm_size there is no value network.',
  )
  lstm_size: int = config_fields.field(
      0,
      'The number of units of an LSTM in each column, from whose output the '
      'value is computed, too. 0: columns have no memory, and values have '
      'networks of their own.',
      config_fields.NOT_NEGATIVE,
  )
  conv_channels: Tuple[int, ...] = config_fields.field(
      (),
      'The channels of each convolution (3 x 3, stride 2) below the perceptron '
      'of a column with an LSTM, if observations begin with an image.',
      config_fields.POSITIVE,
  )
  shared_observes_task: bool = config_fields.field(
      False,
      'Whether pi_0 sees the one-hot vector of the task. Only for suites without '
      'held-out tasks (MT).',
  )
  initial_std: float = shared_fields.initial_std(1.0, 'pi_0')
  min_std: float = config_fields.field(
      0.1,
      'The lower bound of the standard deviation of pi_0, and of task policies '
      "that do not build on pi_0 ('separate'), in units of the action.",
      config_fields.POSITIVE,
  )
  max_std: float = config_fields.field(
      1.6,
      'The upper bound of the standard deviation of pi_0, and, at the start, of '
      'the task policies, in units of the action.',
  )
  narrowed_std: float = config_fields.field(
      0.4,
      'The upper bound of the standard deviation of the task policies after '
      'narrowing_steps, in units of the action.',
  )
  narrowing_steps: int = config_fields.field(
      0,
      'The number of environment steps over which the upper bound of the task '
      "policies' standard deviation falls from max_std to narrowed_std, in a "
      'straight line. The bound of pi_0 falls with it, except with two columns. '
      '0: the bounds do not fall.',
      config_fields.NOT_NEGATIVE,
  )
  noise_color: float = shared_fields.noise_color(0.0)
  min_observation_std: float = shared_fields.min_observation_std(
      0.01, 'With lstm_size observations are not divided.'
  )

  def __post_init__(self):
    config_fields.check_fields(self)
    config_checks.std_range(self)
    if self.narrowing_steps and not (
        self.min_std <= self.narrowed_std <= self.max_std
    ):
      raise ValueError(
          'narrowed_std must lie between min_std and max_std, got '
          f'{self.narrowed_std} outside [{self.min_std}, {self.max_std}].'
      )
    if self.envs_per_task * self.unroll_length % self.num_minibatches:
      raise ValueError(
          f'num_minibatches={self.num_minibatches} does not divide the '
          f'{self.envs_per_task * self.unroll_length} steps a task in a block '
          '(envs_per_task * unroll_length).'
      )
    if self.kl_cost > 0.0 and (
        self.regularizer == 'bonus' or self.architecture == 'shared'
    ):
      raise ValueError(
          f'kl_cost={self.kl_cost} has no effect with '
          f'regularizer={self.regularizer!r} and '
          f'architecture={self.architecture!r}; set it to 0.'
      )
    if self.architecture == 'shared' and self.optimization == 'alternating':
      raise ValueError(
          "optimization='alternating' would train nothing with "
          "architecture='shared', which has no task columns; use 'joint'."
      )
    self._check_memory()

  def _check_memory(self) -> None:
    if not self.lstm_size:
      if self.conv_channels:
        raise ValueError(
            f'conv_channels={self.conv_channels} has no effect '
            'without an LSTM; want lstm_size above 0.'
        )
      return
    for name, wanted in (
        ('num_epochs', 1),
        ('num_minibatches', 1),
        ('narrowing_steps', 0),
        ('optimization', 'joint'),
        ('shared_observes_task', False),
    ):
      if getattr(self, name) != wanted:
        raise ValueError(
            f'{name}={getattr(self, name)!r} does not go with '
            f'lstm_size={self.lstm_size}: an unroll is learned from as a '
            f'whole and once, as in A3C; want {name}={wanted!r}.'
        )

  @property
  def alpha(self) -> float:
    """c_KL / (c_KL + c_Ent): power of pi_0 in the objective; 0 if c_KL is."""
    if not self.kl_cost:
      return 0.0
    return self.kl_cost / (self.kl_cost + self.entropy_cost)

  @property
  def beta(self) -> float:
    """1 / (c_KL + c_Ent): the inverse temperature; infinite without costs."""
    total = self.kl_cost + self.entropy_cost
    return 1.0 / total if total else math.inf
