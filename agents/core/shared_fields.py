"""The fields that the configs of several agents have in common.

Each function makes one field from its default, which is the agent's own.
`more` is what its help says in addition.
"""

from typing import Tuple

from distillery.agents.core import config_fields

_SIZES = Tuple[int, ...]


def envs_per_task(default: int) -> int:
  """Returns the number of environments of a task, E."""
  return config_fields.field(
      default,
      'The number of environments of each task that are stepped side by side.',
      config_fields.POSITIVE,
  )


def unroll_length(default: int, more: str = '') -> int:
  """Returns the number of steps of an unroll, T."""
  return config_fields.field(
      default,
      _joined('The number of steps of each environment in one block.', more),
      config_fields.POSITIVE,
  )


def discount(default: float) -> float:
  """Returns the discount of an agent whose values are bootstrapped."""
  return config_fields.field(
      default,
      'The discount factor gamma, in [0, 1).',
      config_fields.FROM_ZERO_TO_ONE,
      config_fields.BELOW_ONE,
  )


def gae_lambda(default: float, more: str = '') -> float:
  """Returns lambda of generalised advantage estimation."""
  return config_fields.field(
      default,
      _joined(
          'The lambda of generalised advantage estimation, in [0, 1].', more
      ),
      config_fields.FROM_ZERO_TO_ONE,
  )


def reward_scale(default: float, more: str) -> float:
  """Returns the factor on rewards."""
  return config_fields.field(
      default,
      f'The factor by which rewards are multiplied. {more}',
      config_fields.POSITIVE,
  )


def learning_rate(default: float, whose: str) -> float:
  """Returns a step size; `whose` is the optimiser and what it moves."""
  return config_fields.field(
      default, f'The step size of {whose}.', config_fields.POSITIVE
  )


def rms_prop_decay(default: float) -> float:
  """Returns RMSprop's decay."""
  return config_fields.field(
      default,
      "The decay of RMSprop's running mean of squared gradients, in [0, 1].",
      config_fields.FROM_ZERO_TO_ONE,
  )


def rms_prop_epsilon(default: float, more: str) -> float:
  """Returns the number under RMSprop's root."""
  return config_fields.field(
      default,
      'The number that RMSprop adds to its mean of squared gradients, under the '
      'root. Where gradients are smaller than its root, steps are smaller than '
      f'learning_rate. {more}',
      config_fields.POSITIVE,
  )


def max_gradient_norm(default: float) -> float:
  """Returns the norm that gradients of K tasks are clipped to."""
  return config_fields.field(
      default,
      'The norm to which gradients are clipped: the gradient of the variables '
      "that tasks share, and that of each task's own variables, each by itself.",
      config_fields.POSITIVE,
  )


def hidden_sizes(
    default: _SIZES,
    whose: str,
    *checks: config_fields.Check,
    more: str = '',
) -> _SIZES:
  """Returns sizes of layers; further `checks` come first."""
  return config_fields.field(
      default,
      _joined(f'The number of units of each hidden layer of {whose}.', more),
      *checks,
      config_fields.POSITIVE,
  )


def min_advantage_std(default: float, more: str) -> float:
  """Returns the floor of the deviations that advantages are divided by."""
  return config_fields.field(
      default,
      'The lower bound of the standard deviation by which the advantages of a '
      f'task are divided, in units of the return. {more}',
      config_fields.POSITIVE,
  )


def initial_std(default: float, whose: str) -> float:
  """Returns the standard deviation that a Gaussian policy begins with."""
  return config_fields.field(
      default,
      f'The standard deviation of {whose} at the start, in units of the action.',
      config_fields.POSITIVE,
  )


def noise_color(default: float) -> float:
  """Returns the color of a Gaussian policy's noise."""
  return config_fields.field(
      default,
      'The color of the Gaussian noise of the actions along an unroll: 0 is '
      'white, 1 is pink (Hollenstein et al. 2024).',
      config_fields.NOT_NEGATIVE,
  )


def min_observation_std(default: float, more: str = '') -> float:
  """Returns the floor of the deviations that observations are divided by."""
  return config_fields.field(
      default,
      _joined(
          'The lower bound of the standard deviation by which observations are '
          'divided, in units of the observation.',
          more,
      ),
      config_fields.POSITIVE,
  )


def updates_per_step(default: int) -> int:
  """Returns the number of updates in a compiled step."""
  return config_fields.field(
      default,
      'The number of updates in one learner step, which are compiled into one '
      'call.',
      config_fields.POSITIVE,
  )


def random_steps(default: int) -> int:
  """Returns the number of random actions before learning starts."""
  return config_fields.field(
      default,
      'The number of uniformly random actions in each task before learning '
      'starts.',
      config_fields.POSITIVE,
  )


# Of the agents that learn from an update of a few tasks, from their episodes.


def latent_size(default: int) -> int:
  """Returns L."""
  return config_fields.field(
      default,
      'The number of entries of a latent, which stands for a task.',
      config_fields.POSITIVE,
  )


def tasks_per_update(default: int) -> int:
  """Returns M."""
  return config_fields.field(
      default,
      'The number of tasks in an update, which are drawn anew for each update: '
      'from every family the same number, or one more.',
      config_fields.POSITIVE,
  )


def context_size(default: int) -> int:
  """Returns the number of transitions in a context."""
  return config_fields.field(
      default,
      'The number of transitions of a task from which its latent is inferred.',
      config_fields.POSITIVE,
  )


def context_episodes(default: int) -> int:
  """Returns the number of episodes that contexts are drawn from."""
  return config_fields.field(
      default,
      'The number of latest episodes of a task from which contexts are drawn.',
      config_fields.POSITIVE,
  )


def steps_per_block(default: int) -> int:
  """Returns the number of learner steps after a block of each behaviour."""
  return config_fields.field(
      default,
      'The number of learner steps after every two episodes of each '
      'environment.',
      config_fields.POSITIVE,
  )


# Of the soft actor-critics.


def target_rate(default: float) -> float:
  """Returns tau."""
  return config_fields.field(
      default,
      'The share tau by which the target critics move towards the critics in '
      'an update, in (0, 1].',
      config_fields.POSITIVE,
      config_fields.FROM_ZERO_TO_ONE,
  )


def initial_temperature(default: float) -> float:
  """Returns alpha at the start."""
  return config_fields.field(
      default,
      'The temperature alpha of every task at the start.',
      config_fields.POSITIVE,
  )


def entropy_per_dimension(default: float) -> float:
  """Returns the target of a squashed policy's entropy."""
  return config_fields.field(
      default,
      "The target of the policy's entropy, in nats for each dimension of the "
      'action. In the unit box the entropy is log 2 = 0.693 at most; -1 is '
      'usual.',
      config_fields.FINITE,
  )


def _joined(help: str, more: str) -> str:
  return f'{help} {more}'.strip()
