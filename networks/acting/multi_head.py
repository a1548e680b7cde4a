"""Acts with a policy that has one head for each task, in NumPy."""

import dataclasses
from typing import Dict, List, NamedTuple, Sequence, Tuple

from distillery.networks.acting import gaussian
from distillery.networks.acting import perceptron
from distillery.networks.acting import protocol
import numpy as np


class Selected(NamedTuple):
  """The parameters that U units need."""

  # The mean of the observations, [U, 1, D] or [1, 1, D].
  mean: np.ndarray
  inverse_std: np.ndarray  # 1 / their standard deviation, of the same shape.
  weights: List[np.ndarray]  # [U, D, H], or [D, H] if all units share them.
  biases: List[np.ndarray]  # [U, 1, H], or [1, H] if all units share them.
  std: np.ndarray  # The standard deviation of actions, [U, 1, A].


@dataclasses.dataclass(frozen=True)
class MultiHeadPolicy(protocol.ActingPolicy):
  """The NumPy twin of `networks.policies.multi_head.MultiHeadPolicy`.

  Attributes:
    action_size: A, the size of an action.
    num_layers: the number of layers of a network.
    max_deviation: the bound that standardised observations are clipped to.
    noise_colors: the colors of the noise over the steps of an unroll, see
      `acting.gaussian.colored_noise`. Log-probabilities are computed for each
      step alone.
    low: the A lower bounds to which the environment clips actions; empty if it
      does not clip them.
    high: the A upper bounds, or empty.
    prefix: the prefix of the parameters' names.
  """

  action_size: int
  num_layers: int
  max_deviation: float
  noise_colors: Tuple[float, ...] = ()
  low: Tuple[float, ...] = ()
  high: Tuple[float, ...] = ()
  prefix: str = ''

  def sizes(self, parameters: Dict[str, np.ndarray]) -> Tuple[int, int]:
    """Returns the number of tasks K and the size D of an observation."""
    return (
        len(parameters[f'{self.prefix}log_std']),
        parameters[f'{self.prefix}mean'].shape[-1],
    )

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Selected:
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
    action = self._mean(selected, observation) + selected.std * noise
    return action, gaussian.log_prob(noise, selected.std)

  def deterministic(
      self, selected: Selected, observation: np.ndarray
  ) -> np.ndarray:
    """Returns the mean of the actions that the environment executes."""
    mean = self._mean(selected, observation)
    return gaussian.executed_mean(mean, selected.std, self.low, self.high)

  def _mean(self, selected: Selected, observation: np.ndarray) -> np.ndarray:
    x = perceptron.standardized(
        observation, selected.mean, selected.inverse_std, self.max_deviation
    )
    return perceptron.perceptron(x, selected.weights, selected.biases, np.tanh)
