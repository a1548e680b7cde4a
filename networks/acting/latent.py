"""Latent-conditioned policies in NumPy."""

import dataclasses
import math
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from distillery.networks.acting import perceptron
import numpy as np

_MAX_DEVIATION = 5.0  # normalizer.MAX_DEVIATION.
_LOG_2PI = math.log(2.0 * math.pi)


class Selected(NamedTuple):
  """What U units need of the parameters."""

  mean: np.ndarray  # [D], of observations
  inverse_std: np.ndarray  # [D]
  weights: List[np.ndarray]  # [D, H]
  biases: List[np.ndarray]  # [U, 1, H], then [1, H]


@dataclasses.dataclass(frozen=True)
class LatentPolicy:
  """pi(a | s, z_k): a deterministic action, and noise around it.

  An `acting.ActingPolicy`.

  Attributes:
    latents: the parameter that holds each task's z, `[K, L]`.
    num_layers: of the network.
    noise_std: of the Gaussian noise, in the unit box; 0: none.
    low: A lower bounds of actions, finite.
    high: A upper bounds.
  """

  latents: str
  num_layers: int
  noise_std: float
  low: Tuple[float, ...]
  high: Tuple[float, ...]

  state_size = 0  # No memory.

  def to_json(self) -> Dict[str, Any]:
    """What `acting.from_json` makes this policy from."""
    return {'class': type(self).__name__, **dataclasses.asdict(self)}

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    return len(parameters[self.latents]), parameters['observation_mean'].size

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
    """Gathers what the tasks `[U]` need; once a parameter refresh."""
    weights, biases = (
        [parameters[f'policy/{kind}{i}'][0] for i in range(self.num_layers)]
        for kind in 'wb'
    )
    # What a latent adds to the first layer is a bias of the task's.
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
      self, rng: np.random.Generator, num_steps: int, num_rows: int
  ) -> np.ndarray:
    """Standard normal, `[num_steps, num_rows, A]`."""
    return rng.standard_normal(
        (num_steps, num_rows, len(self.low)), dtype=np.float32
    )

  def sample(
      self, selected: Selected, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """`[U, C, D]`, `[U, C, A]` to actions `[U, C, A]`, log-probs `[U, C]`.

    Actions stay within the bounds; log-probabilities are those of the noise.
    """
    action = (
        self._unit_action(selected, observation)
        + np.float32(self.noise_std) * noise
    )
    log_prob = (-0.5 * np.square(noise) - np.float32(0.5 * _LOG_2PI)).sum(-1)
    return self._stretch(np.clip(action, -1.0, 1.0)), log_prob

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    """What to do without noise, `[U, C, A]`."""
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
    """From the unit box to the bounds."""
    low, high = np.array([self.low, self.high], np.float32)
    return low + 0.5 * (high - low) * (action + 1.0)


def standardized(
    x: np.ndarray, mean: np.ndarray, inverse_std: np.ndarray
) -> np.ndarray:
  """Observations as the networks see them, float32."""
  return perceptron.standardized(x, mean, inverse_std, _MAX_DEVIATION).astype(
      np.float32
  )


def encode(
    parameters: Mapping[str, np.ndarray], features: np.ndarray
) -> np.ndarray:
  """What an encoder among the parameters makes of features `[..., X]`."""
  layers = sum(name.startswith('encoder/w') for name in parameters)
  weights, biases = (
      [parameters[f'encoder/{kind}{i}'][0] for i in range(layers)]
      for kind in 'wb'
  )
  return perceptron.perceptron(features, weights, biases, perceptron.relu)
