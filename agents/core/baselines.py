"""Makes a random policy, with which a trained policy is compared."""

import dataclasses
from typing import Mapping, Sequence, Tuple

from distillery.networks import acting
from dm_env import specs
import numpy as np


@dataclasses.dataclass(frozen=True)
class RandomPolicy(acting.ActingPolicy):
  """A policy of uniformly random actions.

  Attributes:
    is_discrete: whether actions are discrete.
    action_size: A, the size of an action; the number of actions if they are
      discrete.
    low: the A lower bounds of continuous actions; empty if they are discrete.
    high: the A upper bounds of continuous actions; empty if they are discrete.
  """

  is_discrete: bool
  action_size: int
  low: Tuple[float, ...] = ()
  high: Tuple[float, ...] = ()

  def select_tasks(
      self, parameters: Mapping[str, np.ndarray], task_index: np.ndarray
  ) -> None:
    """Does nothing: there are no parameters to gather."""

  def draw_noise(
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    """Returns uniform numbers in [0, 1), float32 `[num_steps, N, A]`."""
    return rng.random(
        (num_steps, len(environments), self.action_size), np.float32
    )

  def sample(
      self, selected: None, observation: np.ndarray, noise: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Returns actions and log-probabilities, see `ActingPolicy.sample`."""
    if self.is_discrete:
      action = np.argmax(noise, axis=-1).astype(np.int32)
      log_prob = -np.log(self.action_size)
    else:
      low, high = (np.array(x, np.float32) for x in (self.low, self.high))
      action = low + noise * (high - low)
      log_prob = -np.log(high - low).sum()
    return action, np.full(observation.shape[:2], log_prob, np.float32)

  def deterministic(
      self, selected: None, observation: np.ndarray
  ) -> np.ndarray:
    """Raises a ValueError, because all actions of this policy are random."""
    raise ValueError('a random policy has no deterministic action.')


def random_policy(action_spec: specs.Array) -> RandomPolicy:
  """Makes a policy of random actions for a discrete or bounded spec."""
  if isinstance(action_spec, specs.DiscreteArray):
    return RandomPolicy(True, action_spec.num_values)
  return RandomPolicy(
      False,
      action_spec.shape[0],
      *(
          tuple(np.broadcast_to(bound, action_spec.shape).tolist())
          for bound in (action_spec.minimum, action_spec.maximum)
      ),
  )
