"""State values of K tasks."""

from typing import Sequence, Union

from distillery.networks import normalizer
from distillery.networks import stacked
import numpy as np
import sonnet as snt
import tensorflow as tf


class StackedValue(snt.Module):
  """V_k(s), one network a task; implements `interfaces.MultiTaskValue`."""

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      *,
      hidden_sizes: Sequence[int],
      scale: float,
      min_observation_std: float,
      seed: Union[int, np.random.SeedSequence],
      name: str = 'stacked_value',
  ):
    """Makes all variables.

    Args:
      num_tasks: K.
      observation_size: D.
      hidden_sizes: of each network.
      scale: the networks' outputs are multiplied by it. 1 / (1 - gamma) lets
        them put out values of the size of a reward.
      min_observation_std: floor of the observations' standard deviation.
      seed: of the initial weights; another than that of the policy beside it.
      name: of the module.
    """
    super().__init__(name=name)
    self.scale = scale
    self._normalizer = normalizer.RunningNormalizer(
        num_tasks, observation_size, min_std=min_observation_std,
        name='normalizer')
    self._net = stacked.StackedMLP(
        num_tasks, observation_size, hidden_sizes, 1, output_scale=0.01,
        rng=np.random.default_rng(seed), name='net')

  def __call__(self, observation: tf.Tensor) -> tf.Tensor:
    """`[K, N, D]` to `[K, N]`, in units of (scaled) return."""
    return self.scale * tf.squeeze(
        self._net(self._normalizer(observation)), axis=-1)

  def observe(self, observation: tf.Tensor) -> None:
    """Updates the observation statistics with `[K, N, D]`."""
    self._normalizer.update(observation)
