"""The building block of policies with a memory: an LSTM after a perceptron."""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import sonnet as snt
import tensorflow as tf

KERNEL, STRIDE = 3, 2


class Inputs(NamedTuple):
  """The two parts of an observation, `[K, T, E, ...]`."""

  # The image, [..., rows * columns, channels]; None if there is none.
  image: Optional[tf.Tensor]
  rest: tf.Tensor  # The other entries, [..., R].


class Memory(NamedTuple):
  """The state of the LSTM after each step, `[K, T, E, H]` each."""

  h: tf.Tensor
  c: tf.Tensor


def conv_indices(rows: int, columns: int) -> np.ndarray:
  """Returns the flat indices of the pixels under a convolution.

  The convolution is 3 x 3 with stride 2 and no padding.

  Args:
    rows: the number of rows of the image.
    columns: the number of columns of the image.

  Returns:
    The indices of each of the P patches, `[P, KERNEL^2]` of integers.
  """
  return np.array(
      [
          [
              (row + i) * columns + column + j
              for i in range(KERNEL)
              for j in range(KERNEL)
          ]
          for row in range(0, rows - KERNEL + 1, STRIDE)
          for column in range(0, columns - KERNEL + 1, STRIDE)
      ]
  )


def conv_size(size: int) -> int:
  """Returns the length of a side after a convolution, in pixels."""
  return (size - KERNEL) // STRIDE + 1


def split(
    observation: tf.Tensor, image_shape: Optional[Tuple[int, int, int]]
) -> Inputs:
  """Splits observations into the image and the rest.

  Args:
    observation: the observations, `[..., D]`.
    image_shape: the rows, columns and channels of the image that an observation
      starts with; None if there is no image.

  Returns:
    `Inputs`, with the leading axes of the observations.
  """
  if image_shape is None:
    return Inputs(None, observation)
  rows, columns, channels = image_shape
  image, rest = tf.split(observation, [rows * columns * channels, -1], axis=-1)
  return Inputs(
      tf.reshape(image, [*image.shape[:-1], rows * columns, channels]), rest
  )


