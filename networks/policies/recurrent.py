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
  """Of an unroll of T steps in E environments of K tasks; N = T E, by time."""

  task: tfd.Distribution  # pi_k, batch shape [K, N].
  shared: tfd.Distribution  # pi_0, likewise.
  value: tf.Tensor  # V_k, [K, N].
  next_value: tf.Tensor  # V_k after the step, before any reset; a constant.


class RecurrentColumnPolicy(snt.Module):
  """`columns.ColumnPolicy` for discrete actions, with an LSTM in each column.

  Each task's value is a linear function of what its policy's own column
  remembers (of the shared column's, if there is no other).
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
      num_tasks: K.
      observation_size: D.
      num_actions: A.
      image_shape: of the image that an observation begins with; None: none.
      architecture: 'shared', 'separate' or 'two_column'.
      alpha: power of pi_0 in the two-column task policy, in [0, 1].
      conv_channels: of each convolution, 3 x 3 with stride 2.
      hidden_sizes: of the perceptron between them and the LSTM.
      lstm_size: H.
      seed: of the initial weights.

    Raises:
      ValueError: if convolutions and image do not fit.
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

    def make_column(num_networks: int, name: str):
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
    """S, numbers that are remembered: h and c of each column."""
    return 2 * self._sizes['lstm_size'] * len(self._columns)

  def unroll(
      self,
      observation: tf.Tensor,
      next_observation: tf.Tensor,
      state: tf.Tensor,
      is_first: tf.Tensor,
  ) -> RecurrentOutput:
    """Goes through an unroll.

    Args:
      observation: `[K, T, E, D]`.
      next_observation: `[K, T, E, D]`, before any reset.
      state: `[K, E, S]`, what was remembered before the first step.
      is_first: `[K, T, E]` bool, where an episode begins; what was remembered
        is forgotten there.

    Raises:
      ValueError: if the shapes are others.
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
    """`[K, T, E, H]` to `[K, N]`."""
    flat = _flat(h)
    return tf.squeeze(
        tf.matmul(flat, self._value_weight) + self._value_bias, axis=-1
    )

  def shared_variables(self) -> List[tf.Variable]:
    """What pi_0 depends on."""
    return list(self._columns['shared'].trainable_variables)

  def task_variables(self) -> List[tf.Variable]:
    """What the tasks' columns add; each `[K, ...]`. Empty if all is shared."""
    if 'task' not in self._columns:
      return []
    return list(self._columns['task'].trainable_variables)

  def value_variables(self) -> List[tf.Variable]:
    """The last layers of the values; each `[K, ...]`."""
    return [self._value_weight, self._value_bias]

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """By name, what `networks.acting.recurrent` needs."""
    return {
        f'{name}/{key}': variable
        for name, column in self._columns.items()
        for key, variable in column.weights.items()
    }

  def acting_policy(self, which: str) -> acting_recurrent.RecurrentPolicy:
    """The NumPy twin, 'task' or 'shared'."""
    return acting_recurrent.RecurrentPolicy(
        which='shared' if self.architecture == 'shared' else which,
        architecture=self.architecture,
        alpha=self.alpha,
        num_actions=self.num_actions,
        image_shape=self._image_shape or (),
        **self._sizes,
    )


def _flat(x: tf.Tensor) -> tf.Tensor:
  """`[K, T, E, F]` to `[K, T E, F]`."""
  return tf.reshape(x, [x.shape[0], -1, x.shape[-1]])
