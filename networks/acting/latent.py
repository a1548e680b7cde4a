"""Acts with a policy that depends on a latent of the task, in NumPy."""

import dataclasses
import math
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from distillery.networks.acting import perceptron
from distillery.networks.acting import protocol
import numpy as np

_LOG_2PI = math.log(2.0 * math.pi)


class Selected(NamedTuple):
  """The parameters that U units need."""

  mean: np.ndarray  # The mean of the observations, [D].
  inverse_std: np.ndarray  # 1 / their standard deviation, [D].
  weights: List[np.ndarray]  # Each layer's weights, [D, H].
  biases: List[np.ndarray]  # [U, 1, H] in the first layer, then [1, H].


@dataclasses.dataclass(frozen=True)
class LatentPolicy(protocol.ActingPolicy):
  """The policy pi(a | s, z_k): a deterministic action plus noise.

  It is an `acting.ActingPolicy`.

  Attributes:
    latents: the name of the parameter that holds each task's z, `[K, L]`.
    num_layers: the number of layers of the network.
    noise_std: the standard deviation of the Gaussian noise in the unit
      box, >= 0.
    low: the A lower bounds of actions, finite.
    high: the A upper bounds of actions, finite.
  """

  latents: str
  num_layers: int
  noise_std: float
  low: Tuple[float, ...]
  high: Tuple[float, ...]

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    return len(parameters[self.latents]), parameters['observation_mean'].size

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
    weights, biases = (
        [parameters[f'policy/{kind}{i}'][0] for i in range(self.num_layers)]
        for kind in 'wb'
    )
    # A latent adds a constant of the task to the first layer: a bias.
    latent = parameters[self.latents]
    latent = latent[perceptron.checked_tasks(task_index, len(latent))]
    size = weights[0].shape[0] - latent.shape[-1]
    biases[0] = (latent @ weights[0][size:] + biases[0])[:, np.newaxis]
    weights[0] = np.ascontiguousarray(weights[0][:size])
    return Selected(
        parameters['observation_mean'].reshape(-1),
        parameters['observation_inverse_std'].reshape(-1),
        weights,
        biases,
    )

  def draw_noise(
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    return rng.standard_normal(
        (num_steps, len(environments), len(self.low)), dtype=np.float32
    )

  def sample(
      self, selected: Selected, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Draws actions in the bounds; log-probabilities are those of the noise."""
    action = (
        self._unit_action(selected, observation)
        + np.float32(self.noise_std) * noise
    )
    log_prob = (-0.5 * np.square(noise) - np.float32(0.5 * _LOG_2PI)).sum(-1)
    return self._stretch(np.clip(action, -1.0, 1.0)), log_prob

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    return self._stretch(self._unit_action(selected, observation))

  def _unit_action(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    x = standardized(observation, selected.mean, selected.inverse_std)
    return np.tanh(
        perceptron.perceptron(
            x, selected.weights, selected.biases, perceptron.relu
        )
    )

  def _stretch(self, action: np.ndarray) -> np.ndarray:
    """Maps actions from the unit box to the bounds."""
    low, high = np.array([self.low, self.high], np.float32)
    return low + 0.5 * (high - low) * (action + 1.0)


def standardized(
    x: np.ndarray, mean: np.ndarray, inverse_std: np.ndarray
) -> np.ndarray:
  """Standardises observations as the networks of the agent do.

  Args:
    x: the observations, `[..., D]`.
    mean: the mean of each entry, `[D]`.
    inverse_std: 1 / standard deviation of each entry, `[D]`.

  Returns:
    The standardised observations, `[..., D]` float32.

  Raises:
    ValueError: if the observations have another size.
  """
  return perceptron.standardized(
      x, mean, inverse_std, perceptron.MAX_DEVIATION
  ).astype(np.float32)


def encode(
    parameters: Mapping[str, np.ndarray], features: np.ndarray
) -> np.ndarray:
  """Applies the encoder that is among the parameters.

  Args:
    parameters: the parameters by name; the encoder's start with 'encoder/'.
    features: the inputs of the encoder, `[..., X]`.

  Returns:
    The outputs of the encoder, `[..., Y]`.
  """
  layers = sum(name.startswith('encoder/w') for name in parameters)
  weights, biases = (
      [parameters[f'encoder/{kind}{i}'][0] for i in range(layers)]
      for kind in 'wb'
  )
  return perceptron.perceptron(features, weights, biases, perceptron.relu)
