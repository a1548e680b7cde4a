"""PEARL's configuration: the only home of its defaults."""

import dataclasses
from typing import Tuple

from distillery.agents.core import config_checks

# Of the factors of a posterior; without it one transition could say it all.
MIN_VARIANCE = 1e-7


@dataclasses.dataclass(frozen=True)
class PearlConfig:
  """Probabilistic embeddings for actor-critic meta-RL (Rakelly et al. 2019).

  Attributes:
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block: an episode.
    latent_size: L.
    hidden_sizes: units of each hidden layer of the policy.
    critic_hidden_sizes: units of each hidden layer of a critic.
    encoder_hidden_sizes: units of each hidden layer of the encoder.
    tasks_per_update: M, tasks of an update, as many of each family as of the
      others, or one more; which, is drawn for each update.
    batch_size: transitions of each task in an update of critics and policy.
    context_size: transitions of a task that its latent is inferred from.
    context_episodes: of a task, the latest, that contexts are drawn from.
    replay_episodes: of each task that are kept.
    episodes_per_step: of each task's replay, that a learner step draws its
      batches from.
    updates_per_step: updates that a learner step compiles into one call.
    steps_per_block: learner steps after two episodes of each task.
    random_steps: uniformly random actions of each task before anything is
      learned.
    discount: gamma.
    reward_scale: factor on rewards, of the critics and of contexts; the
      temperature is in its unit.
    kl_weight: of the latents' divergence from their prior, in nats.
    learning_rate: Adam's step size.
    target_rate: tau, share by which the target critics follow in an update.
    initial_temperature: alpha at first, of all tasks.
    entropy_per_dimension: target of the policy's entropy, nats for each
      dimension of the action; in the unit box at most log 2, usually -1.
  """

  envs_per_task: int = 1
  unroll_length: int = 500
  latent_size: int = 5
  hidden_sizes: Tuple[int, ...] = (300, 300, 300)
  critic_hidden_sizes: Tuple[int, ...] = (300, 300, 300)
  encoder_hidden_sizes: Tuple[int, ...] = (200, 200, 200)
  tasks_per_update: int = 16
  batch_size: int = 256
  context_size: int = 64
  context_episodes: int = 4
  replay_episodes: int = 1000
  episodes_per_step: int = 4
  updates_per_step: int = 25
  steps_per_block: int = 40
  random_steps: int = 1000
  discount: float = 0.99
  reward_scale: float = 1.0
  kl_weight: float = 0.1
  learning_rate: float = 3e-4
  target_rate: float = 0.005
  initial_temperature: float = 1.0
  entropy_per_dimension: float = -1.0

  def __post_init__(self):
    config_checks.positive(
        self,
        'envs_per_task',
        'unroll_length',
        'latent_size',
        'hidden_sizes',
        'critic_hidden_sizes',
        'encoder_hidden_sizes',
        'tasks_per_update',
        'batch_size',
        'context_size',
        'context_episodes',
        'replay_episodes',
        'episodes_per_step',
        'updates_per_step',
        'steps_per_block',
        'random_steps',
        'reward_scale',
        'learning_rate',
        'target_rate',
        'initial_temperature',
    )
    config_checks.not_negative(self, 'kl_weight')
    config_checks.share(self, 'discount', 'target_rate')
    config_checks.below_one(self, 'discount')
    config_checks.layers(self, 'hidden_sizes', 'critic_hidden_sizes')
    config_checks.entropy_per_dimension(self)
    if self.context_size > self.context_episodes * self.unroll_length:
      raise ValueError(
          f'context_size={self.context_size} is more than the '
          f'{self.context_episodes * self.unroll_length} transitions that are '
          'kept of a task (context_episodes, unroll_length).'
      )
    config_checks.contexts_of_both_behaviours(self)
    if self.episodes_per_step > self.replay_episodes:
      raise ValueError(
          f'episodes_per_step={self.episodes_per_step} is more than '
          f'replay_episodes={self.replay_episodes}.'
      )
