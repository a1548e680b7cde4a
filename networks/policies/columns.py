"""Policies of K tasks made of columns: a shared one, one per task, or both."""

from typing import (
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from distillery.networks.acting import columns as acting_columns
from distillery.networks.acting import perceptron
from distillery.networks.layers import column
from distillery.networks.layers import normalizer
from distillery.ops import gaussians
import numpy as np
import sonnet as snt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

_ARCHITECTURES = ('shared', 'separate', 'two_column')


class StdRange(NamedTuple):
  """The standard deviation of a Gaussian policy, in units of the action."""

  initial: float
  minimum: float
  maximum: float


class ColumnPolicy(snt.Module):
  """A policy with a shared column h and K task columns g_k.

  See Teh et al. (2017, table 1).

  | architecture | task policy pi_k                           | pi_0       |
  |--------------|--------------------------------------------|------------|
  | 'shared'     | pi_0                                       | from h     |
  | 'separate'   | from g_k alone                             | from h     |
  | 'two_column' | prop. to pi_0^alpha exp(g_k), g = beta f_k | from h     |

  Discrete actions: the columns put out logits, and pi_k = softmax(alpha h +
  g_k). Continuous actions: h puts out the mean of pi_0, whose standard
  deviation is a free vector. g_k puts out a quadratic advantage, see
  `ops.gaussians.tempered_product`, and the standard deviation of pi_k has an
  upper bound. Columns work in units of the policy's exponent (g = beta f), so
  that their learning rate does not scale with beta.

  Implements `networks.interfaces.MultiTaskPolicy`; `networks.acting.columns`
  holds the same forward pass in NumPy.
  """

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      action_size: int,
      *,
      is_discrete: bool,
      architecture: str,
      alpha: float,
      hidden_sizes: Sequence[int],
      shared_observes_task: bool,
      std: StdRange,
      min_observation_std: float,
      seed: Union[int, np.random.SeedSequence],
      task_observes_task: bool = False,
      pooled_normalizer: bool = False,
  ):
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      action_size: A, the size of an action, or the number of discrete actions.
      is_discrete: True if actions are discrete.
      architecture: 'shared', 'separate' or 'two_column'.
      alpha: the power of pi_0 in the two-column task policy, in [0, 1]; not 0
        if actions are continuous.
      hidden_sizes: the number of units of each hidden layer of a column.
      shared_observes_task: True to show the task's one-hot to the shared
        column.
      std: the initial value and the bounds of pi_0's standard deviation.
      min_observation_std: the least standard deviation that observations are
        divided by, in the observation's unit, > 0.
      seed: the seed of the initial weights.
      task_observes_task: True to show the one-hot to the task columns too.
      pooled_normalizer: True to standardise the inputs of the task columns by
        the statistics of all tasks together. A task's own statistics are
        meaningless for states of other tasks.

    Raises:
      ValueError: if the architecture is unknown, or alpha is 0 where it must
        not be.
    """
    super().__init__(name='column_policy')
    _check_architecture(architecture, alpha, is_discrete)
    self.num_tasks = num_tasks
    self.architecture = architecture
    self.is_discrete = is_discrete
    self.action_size = action_size
    self.alpha = alpha
    self._shared_normalizer = normalizer.RunningNormalizer(
        1, observation_size, min_std=min_observation_std, name='shared'
    )
    self._task_normalizer = self._shared_normalizer
    if not pooled_normalizer:
      self._task_normalizer = normalizer.RunningNormalizer(
          num_tasks, observation_size, min_std=min_observation_std, name='task'
      )
    rng = np.random.default_rng(seed)
    self._shared_column = column.Column(
        1,
        num_tasks,
        self._shared_normalizer,
        observes_task=shared_observes_task,
        output_size=action_size,
        hidden_sizes=hidden_sizes,
        rng=rng,
        name='shared',
    )
    adds_precision = architecture == 'two_column' and not is_discrete
    self._task_columns = column.Column(
        num_tasks,
        num_tasks,
        self._task_normalizer,
        observes_task=task_observes_task,
        hidden_sizes=hidden_sizes,
        rng=rng,
        output_size=action_size * (2 if adds_precision else 1),
        name='task',
    )
    self._make_deviations(std)

  def _make_deviations(self, std: StdRange) -> None:
    self._std_range = std
    self._precision_offset = column.precision_offset(self.alpha, std.initial)
    self._shared_log_std = tf.Variable(
        tf.fill([self.action_size], tf.math.log(std.initial)),
        name='shared_log_std',
    )
    # With two columns this is only the bound, which `project` sets.
    is_bound = self.architecture == 'two_column'
    self._task_std_name = 'max_log_std' if is_bound else 'log_std'
    self._task_log_std = tf.Variable(
        tf.fill(
            [self.num_tasks, 1, self.action_size],
            tf.math.log(std.maximum if is_bound else std.initial),
        ),
        trainable=not is_bound,
        name=f'task_{self._task_std_name}',
    )

  def shared(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the shared policy pi_0(.|s).

    Args:
      observation: the states s, `[K, N, D]`.
      origin: the task that each state came from, whose one-hot is shown to a
        column that observes it, `[K, N]` int32; None: row k's.

    Returns:
      A distribution of actions with batch shape `[K, N]`.
    """
    return self._shared_policy(self._shared_column(observation, origin))

  def task(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the policy pi_k(.|s) of row k, also for states of other tasks.

    Args:
      observation: the states s, `[K, N, D]`.
      origin: the task that each state came from, whose one-hot is shown to a
        column that observes it, `[K, N]` int32; None: row k's.

    Returns:
      A distribution of actions with batch shape `[K, N]`.
    """
    if self.architecture == 'shared':
      return self.shared(observation, origin)
    g = self._task_columns(observation, origin)
    if self.architecture == 'separate':
      return self._separate_policy(g)
    return self._product_policy(self._shared_column(observation, origin), g)

  def both(
      self, observation: tf.Tensor
  ) -> Tuple[tfd.Distribution, tfd.Distribution]:
    """Returns pi_0(.|s) and pi_k(.|s), with one pass of the shared column.

    Args:
      observation: the states s, `[K, N, D]`; those of row k are of task k.

    Returns:
      What `shared` and `task` return.
    """
    h = self._shared_column(observation)
    shared = self._shared_policy(h)
    if self.architecture == 'shared':
      return shared, shared
    g = self._task_columns(observation)
    if self.architecture == 'separate':
      return shared, self._separate_policy(g)
    return shared, self._product_policy(h, g)

  def _shared_policy(self, h: tf.Tensor) -> tfd.Distribution:
    if self.is_discrete:
      return tfd.Categorical(logits=h)
    return _gaussian(h, tf.exp(self._shared_log_std))

  def _separate_policy(self, g: tf.Tensor) -> tfd.Distribution:
    if self.is_discrete:
      return tfd.Categorical(logits=g)
    return _gaussian(g, tf.exp(self._task_log_std))

  def _product_policy(self, h: tf.Tensor, g: tf.Tensor) -> tfd.Distribution:
    """Returns pi_k of two columns, proportional to pi_0^alpha exp(g_k)."""
    if self.is_discrete:
      return tfd.Categorical(logits=self.alpha * h + g)
    natural_mean, precision = tf.split(g, 2, axis=-1)
    product = gaussians.tempered_product(
        h,
        tf.broadcast_to(tf.exp(self._shared_log_std), tf.shape(h)),
        natural_mean,
        tf.nn.softplus(precision + self._precision_offset),
        alpha=self.alpha,
    )
    return _gaussian(
        product.mean, tf.minimum(product.std, tf.exp(self._task_log_std))
    )

  def shared_variables(self) -> List[tf.Variable]:
    """Returns the variables of pi_0 that a gradient step may move."""
    log_std = [] if self.is_discrete else [self._shared_log_std]
    return list(self._shared_column.trainable_variables) + log_std

  def task_variables(self) -> List[tf.Variable]:
    """Returns the trainable variables of the columns g_k, each `[K, ...]`.

    The list is empty if the tasks share one policy.
    """
    if self.architecture == 'shared':
      return []
    own_std = self.architecture == 'separate' and not self.is_discrete
    log_std = [self._task_log_std] if own_std else []
    return list(self._task_columns.trainable_variables) + log_std

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that the policy in NumPy needs, by name."""
    return {
        'shared/log_std': self._shared_log_std,
        f'task/{self._task_std_name}': self._task_log_std,
        **self._shared_column.acting_variables('shared'),
        **self._task_columns.acting_variables('task'),
    }

  def acting_policy(
      self,
      which: str,
      low: Sequence[float] = (),
      high: Sequence[float] = (),
      noise_colors: Sequence[float] = (),
  ) -> acting_columns.ColumnPolicy:
    """Returns the same policy in NumPy.

    Args:
      which: 'task' for pi_k, 'shared' for pi_0.
      low: the A lower bounds to which the environment clips continuous actions;
        empty if it does not clip them.
      high: the A upper bounds, or empty.
      noise_colors: the colors of a Gaussian policy's noise, >= 0; see
        `acting.gaussian.colored_noise`.

    Returns:
      A policy that acts with the values of `acting_variables`.
    """
    return acting_columns.ColumnPolicy(
        which='shared' if self.architecture == 'shared' else which,
        architecture=self.architecture,
        is_discrete=self.is_discrete,
        action_size=self.action_size,
        alpha=self.alpha,
        num_layers=self._shared_column.num_layers,
        shared_observes_task=self._shared_column.observes_task,
        task_observes_task=self._task_columns.observes_task,
        precision_offset=self._precision_offset,
        max_deviation=perceptron.MAX_DEVIATION,
        noise_colors=tuple(noise_colors),
        low=tuple(low),
        high=tuple(high),
    )

  def observe(self, observation: tf.Tensor) -> None:
    """Updates the statistics with observations `[K, N, D]`."""
    self._shared_normalizer.update(observation)
    if self._task_normalizer is not self._shared_normalizer:
      self._task_normalizer.update(observation)

  def project(self, max_std: Optional[tf.Tensor] = None) -> None:
    """Moves the standard deviations into their range, or below `max_std`.

    This is not part of the forward pass, where a clipped parameter would get no
    gradient.

    With two columns, `max_std` bounds pi_k alone, and does so in the forward
    pass: where the bound is the smaller, it is the standard deviation, and
    gradients move the mean alone. If pi_0 became narrow too, it would weigh
    more and more in pi_k's mean, by alpha / s_0^2.

    Args:
      max_std: the upper bound of the standard deviation of the policy that acts
        now, float32 []; None: the maximum of the range.
    """
    low, high = (
        tf.math.log(self._std_range.minimum),
        tf.math.log(self._std_range.maximum),
    )
    bound = high if max_std is None else tf.math.log(max_std)
    if self.architecture == 'two_column':
      self._task_log_std.assign(tf.fill(self._task_log_std.shape, bound))
      bound = high
    else:
      self._task_log_std.assign(
          tf.clip_by_value(self._task_log_std, low, bound)
      )
    self._shared_log_std.assign(
        tf.clip_by_value(self._shared_log_std, low, bound)
    )

  def reset_tasks(self) -> None:
    """Makes every task policy equal to the shared one.

    'separate': the weights and the standard deviation of pi_0 are copied.
    'two_column': the last layer of the task columns becomes 0. If actions are
    discrete, pi_k is then pi_0^alpha, normalised; if they are continuous, pi_k
    is what fresh columns make of pi_0, within the bound.

    Raises:
      ValueError: if 'separate' columns have other inputs than the shared
        column.
    """
    if self.architecture == 'separate':
      self._task_columns.copy(self._shared_column)
      self._task_log_std.assign(
          tf.broadcast_to(self._shared_log_std, self._task_log_std.shape)
      )
    elif self.architecture == 'two_column':
      self._task_columns.zero_last_layer()


def _check_architecture(
    architecture: str, alpha: float, is_discrete: bool
) -> None:
  if architecture not in _ARCHITECTURES:
    raise ValueError(
        f'architecture must be one of {_ARCHITECTURES}, got {architecture!r}.'
    )
  if architecture == 'two_column' and not alpha and not is_discrete:
    raise ValueError(
        "alpha=0 would leave the standard deviation of continuous 'two_column' "
        "policies without a bound; want alpha > 0, or 'separate'."
    )


def _gaussian(mean: tf.Tensor, std: tf.Tensor) -> tfd.Distribution:
  return tfd.Independent(
      tfd.Normal(mean, tf.broadcast_to(std, tf.shape(mean))), 1
  )