class RecurrentColumn(snt.Module):
  """A column with a memory: a network for each task, or one for all tasks.

  image -> convolutions -> perceptron, then with the rest of the observation
  (previous action and reward) -> LSTM -> linear layer. Without an image the
  perceptron takes the whole observation. ReLU between layers.

  Attributes:
    weights: the variables by name, each `[1, ...]` or `[K, ...]`.
  """

  def __init__(
      self,
      num_networks: int,
      observation_size: int,
      image_shape: Optional[Tuple[int, int, int]],
      conv_channels: Sequence[int],
      hidden_sizes: Sequence[int],
      lstm_size: int,
      output_size: int,
      *,
      rng: np.random.Generator,
      name: str,
  ):
    """Makes all variables.

    Args:
      num_networks: 1 to send all rows through one network, or K.
      observation_size: D, the size of an observation.
      image_shape: the rows, columns and channels of the image that an
        observation starts with; None if there is no image.
      conv_channels: the number of channels of each convolution, 3 x 3 with
        stride 2.
      hidden_sizes: the number of units of each layer of the perceptron.
      lstm_size: H, the number of units of an LSTM.
      output_size: the number of units of the last layer.
      rng: the generator that the initial weights are drawn from.
      name: the name of the module.

    Raises:
      ValueError: if the image is too small for its convolutions.
    """
    super().__init__(name=name)
    self._num_networks = num_networks
    self._lstm_size = lstm_size
    self.weights: Dict[str, tf.Variable] = {}
    self._indices = []
    rest = observation_size
    size = observation_size
    if image_shape is not None:
      rows, columns, channels = image_shape
      rest = observation_size - rows * columns * channels
      for i, units in enumerate(conv_channels):
        if min(rows, columns) < KERNEL:
          raise ValueError(
              f'conv_channels: an image of {image_shape[0]} x {image_shape[1]} '
              f'is too small for {len(conv_channels)} convolutions; want '
              f'{i} at most.'
          )
        self._indices.append(conv_indices(rows, columns))
        self._make(f'conv{i}', KERNEL**2 * channels, units, rng)
        rows, columns, channels = conv_size(rows), conv_size(columns), units
      size = rows * columns * channels
    for i, units in enumerate(hidden_sizes):
      self._make(f'hidden{i}', size, units, rng)
      size = units
    if image_shape is not None or hidden_sizes:
      size += rest
    self._num_hidden = len(hidden_sizes)
    self._make('lstm', size + lstm_size, 4 * lstm_size, rng)
    self._make('output', lstm_size, output_size, rng, scale=0.01)

  def _make(
      self,
      name: str,
      fan_in: int,
      fan_out: int,
      rng: np.random.Generator,
      scale: Optional[float] = None,
  ) -> None:
    bound = np.sqrt(3.0 / fan_in) if scale is None else scale
    weight = rng.uniform(-bound, bound, (self._num_networks, fan_in, fan_out))
    self.weights[f'{name}/w'] = tf.Variable(
        weight.astype(np.float32), name=f'{name}_w'
    )
    self.weights[f'{name}/b'] = tf.Variable(
        tf.zeros([self._num_networks, 1, fan_out]), name=f'{name}_b'
    )

  def remember(
      self, inputs: Inputs, state: Tuple[tf.Tensor, tf.Tensor], keep: tf.Tensor
  ) -> Memory:
    """Runs the LSTM through T steps.

    Args:
      inputs: the observations, `[K, T, E, ...]`.
      state: h and c before the first step, `[K, E, H]` each.
      keep: 0 for a step that forgets all earlier steps, and 1 otherwise,
        `[K, T, E]`.

    Returns:
      h and c after each step.
    """
    gates = self._input_gates(inputs)  # [G, T, B, 4 H]
    h, c = (self._stack(x) for x in state)  # [G, B, H]
    keep = self._stack(keep[..., tf.newaxis])  # [G, T, B, 1]
    recurrent = self._recurrent_weight()
    hs, cs = [], []
    for t in range(gates.shape[1]):
      h, c = h * keep[:, t], c * keep[:, t]
      h, c = _cell(gates[:, t] + tf.matmul(h, recurrent), c)
      hs.append(h)
      cs.append(c)
    shape = inputs.rest.shape[:3]
    return Memory(
        *(self._unstack(tf.stack(x, axis=1), shape) for x in (hs, cs))
    )

  def remember_next(self, inputs: Inputs, memory: Memory) -> tf.Tensor:
    """Returns h after one further step, for each of the T steps.

    Args:
      inputs: the next observations, before any reset, `[K, T, E, ...]`.
      memory: h and c after each of the T steps.

    Returns:
      h after the next observation, `[K, T, E, H]`.
    """
    gates = self._input_gates(inputs)
    h, c = (self._stack(x) for x in memory)  # [G, T, B, H]
    flat = [gates.shape[0], -1, self._lstm_size]
    later, _ = _cell(
        tf.reshape(gates, [*flat[:2], gates.shape[-1]])
        + tf.matmul(tf.reshape(h, flat), self._recurrent_weight()),
        tf.reshape(c, flat),
    )
    return self._unstack(tf.reshape(later, h.shape), inputs.rest.shape[:3])

  def output(self, h: tf.Tensor) -> tf.Tensor:
    """Applies the last layer, `[K, T, E, H]` to `[K, T, E, output_size]`."""
    y = self._linear('output', self._stack(h))
    return self._unstack(y, h.shape[:3])

  def _input_gates(self, inputs: Inputs) -> tf.Tensor:
    """Returns the inputs' share of the LSTM's gates, `[G, T, B, 4 H]`."""
    rest = self._stack(inputs.rest)
    x = rest
    if inputs.image is not None:
      x = self._stack(inputs.image)  # [G, T, B, P, C]
      for i, indices in enumerate(self._indices):
        patches = tf.gather(x, indices.ravel(), axis=3)
        patches = tf.reshape(patches, [*x.shape[:3], len(indices), -1])
        x = tf.nn.relu(self._linear(f'conv{i}', patches))
      x = tf.reshape(x, [*x.shape[:3], -1])
    for i in range(self._num_hidden):
      x = tf.nn.relu(self._linear(f'hidden{i}', x))
    if x is not rest:
      x = tf.concat([x, rest], axis=-1)
    weight = self.weights['lstm/w'][:, : x.shape[-1]]
    return _matmul(x, weight) + self.weights['lstm/b'][:, tf.newaxis]

  def _recurrent_weight(self) -> tf.Tensor:
    return self.weights['lstm/w'][:, -self._lstm_size :]

  def _linear(self, name: str, x: tf.Tensor) -> tf.Tensor:
    """Multiplies `[G, T, B, ..., D]` by a layer's `[G, D, O]`."""
    weight, bias = self.weights[f'{name}/w'], self.weights[f'{name}/b']
    return _matmul(x, weight) + tf.reshape(
        bias, [bias.shape[0]] + [1] * (x.shape.rank - 2) + [bias.shape[-1]]
    )

  def _stack(self, x: tf.Tensor) -> tf.Tensor:
    """Arranges the rows of `[K, E, H]` or `[K, T, E, ...]` for G networks.

    With one network, the rows of all tasks become rows of that network.
    """
    if self._num_networks > 1 or x.shape[0] == 1:
      return x
    if x.shape.rank == 3:
      return tf.reshape(x, [1, -1, x.shape[-1]])
    x = tf.transpose(x, [1, 0, *range(2, x.shape.rank)])  # [T, K, E, ...]
    return tf.reshape(x, [1, x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]])

  def _unstack(self, x: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Undoes `_stack`: `[G, T, B, F]` to `[K, T, E, F]`."""
    if list(x.shape[:3]) == list(shape):
      return x
    num_tasks, num_steps, num_envs = shape
    x = tf.reshape(x, [num_steps, num_tasks, num_envs, x.shape[-1]])
    return tf.transpose(x, [1, 0, 2, 3])


def _matmul(x: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
  """Multiplies `[G, ..., D]` by `[G, D, O]` in one product."""
  flat = tf.reshape(x, [x.shape[0], -1, x.shape[-1]])
  return tf.reshape(tf.matmul(flat, weight), [*x.shape[:-1], weight.shape[-1]])


def _cell(gates: tf.Tensor, c: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
  """Returns h and c of an LSTM after a step.

  The cell is that of Hochreiter and Schmidhuber (1997) with the forget gate of
  Gers et al. (2000). 1 is added to the forget gate, so that it is open at first
  (Jozefowicz et al. 2015).
  """
  i, f, g, o = tf.split(gates, 4, axis=-1)
  c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(g)
  return tf.sigmoid(o) * tf.tanh(c), c
