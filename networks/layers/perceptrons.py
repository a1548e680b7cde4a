"""Perceptrons of K tasks: every weight has a leading task axis."""

from typing import Dict, Optional, Sequence

from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf


class StackedMLP(snt.Module):
  """A stack of K perceptrons of equal shape, computed by batched products.

  Maps `[K, N, D]` to `[K, N, output_size]`; row k goes through network k alone.
  An input `[1, N, D]` goes through all networks. The activation is between the
  layers, and not after the last. With `num_tasks=1` it is an ordinary
  perceptron.
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
    """Makes all variables at once, before the first call.

    Args:
      num_tasks: K, the number of tasks.
      input_size: D, the size of an input.
      hidden_sizes: the number of units of each hidden layer.
      output_size: the number of units of the last layer.
      output_scale: the factor of the last layer's orthogonal weights for
        'tanh'; the bound of its uniform weights for 'relu'.
      rng: the generator that the initial weights are drawn from. Networks that
        share a generator differ; networks with two generators of the same seed
        start with the same weights.
      name: the name of the module, which also prefixes the variables' names.
      activation: 'tanh', with orthogonal initial weights; or 'relu', with
        uniform initial weights of variance 2 / fan_in (He et al. 2015), except
        in the last layer.
    """
    super().__init__(name=name)
    self._activation = {'tanh': tf.tanh, 'relu': tf.nn.relu}[activation]
    sizes = [input_size, *hidden_sizes, output_size]
    self.weights, self.biases = [], []
    for i, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:])):
      scale = output_scale if i == len(sizes) - 2 else None
      weight = np.stack(
          [
              _initial[activation](rng, fan_in, fan_out, scale)
              for _ in range(num_tasks)
          ]
      )
      self.weights.append(tf.Variable(weight.astype(np.float32), name=f'w{i}'))
      self.biases.append(
          tf.Variable(tf.zeros([num_tasks, 1, fan_out]), name=f'b{i}')
      )

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
      if i > 0:
        x = self._activation(x)
      x = tf.matmul(x, weight) + bias
    return x


def _orthogonal(
    rng: np.random.Generator, rows: int, cols: int, scale: Optional[float]
) -> np.ndarray:
  """Draws a matrix with orthogonal rows or columns (Saxe et al. 2014)."""
  normal = rng.standard_normal((max(rows, cols), min(rows, cols)))
  q, r = np.linalg.qr(normal)
  q *= np.sign(np.diag(r))
  return (np.sqrt(2.0) if scale is None else scale) * (
      q if rows >= cols else q.T
  )


def _uniform(
    rng: np.random.Generator, rows: int, cols: int, scale: Optional[float]
) -> np.ndarray:
  bound = np.sqrt(6.0 / rows) if scale is None else scale
  return rng.uniform(-bound, bound, (rows, cols))


# The functions that draw a layer's weights, by activation. Their scale is None
# for all layers except the last.
_initial = {'tanh': _orthogonal, 'relu': _uniform}


ARCHITECTURES = ('shared', 'multi_head', 'separate')


class TaskMLP(snt.Module):
  """A function of each task with C copies, `[K, N, D]` to `[C, K, N, O]`.

  | architecture | network of task k's rows                             |
  |--------------|------------------------------------------------------|
  | 'shared'     | one network for all tasks                            |
  | 'multi_head' | one network for all tasks, except the last layer,    |
  |              | which is task k's (Yu et al. 2020, multi-task        |
  |              | multi-head)                                          |
  | 'separate'   | task k's own network                                 |

  ReLU between layers. The copies, such as twin critics, differ in their initial
  weights, and are computed by one product.
  """

  def __init__(
      self,
      num_tasks: int,
      input_size: int,
      hidden_sizes: Sequence[int],
      output_size: int,
      *,
      architecture: str,
      observes_task: bool,
      num_copies: int,
      output_scale: float,
      rng: np.random.Generator,
      name: str,
  ):
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      input_size: D, the size of an input.
      hidden_sizes: the number of units of each hidden layer; at least one
        layer.
      output_size: O, the size of an output.
      architecture: one of `ARCHITECTURES`.
      observes_task: True to append the task's one-hot to the input.
      num_copies: C, the number of copies.
      output_scale: the bound of the last layer's initial weights.
      rng: the generator that the initial weights are drawn from.
      name: the name of the module.

    Raises:
      ValueError: if the architecture is unknown, or there is no hidden layer.
    """
    super().__init__(name=name)
    if architecture not in ARCHITECTURES:
      raise ValueError(
          f'architecture must be one of {ARCHITECTURES}, got '
          f'{architecture!r}.'
      )
    if not hidden_sizes:
      raise ValueError('hidden_sizes must have at least one layer, got none.')
    self.observes_task = observes_task
    self.num_layers = len(hidden_sizes) + 1
    self._architecture = architecture
    self._num_tasks = num_tasks
    self._num_copies = num_copies
    self._input_size = input_size
    trunk_sizes = (
        input_size + (num_tasks if observes_task else 0),
        *hidden_sizes,
    )
    self._trunk = StackedMLP(
        num_copies * (num_tasks if architecture == 'separate' else 1),
        trunk_sizes[0],
        trunk_sizes[1:-1],
        trunk_sizes[-1],
        activation='relu',
        # The trunk's last layer is a hidden layer like the others.
        output_scale=np.sqrt(6.0 / trunk_sizes[-2]),
        rng=rng,
        name='trunk',
    )
    self._heads = StackedMLP(
        num_copies * (1 if architecture == 'shared' else num_tasks),
        trunk_sizes[-1],
        (),
        output_size,
        activation='relu',
        output_scale=output_scale,
        rng=rng,
        name='heads',
    )

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `[K, N, D]`, where row k is of task k, to `[C, K, N, O]`.

    Raises:
      ValueError: if the shape is wrong.
    """
    num_copies, num_tasks = self._num_copies, self._num_tasks
    checks.has_shape(self.name, [num_tasks, None, self._input_size], x=x)
    num_rows = tf.shape(x)[1]
    if self.observes_task:
      tasks = tf.broadcast_to(
          tf.eye(num_tasks)[:, tf.newaxis], [num_tasks, num_rows, num_tasks]
      )
      x = tf.concat([x, tasks], axis=-1)
    if self._architecture == 'separate':
      x = tf.tile(x, [num_copies, 1, 1])
    else:
      # One product over all rows: the weights are the same for every task.
      x = tf.reshape(x, [1, -1, x.shape[-1]])
    x = tf.nn.relu(self._trunk(x))
    if self._architecture == 'multi_head':
      x = tf.reshape(x, [num_copies * num_tasks, num_rows, x.shape[-1]])
    y = self._heads(x)
    return tf.reshape(y, [num_copies, num_tasks, num_rows, y.shape[-1]])

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that `networks.acting.squashed` needs, by name."""
    weights = [*self._trunk.weights, *self._heads.weights]
    biases = [*self._trunk.biases, *self._heads.biases]
    return {
        f'{kind}{i}': variable
        for kind, variables in (('w', weights), ('b', biases))
        for i, variable in enumerate(variables)
    }
