"""Defines DAMSEL's settings, with their defaults, checks and help texts."""

import dataclasses
from typing import Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields


@dataclasses.dataclass(frozen=True)
class DamselConfig:
  """The settings of DAMSEL (Mendonca et al. 2020)."""

  experts: str = config_fields.field(
      '',
      "The directory of the experts' episodes, which must be given. If it "
      'holds none, they are made and stored there.',
      is_path=True,
  )
  envs_per_task: int = shared_fields.envs_per_task(1)
  unroll_length: int = shared_fields.unroll_length(
      150, 'It must be one whole episode.'
  )
  single_prior: bool = config_fields.field(
      False,
      'Whether all families of tasks share the component 0, and latents are '
      'not drawn towards it. This is the ablation.',
  )
  latent_size: int = shared_fields.latent_size(5)
  policy_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (300, 300, 300), 'the policy'
  )
  encoder_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (200, 200, 200), 'the encoder'
  )
  model_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (300, 300), 'the model'
  )
  tasks_per_update: int = shared_fields.tasks_per_update(16)
  expert_batch_size: int = config_fields.field(
      256,
      'The number of expert steps of each task in an update.',
      config_fields.POSITIVE,
  )
  context_size: int = shared_fields.context_size(100)
  context_episodes: int = shared_fields.context_episodes(10)
  episodes_per_step: int = shared_fields.episodes_per_step(
      4, 'context episodes, and of expert episodes, of each task'
  )
  updates_per_step: int = shared_fields.updates_per_step(25)
  steps_per_block: int = shared_fields.steps_per_block(40)
  reward_scale: float = shared_fields.reward_scale(
      0.3,
      'The encoder gets the scaled rewards, and the model predicts them. A '
      'good value is '
      'one over the standard deviation of the rewards.',
  )
  model_weight: float = config_fields.field(
      0.01,
      "The weight of the model's squared error beside the imitation loss.",
      config_fields.NOT_NEGATIVE,
  )
  component_weight: float = config_fields.field(
      0.01,
      'The weight of the squared distance between a latent and the component '
      'of its family. It has no effect with single_prior.',
      config_fields.NOT_NEGATIVE,
  )
  prior_share: float = config_fields.field(
      0.2,
      'The share, in [0, 1], of the tasks of an update for which the policy '
      'imitates the expert from the component of the family instead of a '
      'latent. The policy also acts from the component before it '
      'has a context.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  noise_std: float = config_fields.field(
      0.1,
      'The standard deviation of the noise of the actions in training, in '
      'units of the unit box [-1, 1]. 0: no noise.',
      config_fields.NOT_NEGATIVE,
  )
  min_observation_std: float = shared_fields.min_observation_std(
      0.05, "It is computed from the experts' observations."
  )
  min_change_std: float = config_fields.field(
      0.001,
      'The lower bound of the standard deviation by which the changes of the '
      'observations in a step are divided, in units of the observation.',
      config_fields.POSITIVE,
  )
  learning_rate: float = shared_fields.learning_rate(1e-3, 'Adam')
  adam_epsilon: float = shared_fields.adam_epsilon(1e-7)

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    if self.context_size > self.episodes_per_step * self.unroll_length:
      raise ValueError(
          f'context_size={self.context_size} is more than the '
          f'{self.episodes_per_step * self.unroll_length} transitions that a '
          'learner step has of a task (episodes_per_step, unroll_length).'
      )
    config_checks.contexts_of_both_behaviours(self)
    if self.episodes_per_step > self.context_episodes:
      raise ValueError(
          f'episodes_per_step={self.episodes_per_step} is more than '
          f'context_episodes={self.context_episodes}.'
      )
