"""Defines A2C's settings, with their defaults, checks and help texts."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class A2CConfig:
  """The settings of A2C (Mnih et al. 2016; Arora et al. 2018)."""

  architecture: Literal['multi_head', 'separate'] = config_fields.field(
      'multi_head',
      "The layers that tasks share: 'multi_head' (the hidden layers of the "
      "policy and the first layer of the values) or 'separate' (none; an agent "
      'for each task is trained in the same update).',
  )
  order: Literal['joint', 'turns'] = config_fields.field(
      'joint',
      "The order of updates: 'joint' (one update for the sum of all tasks' "
      "losses) or 'turns' (one update for each task after the other, as in the "
      'study).',
  )
  # The statistics of that run's observations are not updated further. Its
  # statistics of returns (normalize_rewards) are, so envs_per_task must be the
  # same. A distilled student has no values, so its values start from random
  # weights.
  initial_run: str = config_fields.field(
      '',
      'The directory of a run of A2C or of distillation. Training starts from '
      'its newest checkpoint. Its layers must have the same sizes. Empty: '
      'training starts from random weights.',
      is_path=True,
  )
  initial_task: str = config_fields.field(
      '',
      'The task of initial_run whose layers are copied into every task. '
      'Empty: each task starts from the task in the same position, and both '
      'runs must have the same number of tasks.',
  )
  trainable: Literal['all', 'last', 'last_two'] = config_fields.field(
      'all',
      "The layers that are trained if initial_run is given: 'all', 'last' (the "
      'last layers of policy and values, and the standard deviations) or '
      "'last_two' (also the last but one of the policy). Values that start "
      'from random weights are trained in all layers.',
  )
  envs_per_task: int = shared_fields.envs_per_task(16)
  unroll_length: int = shared_fields.unroll_length(
      5, 'Returns are bootstrapped after the last step.'
  )
  discount: float = shared_fields.discount(0.99)
  entropy_cost: float = config_fields.field(
      0.01,
      'The weight of the entropy bonus, in units of the return per nat. 0: no '
      'bonus. With normalize_rewards, rewards are smaller, and a smaller '
      'weight or 0 is better.',
      config_fields.NOT_NEGATIVE,
  )
  value_cost: float = config_fields.field(
      0.5,
      'The weight of the squared error of the values beside the policy loss.',
      config_fields.NOT_NEGATIVE,
  )
  normalize_rewards: bool = config_fields.field(
      False,
      'Whether the rewards of each task are divided by the running standard '
      'deviation of its discounted returns.',
  )
  min_return_std: float = config_fields.field(
      1e-4,
      'The lower bound of the standard deviation by which normalize_rewards '
      'divides rewards, in units of the return.',
      config_fields.POSITIVE,
  )
  learning_rate: float = shared_fields.learning_rate(7e-4, 'RMSprop')
  rms_prop_decay: float = shared_fields.rms_prop_decay(0.99)
  rms_prop_epsilon: float = shared_fields.rms_prop_epsilon(
      1e-5, "TensorFlow's implementations of A2C use 1e-5."
  )
  max_gradient_norm: float = shared_fields.max_gradient_norm(0.5)
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (64, 64), 'the policy and of the values', config_fields.NOT_EMPTY
  )
  initial_std: float = shared_fields.initial_std(1.0, 'the policy')
  noise_colors: Tuple[float, ...] = shared_fields.noise_colors()
  min_observation_std: float = shared_fields.min_observation_std(0.1)

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    if (self.order, self.architecture) == ('turns', 'separate'):
      raise ValueError(
          "order='turns' would only cost time with architecture='separate', "
          "whose tasks share nothing; want order='joint'."
      )
    if self.initial_task and not self.initial_run:
      raise ValueError(
          f'initial_task={self.initial_task!r} has no effect without '
          'initial_run; want both or neither.'
      )
    if self.trainable != 'all' and not self.initial_run:
      raise ValueError(
          f'trainable={self.trainable!r} would leave random weights in most '
          "layers without initial_run; want initial_run, or trainable='all'."
      )
