"""Twin critics of K tasks."""

from typing import Sequence, Union

from distillery.networks import task_mlp
import numpy as np
import sonnet as snt
import tensorflow as tf

_OUTPUT_SCALE = 1e-3


class TwinCritics(snt.Module):
  """Q_1 and Q_2 of each task (Fujimoto et al. 2018)."""

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      action_size: int,
      *,
      architecture: str,
      observes_task: bool,
      hidden_sizes: Sequence[int],
      seed: Union[int, np.random.SeedSequence],
      name: str = 'twin_critics',
  ):
    """Makes all variables; see `SquashedPolicy` for the arguments."""
    super().__init__(name=name)
    self._net = task_mlp.TaskMLP(
        num_tasks, observation_size + action_size, hidden_sizes, 1,
        architecture=architecture, observes_task=observes_task, num_copies=2,
        output_scale=_OUTPUT_SCALE, rng=np.random.default_rng(seed), name='net')

  def __call__(self, observation: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
    """`[K, N, D]` and actions of the unit box `[K, N, A]` to Q `[2, K, N]`."""
    return tf.squeeze(
        self._net(tf.concat([observation, action], axis=-1)), axis=-1)

  def follow(self, other: 'TwinCritics', rate: float) -> None:
    """Moves every variable by a share `rate` of the way to those of another."""
    for own, source in zip(self.trainable_variables, other.trainable_variables):
      own.assign_add(rate * (source - own))
