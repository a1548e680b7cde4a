"""Acting with a head for each task, in NumPy."""

import dataclasses
import math
from typing import Any, Dict, List, NamedTuple, Tuple

from distillery.networks.acting import gaussian
from distillery.networks.acting import perceptron
import numpy as np

_LOG_2PI = math.log(2.0 * math.pi)


class Selected(NamedTuple):
  """What U units need of the parameters."""

  mean: np.ndarray  # Of observations, [U, 1, D] or [1, 1, D].
  inverse_std: np.ndarray
  weights: List[np.ndarray]  # [U, D, H], or [D, H] if all units share them.
  biases: List[np.ndarray]
  std: np.ndarray  # [U, 1, A]


@dataclasses.dataclass(frozen=True)
class MultiHeadPolicy:
  """The NumPy twin of `networks.multi_head.MultiHeadPolicy`.

  Attributes:
    action_size: A.
    num_layers: of a network.
    max_deviation: normalised observations are clipped to it.
    noise_color: see `acting.gaussian.colored_noise`; log-probabilities are each
      step's alone.
    low: A lower bounds that the environment clips actions to; empty: it does
      not clip them.
    high: A upper bounds.
    prefix: of the parameters' names.
  """

  action_size: int
  num_layers: int
  max_deviation: float
  noise_color: float = 0.0
  low: Tuple[float, ...] = ()
  high: Tuple[float, ...] = ()
  prefix: str = ''

  state_size = 0  # No memory.

  def to_json(self) -> Dict[str, Any]:
    """What `acting.from_json` makes this policy from."""
    return {'class': type(self).__name__, **dataclasses.asdict(self)}

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    return (
        len(parameters[f'{self.prefix}log_std']),
        parameters[f'{self.prefix}mean'].shape[-1],
    )

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
    """Gathers the weights of the tasks `[U]`; once a parameter refresh."""
    task_index = perceptron.checked_tasks(task_index, self.sizes(parameters)[0])

    def layers(kind: str) -> List[np.ndarray]:
      stacks = [
          parameters[f'{self.prefix}{kind}{i}'] for i in range(self.num_layers)
      ]
      return [
          stack[task_index] if len(stack) > 1 else stack[0] for stack in stacks
      ]

    mean, inverse_std = (
        stack[task_index] if len(stack) > 1 else stack
        for stack in (
            parameters[f'{self.prefix}{name}']
            for name in ('mean', 'inverse_std')
        )
    )
    return Selected(
        mean,
        inverse_std,
        layers('w'),
        layers('b'),
        np.exp(parameters[f'{self.prefix}log_std'][task_index]),
    )

  def draw_noise(
      self, rng: np.random.Generator, num_steps: int, num_rows: int
  ) -> np.ndarray:
    """Normal noise, `[num_steps, num_rows, A]` float32."""
    return gaussian.colored_noise(
        rng, (num_steps, num_rows, self.action_size), self.noise_color
    )

  def sample(
      self, selected: Selected, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """`[U, C, D]`, `[U, C, A]` to action `[U, C, A]`, log-prob `[U, C]`."""
    log_prob = -(0.5 * np.square(noise) + np.log(selected.std) + 0.5 * _LOG_2PI)
    action = self._mean(selected, observation) + selected.std * noise
    return action, log_prob.sum(axis=-1)

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    """The mean of what the environment executes, `[U, C, A]`."""
    mean = self._mean(selected, observation)
    return (
        mean
        if not self.low
        else gaussian.clipped_mean(
            mean, selected.std, np.array(self.low), np.array(self.high)
        )
    )

  def _mean(self, selected: Selected, observation: np.ndarray) -> np.ndarray:
    x = perceptron.standardized(
        observation, selected.mean, selected.inverse_std, self.max_deviation
    )
    return perceptron.perceptron(x, selected.weights, selected.biases, np.tanh)
