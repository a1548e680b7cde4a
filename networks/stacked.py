"""Networks of K tasks as one: every weight has a leading task axis."""

from typing import Optional, Sequence

import numpy as np
import sonnet as snt
import tensorflow as tf


class StackedMLP(snt.Module):
  """K multi-layer perceptrons of equal shape, applied by batched products.

  Maps `[K, N, D]` to `[K, N, output_size]`; row k goes through network k
  alone. `[1, N, D]` goes through all of them. tanh or ReLU between layers, none
  after the last. With `num_tasks=1` it is an ordinary perceptron.
  """

  def __init__(
      self,
      num_tasks: int,
      input_size: int,
      hidden_sizes: Sequence[int],
      output_size: int,
      *,
      output_scale: float,
      rng: np.random.Generator,
      name: str,
      activation: str = 'tanh',
  ):
    """Makes all variables at once (none is created by the first call).

    Args:
      num_tasks: K.
      input_size: D.
      hidden_sizes: units of each hidden layer.
      output_size: units of the last layer.
      output_scale: the last layer's weights are multiplied by it.
      rng: the initial weights are drawn from it. Networks that are given the
        same one differ; those given two of the same seed begin alike.
      name: of the module; prefixes the variables' names.
      activation: 'tanh', with orthogonal initial weights; or 'relu', with
        uniform ones, whose variance is 2 / fan_in (He et al. 2015), within
        [-1, 1] in the last layer.
    """
    super().__init__(name=name)
    self._activation = {'tanh': tf.tanh, 'relu': tf.nn.relu}[activation]
    sizes = [input_size, *hidden_sizes, output_size]
    self.weights, self.biases = [], []
    for i, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:])):
      scale = output_scale if i == len(sizes) - 2 else None
      weight = np.stack([
          _initial[activation](rng, fan_in, fan_out, scale)
          for _ in range(num_tasks)])
      self.weights.append(
          tf.Variable(weight.astype(np.float32), name=f'w{i}'))
      self.biases.append(tf.Variable(
          tf.zeros([num_tasks, 1, fan_out]), name=f'b{i}'))

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
      if i > 0:
        x = self._activation(x)
      x = tf.matmul(x, weight) + bias
    return x


def _orthogonal(rng: np.random.Generator, rows: int, cols: int,
                scale: Optional[float]) -> np.ndarray:
  """A matrix whose shorter side is orthogonal (Saxe et al. 2014)."""
  normal = rng.standard_normal((max(rows, cols), min(rows, cols)))
  q, r = np.linalg.qr(normal)
  q *= np.sign(np.diag(r))
  return (np.sqrt(2.) if scale is None else scale) * (
      q if rows >= cols else q.T)


def _uniform(rng: np.random.Generator, rows: int, cols: int,
             scale: Optional[float]) -> np.ndarray:
  bound = np.sqrt(6. / rows) if scale is None else scale
  return rng.uniform(-bound, bound, (rows, cols))


# Of a layer, by activation; None is the scale of all layers but the last.
_initial = {'tanh': _orthogonal, 'relu': _uniform}
