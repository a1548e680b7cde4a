"""Policies of K tasks made of columns: all for one, one each, or both."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Union

from distillery.networks.acting import columns as acting_columns
from distillery.networks.layers import column
from distillery.networks.layers import normalizer
from distillery.ops import gaussians
import numpy as np
import sonnet as snt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

_ARCHITECTURES = ('shared', 'separate', 'two_column')


class StdRange(NamedTuple):
  """Standard deviation of a Gaussian policy, in units of the action."""

  initial: float
  minimum: float
  maximum: float


class ColumnPolicy(snt.Module):
  """A shared column h and K task columns g_k (Teh et al. 2017, table 1).

  | architecture | task policy pi_k                           | pi_0       |
  |--------------|--------------------------------------------|------------|
  | 'shared'     | pi_0                                       | from h     |
  | 'separate'   | from g_k alone                             | from h     |
  | 'two_column' | prop. to pi_0^alpha exp(g_k), g = beta f_k | from h     |

  Discrete actions: columns put out logits, and pi_k = softmax(alpha h + g_k).
  Continuous ones: h puts out the mean of pi_0, whose standard deviation is a
  free vector; g_k puts out a quadratic advantage, see
  `ops.gaussians.tempered_product`; a bound cuts off pi_k's. Columns work in
  units of the policy's exponent (g = beta f), so that their learning rate does
  not scale with beta.

  Implements `networks.interfaces.MultiTaskPolicy`; `networks.acting` holds the
  same forward pass in NumPy.
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
      num_tasks: K.
      observation_size: D.
      action_size: A; the number of actions if they are discrete.
      is_discrete: whether actions are discrete.
      architecture: 'shared', 'separate' or 'two_column'.
      alpha: power of pi_0 in the two-column task policy, in [0, 1], not 0 if
        actions are continuous.
      hidden_sizes: of each column.
      shared_observes_task: whether the shared column sees the task's one-hot.
      std: initial value and bounds of pi_0's standard deviation.
      min_observation_std: floor of the observations' standard deviation.
      seed: of the initial weights.
      task_observes_task: whether the tasks' columns see the one-hot too.
      pooled_normalizer: whether theirs are standardised by the statistics of
        all tasks; those of their own mean nothing in the states of others.
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
    # Of two columns, only its bound, which `project` sets.
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
    """pi_0(.|s), batch shape `[K, N]`.

    Args:
      observation: `[K, N, D]`.
      origin: `[K, N]` int32, the task that an observation came from, whose
        one-hot is shown to a column that observes it; None: row k's own.
    """
    h = self._shared_column(observation, origin)
    if self.is_discrete:
      return tfd.Categorical(logits=h)
    return _gaussian(h, tf.exp(self._shared_log_std))

  def task(
      self, observation: tf.Tensor, origin: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """pi_k(.|s) of row k, wherever s came from; otherwise as `shared`."""
    if self.architecture == 'shared':
      return self.shared(observation, origin)
    g = self._task_columns(observation, origin)
    if self.architecture == 'separate':
      if self.is_discrete:
        return tfd.Categorical(logits=g)
      return _gaussian(g, tf.exp(self._task_log_std))
    h = self._shared_column(observation, origin)
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
    """What pi_0 depends on and a gradient step may move."""
    log_std = [] if self.is_discrete else [self._shared_log_std]
    return list(self._shared_column.trainable_variables) + log_std

  def task_variables(self) -> List[tf.Variable]:
    """What the columns g_k add; each `[K, ...]`. Empty if all is shared."""
    if self.architecture == 'shared':
      return []
    own_std = self.architecture == 'separate' and not self.is_discrete
    log_std = [self._task_log_std] if own_std else []
    return list(self._task_columns.trainable_variables) + log_std

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """By name, what `networks.acting.ColumnPolicy` needs."""
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
      noise_color: float = 0.0,
  ) -> acting_columns.ColumnPolicy:
    """The NumPy twin, see `interfaces.MultiTaskPolicy`."""
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
        max_deviation=normalizer.MAX_DEVIATION,
        noise_color=noise_color,
        low=tuple(low),
        high=tuple(high),
    )

  def observe(self, observation: tf.Tensor) -> None:
    """Updates the observation statistics with `[K, N, D]`."""
    self._shared_normalizer.update(observation)
    if self._task_normalizer is not self._shared_normalizer:
      self._task_normalizer.update(observation)

  def project(self, max_std: Optional[tf.Tensor] = None) -> None:
    """Puts the standard deviations back into their range, or up to `max_std`.

    Not in the forward pass, where a clipped parameter would get no gradient.

    Of two columns, `max_std` bounds pi_k alone, in the forward pass: where the
    bound is the smaller, it is the width, and gradients move the mean alone.
    A narrow pi_0 would weigh ever more in pi_k's mean, by alpha / s_0^2.
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
    """Makes every task policy the shared one.

    'separate': its weights and standard deviation are copied. 'two_column': the
    columns' last layer becomes 0; pi_k is pi_0^alpha, normalised, if actions
    are discrete, and otherwise what fresh columns make of pi_0, within a bound.

    Raises:
      ValueError: if 'separate' columns do not see what the shared one does.
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
