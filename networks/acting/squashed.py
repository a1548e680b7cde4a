"""Acts with a squashed Gaussian policy, in NumPy."""

import dataclasses
import math
from typing import Dict, List, NamedTuple, Sequence, Tuple

from distillery.networks.acting import gaussian
from distillery.networks.acting import perceptron
from distillery.networks.acting import protocol
import numpy as np

_LOG_2, _LOG_2PI = math.log(2.0), math.log(2.0 * math.pi)


class Selected(NamedTuple):
  """The parameters that U units need."""

  weights: List[np.ndarray]  # [U, D, H], or [D, H] if all units share them.
  biases: List[np.ndarray]  # [U, 1, H], or [1, H] if all units share them.
  is_uniform: bool  # True while actions are uniformly random.


@dataclasses.dataclass(frozen=True)
class SquashedPolicy(protocol.ActingPolicy):
  """The NumPy twin of `networks.policies.squashed.SquashedPolicy`.

  It is an `acting.ActingPolicy`. Log-probabilities are those of actions in the
  unit box, before the box is stretched to the bounds.

  Attributes:
    num_tasks: K, the number of tasks.
    action_size: A, the size of an action.
    num_layers: the number of layers of the network.
    observes_task: True if the network sees the task's one-hot.
    low: the A lower bounds of actions, finite.
    high: the A upper bounds of actions, finite.
    min_log_std: the lower bound that the logarithm of the standard deviation is
      clipped to.
    max_log_std: the upper bound that it is clipped to.
    latents: the name of the parameter that holds each task's latent, `[K, L]`,
      which follows the observation; '' if there is none.
    noise_colors: the colors of the noise over the steps of an unroll, see
      `acting.gaussian.colored_noise`. Log-probabilities are computed for each
      step alone.
    is_noisy: True to let `sample` draw actions; False to let it return the
      squashed mean and the log-probability of the mean.
  """

  num_tasks: int
  action_size: int
  num_layers: int
  observes_task: bool
  low: Tuple[float, ...]
  high: Tuple[float, ...]
  min_log_std: float
  max_log_std: float
  latents: str = ''
  noise_colors: Tuple[float, ...] = ()
  is_noisy: bool = True

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    size = parameters['w0'].shape[-2]
    if self.observes_task:
      size -= self.num_tasks
    if not self.latents:
      return self.num_tasks, size
    num_tasks, latent_size = parameters[self.latents].shape
    return num_tasks, size - latent_size

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
    has_heads = len(parameters[f'w{self.num_layers - 1}']) > 1
    if has_heads or self.observes_task or self.latents:
      task_index = perceptron.checked_tasks(
          task_index, self.sizes(parameters)[0]
      )
    weights, biases = (
        [parameters[f'{kind}{i}'] for i in range(self.num_layers)]
        for kind in 'wb'
    )
    first_bias = None
    if self.observes_task:
      # The one-hot selects a row of the first layer, which acts as a bias.
      size = weights[0].shape[1] - self.num_tasks
      own = task_index if len(weights[0]) > 1 else 0
      first_bias = weights[0][own, size + task_index][:, np.newaxis] + (
          biases[0][own] if len(biases[0]) > 1 else biases[0]
      )
      weights[0] = weights[0][:, :size]
    weights, biases = (
        [x[task_index] if len(x) > 1 else x[0] for x in layers]
        for layers in (weights, biases)
    )
    if first_bias is not None:
      biases[0] = first_bias
    if self.latents:
      # A latent also adds a constant of the task to the first layer: a bias.
      latent = parameters[self.latents][task_index]
      size = weights[0].shape[0] - latent.shape[-1]
      biases[0] = (latent @ weights[0][size:] + biases[0])[:, np.newaxis]
      weights[0] = weights[0][:size]
    return Selected(
        [np.ascontiguousarray(x) for x in weights],
        biases,
        bool(parameters['is_uniform']),
    )

  def draw_noise(
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    return gaussian.colored_noise(
        rng, num_steps, environments, self.action_size, self.noise_colors
    )

  def sample(
      self, selected: Selected, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Draws actions, uniform in the box while the parameter 'is_uniform' is 1."""
    if selected.is_uniform and self.is_noisy:
      # The distribution function of a variable, applied to it, is uniform.
      action = _erf(noise / math.sqrt(2.0)).astype(np.float32)
      log_prob = np.full(
          noise.shape[:-1], -self.action_size * _LOG_2, np.float32
      )
      return self._stretch(action), log_prob
    mean, log_std = self._mean_and_log_std(selected, observation)
    if not self.is_noisy:
      noise = np.zeros_like(noise)
    u = mean + np.exp(log_std) * noise
    log_normal = -0.5 * np.square(noise) - log_std - np.float32(0.5 * _LOG_2PI)
    log_slope = 2.0 * (
        np.float32(_LOG_2) - u - np.logaddexp(np.float32(0.0), -2.0 * u)
    )
    return self._stretch(np.tanh(u)), (log_normal - log_slope).sum(axis=-1)

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    """Returns the squashed mean of the policy."""
    mean, _ = self._mean_and_log_std(selected, observation)
    return self._stretch(np.tanh(mean))

  def _mean_and_log_std(
      self, selected: Selected, observation: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    x = perceptron.perceptron(
        observation, selected.weights, selected.biases, perceptron.relu
    )
    mean, log_std = np.split(x, 2, axis=-1)
    return mean, np.clip(log_std, self.min_log_std, self.max_log_std)

  def _stretch(self, action: np.ndarray) -> np.ndarray:
    """Maps actions from the unit box to the bounds."""
    low, high = np.array([self.low, self.high], np.float32)
    return low + 0.5 * (high - low) * (action + 1.0)


_erf = np.vectorize(math.erf, otypes=[np.float64])
