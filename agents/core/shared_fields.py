"""Makes the fields that the configs of several agents have in common.

Each function makes one field from its default, which each agent chooses. The
argument `more` is a further sentence of the help text, and `whose` is a noun
phrase in it.
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
  """Returns a step size; `whose` names the optimiser and its variables."""
  return config_fields.field(
      default, f'The step size of {whose}.', config_fields.POSITIVE
  )


def adam_epsilon(default: float, more: str = '') -> float:
  """Returns the number that Adam adds to its root."""
  return config_fields.field(
      default,
      _joined(
          'The number that Adam adds to the root of its mean of squared '
          'gradients.',
          more,
      ),
      config_fields.POSITIVE,
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
      'The number that RMSprop adds to its mean of squared gradients, under '
      'the root. Where gradients are smaller than its root, steps are smaller '
      f'than learning_rate. {more}',
      config_fields.POSITIVE,
  )


def max_gradient_norm(default: float) -> float:
  """Returns the norm to which the gradients of K tasks are clipped."""
  return config_fields.field(
      default,
      'The largest norm of a gradient. The gradient of the variables that '
      "tasks share, and the gradient of each task's own variables, are clipped "
      'separately.',
      config_fields.POSITIVE,
  )


def hidden_sizes(
    default: _SIZES,
    whose: str,
    *checks: config_fields.Check,
    more: str = '',
) -> _SIZES:
  """Returns the sizes of hidden layers; `checks` are made before its own."""
  return config_fields.field(
      default,
      _joined(f'The number of units of each hidden layer of {whose}.', more),
      *checks,
      config_fields.POSITIVE,
  )


def min_advantage_std(default: float, more: str) -> float:
  """Returns the floor of the standard deviation of advantages."""
  return config_fields.field(
      default,
      'The lower bound of the standard deviation by which the advantages of a '
      f'task are divided, in units of the return. {more}',
      config_fields.POSITIVE,
  )


def initial_std(default: float, whose: str) -> float:
  """Returns the initial standard deviation of a Gaussian policy."""
  return config_fields.field(
      default,
      f'The initial standard deviation of {whose}, in units of the action.',
      config_fields.POSITIVE,
  )


def min_std(default: float, whose: str) -> float:
  """Returns the lower bound of a Gaussian policy's standard deviation."""
  return config_fields.field(
      default,
      f'The lower bound of the standard deviation of {whose}, in units of the '
      'action.',
      config_fields.POSITIVE,
  )


def max_std(default: float, whose: str, more: str = '') -> float:
  """Returns the upper bound of a Gaussian policy's standard deviation."""
  return config_fields.field(
      default,
      _joined(
          f'The upper bound of the standard deviation of {whose}, in units of '
          'the action.',
          more,
      ),
  )


def noise_colors() -> Tuple[float, ...]:
  """Returns the colors of a Gaussian policy's noise."""
  return config_fields.field(
      (),
      'The colors of the noise of continuous actions along an unroll. The '
      'environments of a task have these colors in turn: with 0,0.5 every '
      'second one has 0.5. 0 is white noise (independent steps), 1 is pink '
      'noise (Eberhard et al. 2023; Hollenstein et al. 2024). Empty: white '
      'noise for all.',
      config_fields.NOT_NEGATIVE,
  )


def observes_task(default: bool, clause: str) -> bool:
  """Returns whether networks see the task; `clause` is 'policies see'."""
  return config_fields.field(
      default,
      f'Whether {clause} the one-hot vector of the task. This needs a suite '
      'without held-out tasks, such as MT10.',
  )


def min_observation_std(default: float, more: str = '') -> float:
  """Returns the floor of the standard deviation of observations."""
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


# The following fields belong to the agents that learn from whole episodes, a
# few tasks in an update.


def latent_size(default: int) -> int:
  """Returns the size of a latent, L."""
  return config_fields.field(
      default,
      'The number of entries of a latent, the vector that stands for a task.',
      config_fields.POSITIVE,
  )


def episodes_per_step(default: int, which: str) -> int:
  """Returns the number of sampled episodes; `which` names the episodes."""
  return config_fields.field(
      default,
      f'The number of {which} that are sampled for a learner step. All updates '
      'of the step draw their batches from them.',
      config_fields.POSITIVE,
  )


def tasks_per_update(default: int) -> int:
  """Returns the number of tasks in an update, M."""
  return config_fields.field(
      default,
      'The number of tasks in an update, which are drawn again for each '
      'update, in nearly equal numbers from all families.',
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
  """Returns the number of learner steps after each collection."""
  return config_fields.field(
      default,
      'The number of learner steps after each collection, which has two '
      'episodes of each environment.',
      config_fields.POSITIVE,
  )


# The following fields belong to SAC and PEARL.


def target_rate(default: float) -> float:
  """Returns the rate tau of the target critics."""
  return config_fields.field(
      default,
      'The share tau by which the target critics move towards the critics in '
      'an update, in (0, 1].',
      config_fields.POSITIVE,
      config_fields.FROM_ZERO_TO_ONE,
  )


def initial_temperature(default: float) -> float:
  """Returns the initial temperature alpha."""
  return config_fields.field(
      default,
      'The temperature alpha of every task at the start.',
      config_fields.POSITIVE,
  )


def entropy_per_dimension(default: float) -> float:
  """Returns the target of the entropy of a squashed policy."""
  return config_fields.field(
      default,
      "The target of the policy's entropy, in nats for each dimension of the "
      'action. The largest possible entropy is log 2 = 0.693; -1 is usual.',
      config_fields.FINITE,
  )


def _joined(help: str, more: str) -> str:
  return f'{help} {more}'.strip()
