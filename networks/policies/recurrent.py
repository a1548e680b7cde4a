"""Policies of columns with a memory: convolution, perceptron, LSTM."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from distillery.networks.acting import recurrent as acting_recurrent
from distillery.networks.layers import recurrent_column
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf
from tensorflow_probability import distributions as tfd


class RecurrentOutput(NamedTuple):
  """The output for an unroll of T steps in E environments of each of K tasks.

  The samples of a task, N = T E, are ordered by time.

  Attributes:
    task: the policies pi_k, with batch shape `[K, N]`.
    shared: the policy pi_0, with batch shape `[K, N]`.
    value: the values V_k, `[K, N]`.
    next_value: the values V_k after the step and before any reset, `[K, N]`. No
      gradient flows through them.
  """

  task: tfd.Distribution
  shared: tfd.Distribution
  value: tf.Tensor
  next_value: tf.Tensor


class RecurrentColumnPolicy(snt.Module):
  """A policy like `columns.ColumnPolicy`, with an LSTM in each column.

  Actions are discrete.

  Each task's value is a linear function of the LSTM's h in the task's own
  column, or in the shared column if there is no other.
  """

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      num_actions: int,
      *,
      image_shape: Optional[Tuple[int, int, int]],
      architecture: str,
      alpha: float,
      conv_channels: Sequence[int],
      hidden_sizes: Sequence[int],
      lstm_size: int,
      seed: Union[int, np.random.SeedSequence],
  ):
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      num_actions: A, the number of actions.
      image_shape: the rows, columns and channels of the image that an
        observation starts with; None if there is no image.
      architecture: 'shared', 'separate' or 'two_column'.
      alpha: the power of pi_0 in the two-column task policy, in [0, 1].
      conv_channels: the number of channels of each convolution, 3 x 3 with
        stride 2.
      hidden_sizes: the number of units of each layer of the perceptron between
        the convolutions and the LSTM.
      lstm_size: H, the number of units of an LSTM.
      seed: the seed of the initial weights.

    Raises:
      ValueError: if the image is too small for its convolutions.
    """
    super().__init__(name='recurrent_column_policy')
    self.num_tasks = num_tasks
    self.architecture = architecture
    self.alpha = alpha
    self.num_actions = num_actions
    self._size = observation_size
    self._image_shape = image_shape if conv_channels else None
    self._sizes = dict(
        num_conv=len(conv_channels),
        num_hidden=len(hidden_sizes),
        lstm_size=lstm_size,
    )
    rng = np.random.default_rng(seed)

    def make_column(
        num_networks: int, name: str
    ) -> recurrent_column.RecurrentColumn:
      return recurrent_column.RecurrentColumn(
          num_networks,
          observation_size,
          self._image_shape,
          conv_channels,
          hidden_sizes,
          lstm_size,
          num_actions,
          rng=rng,
          name=name,
      )

    self._columns = {'shared': make_column(1, 'shared')}
    if architecture != 'shared':
      self._columns['task'] = make_column(num_tasks, 'task')
    self._value_weight = tf.Variable(
        tf.zeros([num_tasks, lstm_size, 1]), name='value_weight'
    )
    self._value_bias = tf.Variable(
        tf.zeros([num_tasks, 1, 1]), name='value_bias'
    )

  @property
  def state_size(self) -> int:
    """Returns S, the size of an environment's state: h and c of each column."""
    return 2 * self._sizes['lstm_size'] * len(self._columns)

  def unroll(
      self,
      observation: tf.Tensor,
      next_observation: tf.Tensor,
      state: tf.Tensor,
      is_first: tf.Tensor,
  ) -> RecurrentOutput:
    """Computes the policies and values of an unroll.

    Args:
      observation: the observations, `[K, T, E, D]`.
      next_observation: the observation after each step, before any reset,
        `[K, T, E, D]`.
      state: the memory before the first step, `[K, E, S]`.
      is_first: true where an episode begins and the memory is cleared,
        `[K, T, E]` bool.

    Returns:
      `RecurrentOutput`.

    Raises:
      ValueError: if the shapes are wrong.
    """
    checks.has_shape(
        self.name,
        [self.num_tasks, None, None, self._size],
        observation=observation,
        next_observation=next_observation,
    )
    lead = observation.shape[:3]
    checks.has_shape(self.name, lead, is_first=is_first)
    checks.has_shape(
        self.name, [lead[0], lead[2], self.state_size], state=state
    )
    keep = 1.0 - tf.cast(is_first, tf.float32)  # [K, T, E]
    now, following = (
        recurrent_column.split(x, self._image_shape)
        for x in (observation, next_observation)
    )
    logits, memories = {}, {}
    parts = tf.split(state, 2 * len(self._columns), axis=-1)
    for i, (name, column) in enumerate(self._columns.items()):
      memories[name] = column.remember(
          now, (parts[2 * i], parts[2 * i + 1]), keep
      )
      logits[name] = column.output(memories[name].h)
    own = 'task' if 'task' in self._columns else 'shared'
    after = self._columns[own].remember_next(following, memories[own])
    shared = _flat(logits['shared'])
    task = shared
    if self.architecture != 'shared':
      task = _flat(logits['task'])
    if self.architecture == 'two_column':
      task += self.alpha * shared
    return RecurrentOutput(
        tfd.Categorical(logits=task),
        tfd.Categorical(logits=shared),
        self._value(memories[own].h),
        tf.stop_gradient(self._value(after)),
    )

  def _value(self, h: tf.Tensor) -> tf.Tensor:
    """Maps h `[K, T, E, H]` to values `[K, N]`."""
    flat = _flat(h)
    return tf.squeeze(
        tf.matmul(flat, self._value_weight) + self._value_bias, axis=-1
    )

  def shared_variables(self) -> List[tf.Variable]:
    """Returns the trainable variables of pi_0."""
    return list(self._columns['shared'].trainable_variables)

  def task_variables(self) -> List[tf.Variable]:
    """Returns the trainable variables of the task columns, each `[K, ...]`.

    The list is empty if the tasks share one column.
    """
    if 'task' not in self._columns:
      return []
    return list(self._columns['task'].trainable_variables)

  def value_variables(self) -> List[tf.Variable]:
    """Returns the last layers of the values, each `[K, ...]`."""
    return [self._value_weight, self._value_bias]

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that the policy in NumPy needs, by name."""
    return {
        f'{name}/{key}': variable
        for name, column in self._columns.items()
        for key, variable in column.weights.items()
    }

  def acting_policy(self, which: str) -> acting_recurrent.RecurrentPolicy:
    """Returns the same policy in NumPy: 'task' for pi_k, 'shared' for pi_0."""
    return acting_recurrent.RecurrentPolicy(
        which='shared' if self.architecture == 'shared' else which,
        architecture=self.architecture,
        alpha=self.alpha,
        num_actions=self.num_actions,
        image_shape=self._image_shape or (),
        **self._sizes,
    )


def _flat(x: tf.Tensor) -> tf.Tensor:
  """Reshapes `[K, T, E, F]` to `[K, T E, F]`."""
  return tf.reshape(x, [x.shape[0], -1, x.shape[-1]])
