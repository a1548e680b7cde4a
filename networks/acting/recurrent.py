"""Acting with a policy that has a memory, in NumPy."""

import dataclasses
import math
from typing import Any, Dict, List, Tuple

from distillery.networks.acting import perceptron
import numpy as np

_KERNEL, _STRIDE = 3, 2

# By name; each [D, O], that all units share, or [U, D, O].
Weights = Dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class RecurrentPolicy:
  """The NumPy twin of `networks.recurrent.RecurrentColumnPolicy`.

  An `acting.StatefulPolicy`.

  Attributes:
    which: 'task' acts with pi_k, 'shared' with pi_0.
    architecture: 'shared', 'separate' or 'two_column'.
    alpha: power of pi_0 in the two-column task policy.
    num_actions: A.
    image_shape: of the image that an observation begins with; empty: none.
    num_conv: convolutions.
    num_hidden: layers of the perceptron.
    lstm_size: H.
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
    """S: h and c of each column."""
    return 2 * self.lstm_size * (1 if self.architecture == 'shared' else 2)

  def to_json(self) -> Dict[str, Any]:
    """What `acting.from_json` makes this policy from."""
    return {'class': type(self).__name__, **dataclasses.asdict(self)}

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[float, int]:
    """Returns the number of tasks K and the size D of an observation.

    K is infinite if all tasks share one column, which does not tell them apart.
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
    """Gathers the weights of the tasks `[U]`; once a parameter refresh."""
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
      self, rng: np.random.Generator, num_steps: int, num_rows: int
  ) -> np.ndarray:
    """Gumbel noise, `[num_steps, num_rows, A]`."""
    return rng.gumbel(size=(num_steps, num_rows, self.num_actions)).astype(
        np.float32
    )

  def sample(
      self,
      selected: Dict[str, Weights],
      observation: np.ndarray,
      noise: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws actions.

    Args:
      selected: from `select_tasks`.
      observation: `[U, C, D]` float32.
      noise: `[U, C, A]` of `draw_noise`.
      state: `[U, C, S]`.

    Returns:
      Actions `[U, C]` int32, their log-probabilities `[U, C]` and the new
      state.
    """
    logits, state = self._logits(selected, observation, state)
    action = np.argmax(logits + noise, axis=-1)
    log_prob = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    chosen = np.take_along_axis(log_prob, action[..., np.newaxis], -1)
    return action.astype(np.int32), chosen[..., 0], state

  def deterministic(
      self,
      selected: Dict[str, Weights],
      observation: np.ndarray,
      state: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray]:
    """The most likely actions `[U, C]` int32, and the new state."""
    logits, state = self._logits(selected, observation, state)
    return np.argmax(logits, axis=-1).astype(np.int32), state

  def _logits(self, selected, observation, state):
    parts = np.split(state, state.shape[-1] // self.lstm_size, axis=-1)
    shared, *memory = self._column(selected['shared'], observation, *parts[:2])
    logits = shared
    if self.which == 'task':
      own, *more = self._column(selected['task'], observation, *parts[2:])
      logits = own
      if self.architecture == 'two_column':
        logits = self.alpha * shared + own
      memory += more
    # Columns that do not act remember nothing.
    memory += [np.zeros_like(part) for part in parts[len(memory) :]]
    return logits, np.concatenate(memory, axis=-1)

  def _column(
      self,
      weights: Weights,
      observation: np.ndarray,
      h: np.ndarray,
      c: np.ndarray,
  ) -> List[np.ndarray]:
    """Logits, h and c after a step; recurrent_column.RecurrentColumn."""
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
    gates[..., size : 2 * size] += 1.0  # The forget gate's.
    sigmoid = 0.5 * np.tanh(0.5 * gates) + 0.5
    i, f, o = (sigmoid[..., k * size : (k + 1) * size] for k in (0, 1, 3))
    c = f * c + i * np.tanh(gates[..., 2 * size : 3 * size])
    h = o * np.tanh(c)
    return [_linear(weights, 'output', h), h, c]


def _relu(x: np.ndarray) -> np.ndarray:
  return np.maximum(x, 0.0, out=x)


def _linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
  """`[U, C, ..., D]` by `[D, O]`, or each unit by its own `[U, D, O]`."""
  weight, bias = weights[f'{name}/w'], weights[f'{name}/b']
  lead = x.shape[:-1]
  if weight.ndim == 2:
    y = x.reshape(-1, x.shape[-1]) @ weight + bias
  else:
    y = np.matmul(x.reshape(lead[0], -1, x.shape[-1]), weight) + bias
  return y.reshape(*lead, y.shape[-1])


def _patches(x: np.ndarray) -> np.ndarray:
  """What lies under a convolution, `[U, C, H, W, F]` to `[U, C, P, 9 F]`."""
  view = np.lib.stride_tricks.sliding_window_view
  # NumPy's declaration knows a single axis; the function takes several.
  windows = view(  # type: ignore[call-overload]
      x, (_KERNEL, _KERNEL), axis=(2, 3)
  )
  windows = windows[:, :, ::_STRIDE, ::_STRIDE]
  # [U, C, rows, columns, F, 3, 3]: the channel last, as in the other twin.
  windows = np.moveaxis(windows, 4, 6)
  return windows.reshape(*x.shape[:2], windows.shape[2] * windows.shape[3], -1)
