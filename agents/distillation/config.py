"""Distillation's configuration: the only home of its defaults."""

import dataclasses
from typing import Tuple

from distillery.agents.core import config_checks


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
  """A student with a head a task learns from frozen teachers.

  Attributes:
    teachers: directories of runs of A2C, commas between them, whose tasks are
      together those of the suite.
    student_probability: that the student acts in an unroll of an environment;
      else its task's teacher does.
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block.
    learning_rate: RMSprop's step size.
    max_gradient_norm: gradients are clipped to this norm, each task's and the
      trunk's apart.
    hidden_sizes: units of each hidden layer of the student.
    initial_std: standard deviation of the student at the start, in units of
      action.
    noise_color: of the Gaussian noise that acts, along an unroll: 0 is white, 1
      pink (Hollenstein et al. 2024).
    min_observation_std: floor of the standard deviation that the student's
      observations are divided by, in units of the observation.
  """

  teachers: str = dataclasses.field(default='', metadata={'is_path': True})
  student_probability: float = 1.0
  envs_per_task: int = 16
  unroll_length: int = 5
  learning_rate: float = 7e-4
  max_gradient_norm: float = 0.5
  hidden_sizes: Tuple[int, ...] = (64, 64)
  initial_std: float = 1.0
  noise_color: float = 0.0
  min_observation_std: float = 0.1

  def __post_init__(self):
    config_checks.layers(self, 'hidden_sizes')
    config_checks.positive(
        self,
        'envs_per_task',
        'unroll_length',
        'learning_rate',
        'max_gradient_norm',
        'initial_std',
        'min_observation_std',
        'hidden_sizes',
    )
    config_checks.not_negative(self, 'noise_color')
    config_checks.share(self, 'student_probability')
    if self.noise_color and not self.student_probability:
      raise ValueError(
          f'noise_color={self.noise_color} has no effect where teachers act, '
          'which have their own; set it to 0.'
      )
    if not self.teachers:
      raise ValueError('teachers: got none, want directories of runs of A2C.')
