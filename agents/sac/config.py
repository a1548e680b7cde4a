"""Defines SAC's settings, with their defaults, checks and help texts."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class SACConfig:
  """The settings of SAC (Haarnoja et al. 2018b), for one task or several.

  The defaults are those of multi-task SAC on Meta-World's MT10.
  """

  envs_per_task: int = shared_fields.envs_per_task(1)
  unroll_length: int = shared_fields.unroll_length(50)
  architecture: Literal['shared', 'multi_head', 'separate'] = (
      config_fields.field(
          'shared',
          "The layers that tasks share: 'shared' (all; one policy and its "
          "critics serve all tasks), 'multi_head' (all but the last layers) or "
          "'separate' (none; an agent for each task is trained in the same "
          'update).',
      )
  )
  observes_task: bool = shared_fields.observes_task(
      True, 'policy and critics see'
  )
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (400, 400, 400), 'the policy', config_fields.NOT_EMPTY
  )
  critic_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (400, 400, 400), 'a critic', config_fields.NOT_EMPTY
  )
  batch_size: int = config_fields.field(
      1280,
      'The number of transitions in an update, summed over all tasks. Each '
      'task has the same number of them.',
      config_fields.POSITIVE,
  )
  samples_per_insert: float = config_fields.field(
      128.0,
      'The average number of times that a transition is sampled. With 128, and '
      '128 transitions of each task in a batch, there is one update for every '
      'step of an environment.',
      config_fields.POSITIVE,
  )
  updates_per_step: int = shared_fields.updates_per_step(10)
  replay_size: int = config_fields.field(
      100_000,
      'The number of transitions of each task that the replay keeps.',
      config_fields.POSITIVE,
  )
  random_steps: int = shared_fields.random_steps(4_000)
  discount: float = shared_fields.discount(0.99)
  reward_scale: float = shared_fields.reward_scale(
      1.0, 'The temperature has the unit of the scaled reward.'
  )
  learning_rate: float = shared_fields.learning_rate(
      3e-4, 'Adam for the policy and the critics'
  )
  temperature_learning_rate: float = shared_fields.learning_rate(
      3e-4, 'Adam for the logarithms of the temperatures, one for each task'
  )
  adam_epsilon: float = shared_fields.adam_epsilon(
      1e-5, 'Other implementations of multi-task SAC use 1e-5.'
  )
  max_gradient_norm: float = config_fields.field(
      1.0,
      "The norm to which the policy's gradient and the critics' gradient are "
      "clipped; with architecture='separate', those of each task.",
      config_fields.POSITIVE,
  )
  target_rate: float = shared_fields.target_rate(0.005)
  initial_temperature: float = shared_fields.initial_temperature(1.0)
  noise_colors: Tuple[float, ...] = shared_fields.noise_colors()
  entropy_per_dimension: float = shared_fields.entropy_per_dimension(-1.0)

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    config_checks.warn_of_entropy(self)
    if self.architecture == 'separate' and self.observes_task:
      raise ValueError(
          'observes_task: separate agents have one task each; want '
          '--noobserves_task with --architecture=separate.'
      )
