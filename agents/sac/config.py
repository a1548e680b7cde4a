"""SAC's configuration: the only home of its defaults."""

import dataclasses
from typing import Literal, Tuple

from distillery.agents.core import config_checks


@dataclasses.dataclass(frozen=True)
class SACConfig:
  """Soft actor-critic (Haarnoja et al. 2018b), of one task or of several.

  The defaults are those of multi-task SAC on Meta-World's MT10.

  Attributes:
    envs_per_task: environments of each task that are stepped side by side.
    unroll_length: environment steps of one block.
    architecture: 'shared' (one policy and its critics for all tasks),
      'multi_head' (a last layer of each task's own) or 'separate' (independent
      agents, one for each task, trained at once).
    observes_task: whether policy and critics see the one-hot of the task; for
      suites whose tasks are all trained on (MT).
    hidden_sizes: units of each hidden layer of the policy.
    critic_hidden_sizes: units of each hidden layer of a critic.
    batch_size: transitions of an update, of all tasks together, as many of each
      as of the others.
    samples_per_insert: how often a transition is sampled on average; with 128
      and a batch of 128 of a task, an update for every step of an environment.
    updates_per_step: updates that a learner step compiles into one call.
    replay_size: transitions of each task that are kept.
    random_steps: uniformly random actions of each task before anything is
      learned.
    discount: gamma.
    reward_scale: factor on rewards; the temperature is in its unit.
    learning_rate: Adam's step size for policy and critics.
    temperature_learning_rate: Adam's step size for the logarithms of the
      temperatures, one for each task.
    max_gradient_norm: of the policy's and of the critics' gradient; with
      'separate', of each task's.
    target_rate: tau, share by which the target critics follow in an update.
    initial_temperature: alpha at first, of each task.
    noise_color: of the noise that acts, along an unroll: 0 is white, 1 pink,
      which explores better (Eberhard et al. 2023).
    entropy_per_dimension: target of the policy's entropy, nats for each
      dimension of the action; in the unit box at most log 2, usually -1.
  """

  envs_per_task: int = 1
  unroll_length: int = 50
  architecture: Literal['shared', 'multi_head', 'separate'] = 'shared'
  observes_task: bool = True
  hidden_sizes: Tuple[int, ...] = (400, 400, 400)
  critic_hidden_sizes: Tuple[int, ...] = (400, 400, 400)
  batch_size: int = 1280
  samples_per_insert: float = 128.0
  updates_per_step: int = 10
  replay_size: int = 100_000
  random_steps: int = 4_000
  discount: float = 0.99
  reward_scale: float = 1.0
  learning_rate: float = 3e-4
  temperature_learning_rate: float = 3e-4
  max_gradient_norm: float = 1.0
  target_rate: float = 0.005
  initial_temperature: float = 1.0
  noise_color: float = 0.0
  entropy_per_dimension: float = -1.0

  def __post_init__(self):
    config_checks.choices(self)
    config_checks.positive(
        self,
        'envs_per_task',
        'unroll_length',
        'hidden_sizes',
        'critic_hidden_sizes',
        'batch_size',
        'samples_per_insert',
        'updates_per_step',
        'replay_size',
        'random_steps',
        'reward_scale',
        'learning_rate',
        'temperature_learning_rate',
        'max_gradient_norm',
        'target_rate',
        'initial_temperature',
    )
    config_checks.not_negative(self, 'noise_color')
    config_checks.share(self, 'discount', 'target_rate')
    config_checks.below_one(self, 'discount')
    config_checks.layers(self, 'hidden_sizes', 'critic_hidden_sizes')
    config_checks.entropy_per_dimension(self)
    if self.architecture == 'separate' and self.observes_task:
      raise ValueError(
          'observes_task: agents that are separate have one task each; want '
          '--noobserves_task with --architecture=separate.'
      )
