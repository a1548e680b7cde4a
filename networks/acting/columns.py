"""Acts with a policy made of columns, in NumPy."""

import dataclasses
from typing import Any, Dict, NamedTuple, Optional, Tuple

from distillery.networks.acting import gaussian
from distillery.networks.acting import perceptron
import numpy as np

_LOG_2PI = float(np.log(2.0 * np.pi))


class Selected(NamedTuple):
  """What U units need of the parameters."""

  shared: perceptron.Column
  shared_std: np.ndarray  # [A]
  task: Optional[perceptron.Column]
  task_std: Optional[np.ndarray]  # [U, 1, A]; of two columns, its bound


@dataclasses.dataclass(frozen=True)
class ColumnPolicy:
  """The NumPy twin of `networks.columns.ColumnPolicy`.

  Attributes:
    which: 'task' acts with pi_k, 'shared' with pi_0.
    architecture: 'shared', 'separate' or 'two_column'.
    is_discrete: whether actions are discrete.
    action_size: A; the number of actions if they are discrete.
    alpha: power of pi_0 in the two-column task policy.
    num_layers: layers of a column.
    shared_observes_task: whether the shared column sees the task's one-hot.
    precision_offset: added to a column's precision before the softplus.
    max_deviation: normalised observations are clipped to it.
    low: A lower bounds that the environment clips continuous actions to; empty:
      it does not clip them.
    high: A upper bounds.
    noise_color: of a Gaussian policy's noise over the steps of an unroll, see
      `acting.gaussian.colored_noise`; log-probabilities are each step's alone.
    task_observes_task: whether the tasks' columns see the task's one-hot.
  """

  which: str
  architecture: str
  is_discrete: bool
  action_size: int
  alpha: float
  num_layers: int
  shared_observes_task: bool
  precision_offset: float
  max_deviation: float
  low: Tuple[float, ...] = ()
  high: Tuple[float, ...] = ()
  noise_color: float = 0.0
  task_observes_task: bool = False

  state_size = 0  # No memory.

  def to_json(self) -> Dict[str, Any]:
    """What `from_json` makes this policy from."""
    return {'class': type(self).__name__, **dataclasses.asdict(self)}

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    return len(parameters['task/w0']), parameters['shared/mean'].shape[-1]

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
    """Gathers the weights of the tasks `[U]`; once a parameter refresh."""
    if self.which == 'task' or self.shared_observes_task:
      task_index = perceptron.checked_tasks(
          task_index, self.sizes(parameters)[0]
      )
    shared = (
        self._select_shared(parameters, task_index),
        np.exp(parameters['shared/log_std']),
    )
    if self.which == 'shared':  # A held-out task has no column of its own.
      return Selected(*shared, task=None, task_std=None)
    std = 'max_log_std' if self.architecture == 'two_column' else 'log_std'
    return Selected(
        *shared,
        self._select_task(parameters, task_index),
        np.exp(parameters[f'task/{std}'][task_index]),
    )

  def draw_noise(
      self, rng: np.random.Generator, num_steps: int, num_rows: int
  ) -> np.ndarray:
    """Normal, or Gumbel if discrete: `[num_steps, num_rows, A]`."""
    shape = (num_steps, num_rows, self.action_size)
    if self.is_discrete:
      return rng.gumbel(size=shape).astype(np.float32)
    return gaussian.colored_noise(rng, shape, self.noise_color)

  def sample(
      self,
      selected: Selected,
      observation: np.ndarray,
      noise: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Draws actions.

    Args:
      selected: from `select_tasks`.
      observation: `[U, C, D]` float32.
      noise: `[U, C, A]` of `draw_noise`.

    Returns:
      Actions, `[U, C, A]` float32 (`[U, C]` int32 if discrete), and their
      log-probabilities, `[U, C]` float32.
    """
    if self.is_discrete:
      logits = self._logits(selected, observation)
      action = np.argmax(logits + noise, axis=-1)
      log_prob = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
      chosen = np.take_along_axis(log_prob, action[..., np.newaxis], -1)
      return action.astype(np.int32), chosen[..., 0]
    mean, std = self._mean_and_std(selected, observation)
    log_prob = -(0.5 * np.square(noise) + np.log(std) + 0.5 * _LOG_2PI)
    return mean + std * noise, log_prob.sum(axis=-1)

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    """What to do without noise, `[U, C, A]` (`[U, C]` int32 if discrete).

    The most likely discrete action; the mean of what the environment executes,
    E[clip(a, low, high)], if actions are continuous. Where the noise is wide
    the mean of the Gaussian itself, clipped, pushes harder than the policy ever
    did on average, and overshoots.
    """
    if self.is_discrete:
      return np.argmax(self._logits(selected, observation), axis=-1).astype(
          np.int32
      )
    mean, std = self._mean_and_std(selected, observation)
    return (
        mean
        if not self.low
        else gaussian.clipped_mean(
            mean, std, np.array(self.low), np.array(self.high)
        )
    )

  def _select_shared(self, parameters, task_index) -> perceptron.Column:
    # Weights that all units share stay views; the one-hot of the task selects
    # a row of the first layer, which is added to the bias instead.
    weights = [parameters[f'shared/w{i}'][0] for i in range(self.num_layers)]
    biases = [parameters[f'shared/b{i}'] for i in range(self.num_layers)]
    mean = parameters['shared/mean']
    if self.shared_observes_task:
      size = mean.shape[-1]
      biases[0] = biases[0] + weights[0][size + task_index][:, np.newaxis]
      weights[0] = np.ascontiguousarray(weights[0][:size])
    return perceptron.Column(
        mean, parameters['shared/inverse_std'], weights, biases
    )

  def _select_task(self, parameters, task_index) -> perceptron.Column:
    mean, inverse_std = parameters['task/mean'], parameters['task/inverse_std']
    if len(mean) > 1:  # Not one row, of statistics that are pooled.
      mean, inverse_std = mean[task_index], inverse_std[task_index]
    weights, biases = (
        [
            parameters[f'task/{kind}{i}'][task_index]
            for i in range(self.num_layers)
        ]
        for kind in 'wb'
    )
    if self.task_observes_task:
      size = mean.shape[-1]
      rows = weights[0][np.arange(len(task_index)), size + task_index]
      biases[0] = biases[0] + rows[:, np.newaxis]
      weights[0] = np.ascontiguousarray(weights[0][:, :size])
    return perceptron.Column(mean, inverse_std, weights, biases)

  def _forward(
      self, column: perceptron.Column, observation: np.ndarray
  ) -> np.ndarray:
    x = perceptron.standardized(
        observation, column.mean, column.inverse_std, self.max_deviation
    )
    return perceptron.perceptron(x, column.weights, column.biases, np.tanh)

  def _logits(self, selected: Selected, observation) -> np.ndarray:
    if selected.task is None:
      return self._forward(selected.shared, observation)
    g = self._forward(selected.task, observation)
    if self.architecture == 'separate':
      return g
    return self.alpha * self._forward(selected.shared, observation) + g

  def _mean_and_std(
      self, selected: Selected, observation
  ) -> Tuple[np.ndarray, np.ndarray]:
    if selected.task is None or selected.task_std is None:
      return self._forward(selected.shared, observation), selected.shared_std
    g = self._forward(selected.task, observation)
    if self.architecture == 'separate':
      return g, selected.task_std
    # ops.gaussians.tempered_product.
    natural_mean, raw = np.split(g, 2, axis=-1)
    prior_precision = self.alpha / np.square(selected.shared_std)
    precision = prior_precision + np.logaddexp(
        np.float32(0.0), raw + self.precision_offset
    )
    h = self._forward(selected.shared, observation)
    mean = (prior_precision * h + natural_mean) / precision
    return mean, np.minimum(1.0 / np.sqrt(precision), selected.task_std)
