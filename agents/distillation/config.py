"""Defines distillation's settings, with defaults, checks and help texts."""

import dataclasses
from typing import Tuple

from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
  """The settings of distilling frozen teachers into one student."""

  teachers: str = config_fields.field(
      '',
      'The directories of runs of A2C, with commas between them. Together the '
      'runs must have the training tasks of the suite.',
      config_fields.Check(
          '{name}: got none, want directories of runs of A2C.', bool
      ),
      is_path=True,
  )
  student_probability: float = config_fields.field(
      1.0,
      'The probability, in [0, 1], that the student acts in an unroll of an '
      "environment. Otherwise the task's teacher acts.",
      config_fields.FROM_ZERO_TO_ONE,
  )
  envs_per_task: int = shared_fields.envs_per_task(16)
  unroll_length: int = shared_fields.unroll_length(5)
  learning_rate: float = shared_fields.learning_rate(7e-4, 'RMSprop')
  rms_prop_decay: float = shared_fields.rms_prop_decay(0.99)
  rms_prop_epsilon: float = shared_fields.rms_prop_epsilon(
      1e-10,
      'It must be small, because gradients are small where student and teacher '
      'nearly agree. The default is the square of the 1e-5 that the study adds '
      'outside the root.',
  )
  max_gradient_norm: float = shared_fields.max_gradient_norm(0.5)
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (64, 64), 'the student', config_fields.NOT_EMPTY
  )
  initial_std: float = shared_fields.initial_std(1.0, 'the student')
  noise_colors: Tuple[float, ...] = shared_fields.noise_colors()
  min_observation_std: float = shared_fields.min_observation_std(0.1)

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    if self.noise_colors and not self.student_probability:
      raise ValueError(
          f'noise_colors={self.noise_colors} has no effect if only teachers act, '
          'which have noise of their own; leave it empty.'
      )
