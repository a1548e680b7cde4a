"""DAMSEL's configuration: the only home of its defaults."""

import dataclasses
from typing import Tuple

from distillery.agents.core import config_checks


@dataclasses.dataclass(frozen=True)
class DamselConfig:
  """Decoupled meta-learning with structured latents (Mendonca et al. 2020).

  Attributes:
    experts: directory of the experts' episodes, see `experts`.
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block: an episode.
    single_prior: whether all families share one component and the latents are
      not drawn to it: the ablation.
    latent_size: L.
    policy_hidden_sizes: units of each hidden layer of the policy.
    encoder_hidden_sizes: units of each hidden layer of the encoder.
    model_hidden_sizes: units of each hidden layer of the model.
    tasks_per_update: M, tasks of an update, as many of each family as of the
      others, or one more; which, is drawn for each update.
    expert_batch_size: of each task in an update.
    context_size: transitions of a task that its latent is inferred from.
    context_episodes: of a task, the latest, that contexts are drawn from.
    episodes_per_step: of each task, of its contexts and of its experts, that a
      learner step draws its batches from.
    updates_per_step: updates that a learner step compiles into one call.
    steps_per_block: learner steps after two episodes of each task.
    reward_scale: factor on rewards, where the encoder sees and the model
      predicts them; about one over their standard deviation.
    model_weight: of the model's error.
    component_weight: of the latents' distance to their family's component;
      with single_prior they are not drawn to it.
    prior_share: share of the tasks of an update that are imitated from their
      component, as one acts before there is a context.
    noise_std: of the actions in training, in the unit box.
    learning_rate: Adam's step size.
  """

  experts: str = dataclasses.field(default='', metadata={'is_path': True})
  envs_per_task: int = 1
  unroll_length: int = 150
  single_prior: bool = False
  latent_size: int = 5
  policy_hidden_sizes: Tuple[int, ...] = (300, 300, 300)
  encoder_hidden_sizes: Tuple[int, ...] = (200, 200, 200)
  model_hidden_sizes: Tuple[int, ...] = (300, 300)
  tasks_per_update: int = 16
  expert_batch_size: int = 256
  context_size: int = 100
  context_episodes: int = 10
  episodes_per_step: int = 4
  updates_per_step: int = 25
  steps_per_block: int = 40
  reward_scale: float = 0.3
  model_weight: float = 0.01
  component_weight: float = 0.01
  prior_share: float = 0.2
  noise_std: float = 0.1
  learning_rate: float = 1e-3

  def __post_init__(self):
    config_checks.positive(
        self,
        'envs_per_task',
        'unroll_length',
        'latent_size',
        'policy_hidden_sizes',
        'encoder_hidden_sizes',
        'model_hidden_sizes',
        'tasks_per_update',
        'expert_batch_size',
        'context_size',
        'context_episodes',
        'episodes_per_step',
        'updates_per_step',
        'steps_per_block',
        'reward_scale',
        'learning_rate',
    )
    config_checks.not_negative(
        self, 'model_weight', 'component_weight', 'noise_std'
    )
    config_checks.share(self, 'prior_share')
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
