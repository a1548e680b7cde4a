"""Defines PEARL's settings, with their defaults, checks and help texts."""

import dataclasses
from typing import Tuple

from distillery.agents.core import config_checks
from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields

# The least variance of a factor of a posterior. Without it, a single transition
# could determine the posterior.
MIN_VARIANCE = 1e-7


@dataclasses.dataclass(frozen=True)
class PearlConfig:
  """The settings of PEARL (Rakelly et al. 2019)."""

  envs_per_task: int = shared_fields.envs_per_task(1)
  unroll_length: int = shared_fields.unroll_length(
      500, 'It must be one whole episode.'
  )
  latent_size: int = shared_fields.latent_size(5)
  hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (300, 300, 300), 'the policy', config_fields.NOT_EMPTY
  )
  critic_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (300, 300, 300), 'a critic', config_fields.NOT_EMPTY
  )
  encoder_hidden_sizes: Tuple[int, ...] = shared_fields.hidden_sizes(
      (200, 200, 200), 'the encoder'
  )
  tasks_per_update: int = shared_fields.tasks_per_update(16)
  batch_size: int = config_fields.field(
      256,
      'The number of transitions of each task in an update of the critics and '
      'the policy.',
      config_fields.POSITIVE,
  )
  context_size: int = shared_fields.context_size(64)
  context_episodes: int = shared_fields.context_episodes(4)
  replay_episodes: int = config_fields.field(
      1000,
      'The number of episodes of each task that the replay keeps.',
      config_fields.POSITIVE,
  )
  episodes_per_step: int = shared_fields.episodes_per_step(
      4, "episodes of each task's replay"
  )
  updates_per_step: int = shared_fields.updates_per_step(25)
  steps_per_block: int = shared_fields.steps_per_block(40)
  random_steps: int = shared_fields.random_steps(1000)
  discount: float = shared_fields.discount(0.99)
  reward_scale: float = shared_fields.reward_scale(
      1.0,
      'Critics and encoder get the scaled rewards. The temperature has the unit '
      'of the scaled reward.',
  )
  kl_weight: float = config_fields.field(
      0.1,
      'The weight of the KL divergence, in nats, of the latents from their '
      'prior.',
      config_fields.NOT_NEGATIVE,
  )
  learning_rate: float = shared_fields.learning_rate(3e-4, 'Adam')
  adam_epsilon: float = shared_fields.adam_epsilon(1e-7)
  target_rate: float = shared_fields.target_rate(0.005)
  initial_temperature: float = shared_fields.initial_temperature(1.0)
  entropy_per_dimension: float = shared_fields.entropy_per_dimension(-1.0)

  def __post_init__(self) -> None:
    config_fields.check_fields(self)
    config_checks.warn_of_entropy(self)
    if self.context_size > self.context_episodes * self.unroll_length:
      raise ValueError(
          f'context_size={self.context_size} is more than the '
          f'{self.context_episodes * self.unroll_length} transitions of a task '
          'that are kept for contexts (context_episodes, unroll_length).'
      )
    config_checks.contexts_of_both_behaviours(self)
    if self.episodes_per_step > self.replay_episodes:
      raise ValueError(
          f'episodes_per_step={self.episodes_per_step} is more than '
          f'replay_episodes={self.replay_episodes}.'
      )
