"""A2C's configuration: the only home of its defaults."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_checks


@dataclasses.dataclass(frozen=True)
class A2CConfig:
  """Advantage actor-critic of K tasks (Mnih et al. 2016; Arora et al. 2018).

  Attributes:
    architecture: 'multi_head' (one network but for its last layer, which is
      each task's) or 'separate' (a network for each task: K agents that learn
      side by side and share nothing).
    order: of updates. 'joint' sums the losses of all tasks in one; 'turns'
      makes one for each task after the other, as in the study.
    initial_run: directory of a run of A2C or of distillation with the same
      networks, whose newest checkpoint is begun with; its statistics of
      observations are kept as they are, those of its returns, over as many
      environments, are gone on with. A distilled student has no values; they
      are learned from nothing. Empty: so is all.
    initial_task: the one of its tasks with whose layers, and the trunk, all
      tasks begin. Empty: it has as many tasks, and each begins with those of
      the one in its place.
    trainable: what is trained of it: 'all', 'last' (the last layers of policy
      and values, and the standard deviations) or 'last_two' (the policy's last
      but one as well). Values that are new are trained whole.
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block; returns are bootstrapped
      after it.
    discount: gamma.
    entropy_cost: weight of the entropy bonus. Rewards that are normalised are
      smaller than others, and want a smaller one, or none.
    value_cost: weight of the values' squared error.
    normalize_rewards: divide each task's rewards by the running standard
      deviation of its discounted returns.
    learning_rate: RMSprop's step size.
    max_gradient_norm: gradients are clipped to this norm, each task's and the
      trunk's apart.
    hidden_sizes: units of each hidden layer, of the policy and of the values.
    initial_std: standard deviation of the policy at the start, in units of
      action.
    noise_color: of the Gaussian noise that acts, along an unroll: 0 is white, 1
      pink (Hollenstein et al. 2024).
    min_observation_std: floor of the standard deviation that observations are
      divided by, in units of the observation.
  """

  architecture: Literal['multi_head', 'separate'] = 'multi_head'
  order: Literal['joint', 'turns'] = 'joint'
  initial_run: str = dataclasses.field(default='', metadata={'is_path': True})
  initial_task: str = ''
  trainable: Literal['all', 'last', 'last_two'] = 'all'
  envs_per_task: int = 16
  unroll_length: int = 5
  discount: float = 0.99
  entropy_cost: float = 0.01
  value_cost: float = 0.5
  normalize_rewards: bool = False
  learning_rate: float = 7e-4
  max_gradient_norm: float = 0.5
  hidden_sizes: Tuple[int, ...] = (64, 64)
  initial_std: float = 1.0
  noise_color: float = 0.0
  min_observation_std: float = 0.1

  def __post_init__(self):
    config_checks.choices(self)
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
    config_checks.not_negative(
        self, 'entropy_cost', 'value_cost', 'noise_color'
    )
    config_checks.share(self, 'discount')
    config_checks.below_one(self, 'discount')
    if (self.order, self.architecture) == ('turns', 'separate'):
      raise ValueError(
          "order='turns' would change nothing for architecture='separate', "
          "whose tasks share nothing, but its cost; want order='joint'."
      )
    if self.initial_task and not self.initial_run:
      raise ValueError(
          f'initial_task={self.initial_task!r} is a task of no run; want '
          'initial_run, or none.'
      )
    if self.trainable != 'all' and not self.initial_run:
      raise ValueError(
          f'trainable={self.trainable!r} would leave most layers as they were '
          'drawn; want initial_run, or all.'
      )
