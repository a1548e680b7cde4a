"""Distral's configuration: the only home of its defaults."""

import dataclasses
import math
from typing import Literal, Tuple

from distillery.agents.core import config_checks


@dataclasses.dataclass(frozen=True)
class DistralConfig:
  """The family of Distral and its A3C baselines (Teh et al. 2017, table 1).

  Attributes:
    architecture: of the task policies: 'two_column' (pi_0^alpha times a column
      of their own), 'separate' (their own column alone, pi_0 apart) or 'shared'
      (one policy for all tasks).
    logits_alpha: power of pi_0 in a two-column task policy, in [0, 1]. The
      paper sets it to kl_cost / (kl_cost + entropy_cost), except for A3C with
      two columns.
    kl_cost: c_KL, reward units (after reward_scale) per nat of KL(pi_k||pi_0).
    entropy_cost: c_Ent, reward units (after reward_scale) per nat of entropy.
    regularizer: how the costs enter the gradient: 'exact' (KL and entropy in
      closed form), 'sampled' (log-probabilities of the actions taken, as in the
      paper) or 'bonus' (entropy bonus of A3C, raw returns).
    optimization: 'joint' moves task policies and pi_0 in one step;
      'alternating' first the task columns with pi_0 fixed, then pi_0 to their
      centroid.
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block.
    discount: gamma.
    gae_lambda: lambda of the advantages; 1 gives n-step returns.
    reward_scale: rewards are multiplied by it before anything else.
    normalize_advantages: divide each task's objective by the standard deviation
      of its advantages, and centre them.
    num_epochs: passes over a block. 1, with num_minibatches=1, is A2C.
    num_minibatches: gradient steps of a pass.
    clip_ratio: of the clipped surrogate.
    learning_rate: Adam's step size for the policies.
    value_learning_rate: Adam's step size for the values.
    max_gradient_norm: gradients are clipped to this norm, each task's and the
      shared column's apart.
    hidden_sizes: units of each hidden layer of a column.
    value_hidden_sizes: units of each hidden layer of a value network; with
      lstm_size there is none.
    lstm_size: units of an LSTM in each column, which the value is read off as
      well; 0: columns remember nothing, and values have networks of their own.
    conv_channels: of convolutions (3 x 3, stride 2) below the perceptron of a
      column with an LSTM, if observations begin with an image.
    shared_observes_task: whether pi_0 sees which task it is in.
    initial_std: standard deviation of pi_0 at the start, in units of action.
    min_std: its lower bound, and that of task policies of their own.
    max_std: its upper bound, and at the start that of the task policies.
    narrowed_std: theirs after narrowing_steps.
    narrowing_steps: environment steps over which their bound falls from max_std
      to narrowed_std, in a straight line; 0: it does not. That of pi_0 falls
      with it, but for two columns.
    noise_color: of the Gaussian noise that acts, along an unroll: 0 is white, 1
      pink (Hollenstein et al. 2024).
    min_observation_std: floor of the standard deviation that observations are
      divided by, in units of the observation; with lstm_size they are not.
  """

  architecture: Literal['two_column', 'separate', 'shared'] = 'two_column'
  logits_alpha: float = 0.5
  kl_cost: float = 0.005
  entropy_cost: float = 0.005
  regularizer: Literal['exact', 'sampled', 'bonus'] = 'exact'
  optimization: Literal['joint', 'alternating'] = 'joint'
  envs_per_task: int = 2
  unroll_length: int = 500
  discount: float = 0.99
  gae_lambda: float = 0.95
  reward_scale: float = 0.1
  normalize_advantages: bool = True
  num_epochs: int = 8
  num_minibatches: int = 4
  clip_ratio: float = 0.2
  learning_rate: float = 3e-4
  value_learning_rate: float = 1e-3
  max_gradient_norm: float = 0.5
  hidden_sizes: Tuple[int, ...] = (128, 128)
  value_hidden_sizes: Tuple[int, ...] = (128, 128)
  lstm_size: int = 0
  conv_channels: Tuple[int, ...] = ()
  shared_observes_task: bool = False
  initial_std: float = 1.0
  min_std: float = 0.1
  max_std: float = 1.6
  narrowed_std: float = 0.4
  narrowing_steps: int = 0
  noise_color: float = 0.0
  min_observation_std: float = 0.01

  def __post_init__(self):
    config_checks.choices(self)
    config_checks.positive(
        self,
        'envs_per_task',
        'unroll_length',
        'num_epochs',
        'num_minibatches',
        'reward_scale',
        'clip_ratio',
        'learning_rate',
        'value_learning_rate',
        'max_gradient_norm',
        'min_std',
        'min_observation_std',
        'hidden_sizes',
        'value_hidden_sizes',
    )
    config_checks.not_negative(
        self,
        'kl_cost',
        'entropy_cost',
        'noise_color',
        'narrowing_steps',
        'lstm_size',
    )
    config_checks.share(self, 'logits_alpha', 'discount', 'gae_lambda')
    config_checks.below_one(self, 'discount')
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
    config_checks.positive(self, 'conv_channels')
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
