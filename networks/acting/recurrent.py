"""Acts with a policy that has a memory, in NumPy."""

import dataclasses
import math
from typing import Dict, List, Sequence, Tuple

from distillery.networks.acting import categorical
from distillery.networks.acting import perceptron
from distillery.networks.acting import protocol
import numpy as np

_KERNEL, _STRIDE = 3, 2

# A column's weights by name, each [D, O] if all units share it, or [U, D, O].
Weights = Dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class RecurrentPolicy(protocol.StatefulPolicy):
  """The NumPy twin of `networks.policies.recurrent.RecurrentColumnPolicy`.

  It is an `acting.StatefulPolicy`.

  Attributes:
    which: 'task' to act with pi_k, 'shared' to act with pi_0.
    architecture: 'shared', 'separate' or 'two_column'.
    alpha: the power of pi_0 in the two-column task policy, in [0, 1].
    num_actions: A, the number of actions.
    image_shape: the rows, columns and channels of the image that an observation
      starts with; empty if there is no image.
    num_conv: the number of convolutions.
    num_hidden: the number of layers of the perceptron.
    lstm_size: H, the number of units of an LSTM.
  """

  which: str
  architecture: str
  alpha: float
  num_actions: int
  image_shape: Tuple[int, ...]
  num_conv: int
  num_hidden: int
  lstm_size: int

  @property
  def state_size(self) -> int:
    """Returns S, the size of an environment's state: h and c of each column."""
    return 2 * self.lstm_size * (1 if self.architecture == 'shared' else 2)

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[float, int]:
    """Returns the number of tasks K and the size D of an observation.

    K is infinite if all tasks share one column, as the parameters then do not
    depend on it.
    """
    num_tasks = (
        np.inf
        if self.architecture == 'shared'
        else len(parameters['task/lstm/w'])
    )
    size = parameters['shared/lstm/w'].shape[1] - self.lstm_size
    if self.num_hidden:
      size -= parameters[f'shared/hidden{self.num_hidden - 1}/b'].shape[-1]
    elif self.num_conv:
      *sides, _ = self.image_shape
      for _ in range(self.num_conv):
        sides = [(side - _KERNEL) // _STRIDE + 1 for side in sides]
      units = parameters[f'shared/conv{self.num_conv - 1}/b'].shape[-1]
      size -= math.prod(sides) * units
    return num_tasks, size + (
        math.prod(self.image_shape) if self.num_conv else 0
    )

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Dict[str, Weights]:
    selected = {
        'shared': {
            name.partition('/')[2]: value[0]
            for name, value in parameters.items()
            if name.startswith('shared/')
        }
    }
    if self.which == 'task':
      task_index = perceptron.checked_tasks(
          task_index, self.sizes(parameters)[0]
      )
      selected['task'] = {
          name.partition('/')[2]: value[task_index]
          for name, value in parameters.items()
          if name.startswith('task/')
      }
    return selected

  def draw_noise(
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    """Draws Gumbel noise."""
    return rng.gumbel(
        size=(num_steps, len(environments), self.num_actions)
    ).astype(np.float32)

  def sample(
      self,
      selected: Dict[str, Weights],
      observation: np.ndarray,
      noise: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    logits, state = self._logits(selected, observation, state)
    return (*categorical.sample(logits, noise), state)

  def deterministic(
      self,
      selected: Dict[str, Weights],
      observation: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray]:
    logits, state = self._logits(selected, observation, state)
    return np.argmax(logits, axis=-1).astype(np.int32), state

  def _logits(
      self,
      selected: Dict[str, Weights],
      observation: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray]:
    parts = np.split(state, state.shape[-1] // self.lstm_size, axis=-1)
    shared, *memory = self._column(selected['shared'], observation, *parts[:2])
    logits = shared
    if self.which == 'task':
      own, *more = self._column(selected['task'], observation, *parts[2:])
      logits = own
      if self.architecture == 'two_column':
        logits = self.alpha * shared + own
      memory += more
    # The state of columns that do not act stays 0.
    memory += [np.zeros_like(part) for part in parts[len(memory) :]]
    return logits, np.concatenate(memory, axis=-1)

  def _column(
      self,
      weights: Weights,
      observation: np.ndarray,
      h: np.ndarray,
      c: np.ndarray,
  ) -> List[np.ndarray]:
    """Returns the logits, h and c of a column after a step.

    This is the NumPy twin of `recurrent_column.RecurrentColumn`.
    """
    rest = x = observation
    if self.num_conv:
      rows, columns, channels = self.image_shape
      size = rows * columns * channels
      rest = observation[..., size:]
      x = observation[..., :size].reshape(
          *observation.shape[:2], rows, columns, channels
      )
      for i in range(self.num_conv):
        x = _relu(_linear(weights, f'conv{i}', _patches(x)))
        rows, columns = (
            (side - _KERNEL) // _STRIDE + 1 for side in (rows, columns)
        )
        x = x.reshape(*x.shape[:2], rows, columns, x.shape[-1])
      x = x.reshape(*x.shape[:2], -1)
    for i in range(self.num_hidden):
      x = _relu(_linear(weights, f'hidden{i}', x))
    parts = [h] if x is rest else [rest, h]
    gates = _linear(weights, 'lstm', np.concatenate([x, *parts], axis=-1))
    size = self.lstm_size
    gates[..., size : 2 * size] += 1.0  # The forget gate.
    sigmoid = 0.5 * np.tanh(0.5 * gates) + 0.5
    i, f, o = (sigmoid[..., k * size : (k + 1) * size] for k in (0, 1, 3))
    c = f * c + i * np.tanh(gates[..., 2 * size : 3 * size])
    h = o * np.tanh(c)
    return [_linear(weights, 'output', h), h, c]


def _relu(x: np.ndarray) -> np.ndarray:
  return np.maximum(x, 0.0, out=x)


def _linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
  """Multiplies `[U, C, ..., D]` by `[D, O]`, or unit by unit by `[U, D, O]`."""
  weight, bias = weights[f'{name}/w'], weights[f'{name}/b']
  lead = x.shape[:-1]
  if weight.ndim == 2:
    y = x.reshape(-1, x.shape[-1]) @ weight + bias
  else:
    y = np.matmul(x.reshape(lead[0], -1, x.shape[-1]), weight) + bias
  return y.reshape(*lead, y.shape[-1])


def _patches(x: np.ndarray) -> np.ndarray:
  """Returns the pixels under a convolution.

  Maps `[U, C, H, W, F]` to `[U, C, P, 9 F]`.
  """
  view = np.lib.stride_tricks.sliding_window_view
  # NumPy's declaration knows a single axis; the function takes several.
  windows = view(  # type: ignore[call-overload]
      x, (_KERNEL, _KERNEL), axis=(2, 3)
  )
  windows = windows[:, :, ::_STRIDE, ::_STRIDE]
  # [U, C, rows, columns, F, 3, 3]; the channel goes last, as in TensorFlow.
  windows = np.moveaxis(windows, 4, 6)
  return windows.reshape(*x.shape[:2], windows.shape[2] * windows.shape[3], -1)
