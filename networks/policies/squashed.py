"""Stochastic policies of K tasks with actions in a box."""

from typing import Dict, Sequence, Union

from distillery.networks.acting import squashed as acting_squashed
from distillery.networks.layers import perceptrons
from distillery.ops import squashed_gaussians
import numpy as np
import sonnet as snt
import tensorflow as tf

# Bounds of the logarithm of the standard deviation, before the squashing.
MIN_LOG_STD, MAX_LOG_STD = -20.0, 2.0
_OUTPUT_SCALE = 1e-3


class SquashedPolicy(snt.Module):
  """pi_k(a|s): a Gaussian squashed by tanh (Haarnoja et al. 2018, appendix C).

  Its actions lie in the unit box, [-1, 1]^A; `acting_policy` stretches it to
  the bounds of the environment.
  """

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
  ):
    """Makes all variables.

    Args:
      num_tasks: K.
      observation_size: D.
      action_size: A.
      architecture: what tasks share, see `perceptrons.TaskMLP`.
      observes_task: whether it sees the task's one-hot.
      hidden_sizes: units of each hidden layer.
      seed: of the initial weights.
    """
    super().__init__(name='squashed_policy')
    self.num_tasks = num_tasks
    self.action_size = action_size
    self._net = perceptrons.TaskMLP(
        num_tasks,
        observation_size,
        hidden_sizes,
        2 * action_size,
        architecture=architecture,
        observes_task=observes_task,
        num_copies=1,
        output_scale=_OUTPUT_SCALE,
        rng=np.random.default_rng(seed),
        name='net',
    )
    self._is_uniform = tf.Variable(1.0, trainable=False, name='is_uniform')

  def sample(
      self, observation: tf.Tensor, noise: tf.Tensor
  ) -> squashed_gaussians.SquashedSample:
    """Actions `[K, N, A]` and log-probabilities `[K, N]`.

    Args:
      observation: `[K, N, D]`, row k of task k.
      noise: standard normal, `[K, N, A]`.
    """
    mean, log_std = tf.split(self._net(observation)[0], 2, axis=-1)
    return squashed_gaussians.sample(
        mean, tf.clip_by_value(log_std, MIN_LOG_STD, MAX_LOG_STD), noise
    )

  def start(self) -> None:
    """From now on who acts follows the policy; until then, uniform noise."""
    self._is_uniform.assign(0.0)

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """By name, what `networks.acting.squashed` needs."""
    return {'is_uniform': self._is_uniform, **self._net.acting_variables()}

  def acting_policy(
      self,
      low: Sequence[float],
      high: Sequence[float],
      latents: str = '',
      noise_color: float = 0.0,
  ) -> acting_squashed.SquashedPolicy:
    """The NumPy twin.

    Args:
      low: of actions, A finite numbers.
      high: likewise.
      latents: the parameter that the last entries of an observation come from,
        see `acting.squashed.SquashedPolicy`.
      noise_color: likewise.
    """
    return acting_squashed.SquashedPolicy(
        num_tasks=self.num_tasks,
        action_size=self.action_size,
        num_layers=self._net.num_layers,
        observes_task=self._net.observes_task,
        low=tuple(low),
        high=tuple(high),
        min_log_std=MIN_LOG_STD,
        max_log_std=MAX_LOG_STD,
        latents=latents,
        noise_color=noise_color,
    )
