"""Defines Distral's settings, with their defaults, checks and help texts."""

import dataclasses
import math
from typing import Literal, Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class DistralConfig:
  """The settings of Distral and of A3C (Teh et al. 2017, table 1)."""

  architecture: Literal['two_column', 'separate', 'shared'] = (
      config_fields.field(
          'two_column',
          "The form of the task policies: 'two_column' (pi_0^alpha times a "
          "column of the task's own), 'separate' (the task's own column alone; "
          "pi_0 has another column) or 'shared' (pi_0 in all tasks).",
      )
  )
  logits_alpha: float = config_fields.field(
      0.5,
      'The power alpha of pi_0 in a two-column task policy, in [0, 1]. The '
      'paper sets it to kl_cost / (kl_cost + entropy_cost), except for A3C '
      'with two columns.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  kl_cost: float = config_fields.field(
      0.005,
      'The weight c_KL of KL(pi_k || pi_0), in units of reward (after '
      'reward_scale) per nat. 0: the task policies are not held near pi_0.',
      config_fields.NOT_NEGATIVE,
  )
  centroid_cost: float = config_fields.field(
      0.0,
      'The weight of an additional loss, KL(pi_k || pi_0), which moves pi_0 '
      'alone. With a small kl_cost pi_0 follows the task policies slowly. With '
      'this weight it follows them closely, and does not hold them back.',
      config_fields.NOT_NEGATIVE,
  )
  entropy_cost: float = config_fields.field(
      0.005,
      'The weight c_Ent of the entropy of pi_k, in units of reward (after '
      'reward_scale) per nat. 0: entropy is not rewarded.',
      config_fields.NOT_NEGATIVE,
  )
  regularizer: Literal['exact', 'sampled', 'bonus'] = config_fields.field(
      'exact',
      "The estimator of KL and entropy: 'exact' (in closed form), 'sampled' "
      '(by the log-probabilities of the actions taken, as in the paper) or '
      "'bonus' (an entropy bonus alone, as in A3C; rewards are not changed).",
  )
  optimization: Literal['joint', 'alternating'] = config_fields.field(
      'joint',
      "The order of updates: 'joint' (the task policies and pi_0 in the same "
      "gradient step) or 'alternating' (first the task columns with pi_0 "
      'fixed, then pi_0 towards the centroid of the task policies).',
  )
  envs_per_task: int = shared_fields.envs_per_task(2)
  unroll_length: int = shared_fields.unroll_length(500)
  rest_blocks: int = config_fields.field(
      0,
      'The number of blocks for which a task rests after a block in which nine '
      'of ten of its environments solved it. Meanwhile the learner gets its '
      'last block again, and the steps go to the other tasks. If all tasks '
      'are solved, none rests. 0: no task rests.',
      config_fields.NOT_NEGATIVE,
  )
  discount: float = shared_fields.discount(0.99)
  gae_lambda: float = shared_fields.gae_lambda(0.95, '1 gives n-step returns.')
  reward_scale: float = shared_fields.reward_scale(
      0.1, 'Costs, values and advantages are in units of the product.'
  )
  normalize_advantages: bool = config_fields.field(
      True,
      "Whether each task's advantages are centred and divided by their "
      "standard deviation. The task's KL and entropy terms are divided by it "
      'too.',
  )
  min_advantage_std: float = shared_fields.min_advantage_std(
      1e-3, 'It is used only with normalize_advantages.'
  )
  num_epochs: int = config_fields.field(
      8,
      'The number of passes over a block. With 1, and num_minibatches=1, there '
      'is one update for each block, as in A2C.',
      config_fields.POSITIVE,
  )
  num_minibatches: int = config_fields.field(
      4,
      'The number of gradient steps in a pass. It must divide the steps of '
      'each task in a block.',
      config_fields.POSITIVE,
  )
  clip_ratio: float = config_fields.field(
      0.2,
      'The epsilon of the clipped surrogate: the ratio of new to old '
      'probabilities is clipped to [1 - epsilon, 1 + epsilon].',
      config_fields.POSITIVE,
  )
  target_kl: float = config_fields.field(
      0.0,
      'The largest KL between the policy that acted in a block and a task '
      'policy, in nats, as the mean over a minibatch. A task policy that is '
      'farther away is moved back until it is near enough. 0: no limit.',
      config_fields.NOT_NEGATIVE,
  )
  learning_rate: float = shared_fields.learning_rate(
      3e-4, 'Adam for the policies'
  )
  value_learning_rate: float = shared_fields.learning_rate(
      1e-3, 'Adam for the values'
  )
  adam_epsilon: float = shared_fields.adam_epsilon(1e-7)
  value_cost: float = config_fields.field(
      0.5,
      'The weight of the value loss, half the squared error, beside the policy '
      'loss. It is used only with lstm_size, where values and policies share '
      'layers.',
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
      'The number of units of the LSTM in each column; values are computed '
      'from its output too. 0: columns have no memory, and values have '
      'networks of their own.',
      config_fields.NOT_NEGATIVE,
  )
  conv_channels: Tuple[int, ...] = config_fields.field(
      (),
      'The number of channels of each convolution (3 x 3, stride 2) below the '
      'perceptron of a column, for observations that begin with an image. This '
      'needs lstm_size. Empty: there are no convolutions.',
      config_fields.POSITIVE,
  )
  shared_observes_task: bool = shared_fields.observes_task(False, 'pi_0 sees')
  initial_std: float = shared_fields.initial_std(1.0, 'pi_0')
  min_std: float = shared_fields.min_std(
      0.1,
      "pi_0, and of task policies that do not build on pi_0 ('separate')",
  )
  max_std: float = shared_fields.max_std(
      1.6,
      'pi_0 and of the task policies',
      'With narrowing_steps, it is their bound at the start.',
  )
  narrowed_std: float = config_fields.field(
      0.4,
      'The upper bound of the standard deviation of the task policies after '
      'narrowing_steps, in units of the action. It is used only if '
      'narrowing_steps is above 0.',
  )
  narrowing_steps: int = config_fields.field(
      0,
      'The number of environment steps, summed over all tasks, in which the '
      "upper bound of the task policies' standard deviation falls linearly "
      'from max_std to narrowed_std. The bound of pi_0 falls with it, except '
      'with two columns. 0: the bounds do not fall.',
      config_fields.NOT_NEGATIVE,
  )
  noise_colors: Tuple[float, ...] = shared_fields.noise_colors()
  min_observation_std: float = shared_fields.min_observation_std(
      0.01, 'It has no effect with lstm_size.'
  )

  def __post_init__(self) -> None:
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
          f'{self.envs_per_task * self.unroll_length} steps of each task in a '
          'block (envs_per_task * unroll_length).'
      )
    for name, has_effect, reasons in (
        (
            'kl_cost',
            self.regularizer != 'bonus' and self.architecture != 'shared',
            ('regularizer', 'architecture'),
        ),
        (
            'centroid_cost',
            self.architecture != 'shared' and self.optimization == 'joint',
            ('architecture', 'optimization'),
        ),
    ):
      if getattr(self, name) > 0.0 and not has_effect:
        raise ValueError(
            f'{name}={getattr(self, name)} has no effect with '
            + ' and '.join(f'{x}={getattr(self, x)!r}' for x in reasons)
            + '; set it to 0.'
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
        ('rest_blocks', 0),
        ('target_kl', 0.0),
        ('optimization', 'joint'),
        ('centroid_cost', 0.0),
        ('shared_observes_task', False),
    ):
      if getattr(self, name) != wanted:
        raise ValueError(
            f'{name}={getattr(self, name)!r} cannot be used with '
            f'lstm_size={self.lstm_size}, which makes one update from each '
            f'unroll, as in A3C; want {name}={wanted!r}.'
        )

  @property
  def alpha(self) -> float:
    """The power of pi_0 in the objective, c_KL / (c_KL + c_Ent).

    It is 0 if c_KL is 0.
    """
    if not self.kl_cost:
      return 0.0
    return self.kl_cost / (self.kl_cost + self.entropy_cost)

  @property
  def beta(self) -> float:
    """The inverse temperature 1 / (c_KL + c_Ent); infinite without costs."""
    total = self.kl_cost + self.entropy_cost
    return 1.0 / total if total else math.inf
