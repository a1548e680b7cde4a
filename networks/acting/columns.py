"""Acts with a policy made of columns, in NumPy."""

import dataclasses
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from distillery.networks.acting import categorical
from distillery.networks.acting import gaussian
from distillery.networks.acting import perceptron
from distillery.networks.acting import protocol
import numpy as np


class Selected(NamedTuple):
  """The parameters that U units need.

  Attributes:
    shared: the weights of the shared column.
    shared_std: the standard deviation of pi_0, `[A]`.
    task: the weights of the task columns; None if pi_0 acts.
    task_std: the standard deviation of pi_k, or its upper bound if there are
      two columns, `[U, 1, A]`; None if pi_0 acts.
  """

  shared: perceptron.Column
  shared_std: np.ndarray
  task: Optional[perceptron.Column]
  task_std: Optional[np.ndarray]


@dataclasses.dataclass(frozen=True)
class ColumnPolicy(protocol.ActingPolicy):
  """The NumPy twin of `networks.policies.columns.ColumnPolicy`.

  Attributes:
    which: 'task' to act with pi_k, 'shared' to act with pi_0.
    architecture: 'shared', 'separate' or 'two_column'.
    is_discrete: True if actions are discrete.
    action_size: A, the size of an action, or the number of discrete actions.
    alpha: the power of pi_0 in the two-column task policy, in [0, 1].
    num_layers: the number of layers of a column.
    shared_observes_task: True if the shared column sees the task's one-hot.
    precision_offset: the number that is added to a column's precision before
      the softplus.
    max_deviation: the bound that standardised observations are clipped to.
    low: the A lower bounds to which the environment clips continuous actions;
      empty if it does not clip them.
    high: the A upper bounds, or empty.
    noise_colors: the colors of a Gaussian policy's noise over the steps of an
      unroll, see `acting.gaussian.colored_noise`. Log-probabilities are
      computed for each step alone.
    task_observes_task: True if the task columns see the task's one-hot.
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
  noise_colors: Tuple[float, ...] = ()
  task_observes_task: bool = False

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    return len(parameters['task/w0']), parameters['shared/mean'].shape[-1]

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
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
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    """Draws normal noise, or Gumbel noise if actions are discrete."""
    if self.is_discrete:
      shape = (num_steps, len(environments), self.action_size)
      return rng.gumbel(size=shape).astype(np.float32)
    return gaussian.colored_noise(
        rng, num_steps, environments, self.action_size, self.noise_colors
    )

  def sample(
      self,
      selected: Selected,
      observation: np.ndarray,
      noise: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray]:
    if self.is_discrete:
      return categorical.sample(self._logits(selected, observation), noise)
    mean, std = self._mean_and_std(selected, observation)
    return mean + std * noise, gaussian.log_prob(noise, std)

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    """Returns the most likely action, or the mean of the executed ones."""
    if self.is_discrete:
      return np.argmax(self._logits(selected, observation), axis=-1).astype(
          np.int32
      )
    mean, std = self._mean_and_std(selected, observation)
    return gaussian.executed_mean(mean, std, self.low, self.high)

  def _select_shared(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> perceptron.Column:
    # Weights that all units share stay views. The task's one-hot selects a row
    # of the first layer, so that row is added to the bias instead.
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

  def _select_task(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> perceptron.Column:
    mean, inverse_std = parameters['task/mean'], parameters['task/inverse_std']
    if len(mean) > 1:  # One row would be the pooled statistics.
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

  def _logits(self, selected: Selected, observation: np.ndarray) -> np.ndarray:
    if selected.task is None:
      return self._forward(selected.shared, observation)
    g = self._forward(selected.task, observation)
    if self.architecture == 'separate':
      return g
    return self.alpha * self._forward(selected.shared, observation) + g

  def _mean_and_std(
      self, selected: Selected, observation: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    if selected.task is None or selected.task_std is None:
      return self._forward(selected.shared, observation), selected.shared_std
    g = self._forward(selected.task, observation)
    if self.architecture == 'separate':
      return g, selected.task_std
    # The same as ops.gaussians.tempered_product.
    natural_mean, raw = np.split(g, 2, axis=-1)
    prior_precision = self.alpha / np.square(selected.shared_std)
    precision = prior_precision + np.logaddexp(
        np.float32(0.0), raw + self.precision_offset
    )
    h = self._forward(selected.shared, observation)
    mean = (prior_precision * h + natural_mean) / precision
    return mean, np.minimum(1.0 / np.sqrt(precision), selected.task_std)
