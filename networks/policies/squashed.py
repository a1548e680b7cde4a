"""Defines stochastic policies of K tasks with actions in a box."""

from typing import Dict, Sequence, Union

from distillery.networks.acting import squashed as acting_squashed
from distillery.networks.layers import perceptrons
from distillery.ops import squashed_gaussians
import numpy as np
import sonnet as snt
import tensorflow as tf

# The bounds of the logarithm of the standard deviation, before the squashing.
MIN_LOG_STD, MAX_LOG_STD = -20.0, 2.0
# The factor on the initial weights of the last layer, so that the policy begins
# with means near 0 and equal standard deviations in every state.
_OUTPUT_SCALE = 1e-3


class SquashedPolicy(snt.Module):
  """The policies pi_k(a|s): Gaussians squashed by tanh.

  See Haarnoja et al. (2018, appendix C). The actions lie in the unit box
  [-1, 1]^A; `acting_policy` stretches them to the bounds of the environment.
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
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      action_size: A, the size of an action.
      architecture: how tasks share layers: 'shared', 'multi_head' or
        'separate', see `layers.perceptrons.TaskMLP`.
      observes_task: True to append the task's one-hot to the observation.
      hidden_sizes: the number of units of each hidden layer; at least one
        layer.
      seed: the seed of the initial weights.

    Raises:
      ValueError: if the architecture is unknown, or there is no hidden layer.
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
    """Draws actions and computes their log-probabilities.

    Args:
      observation: the observations, `[K, N, D]`; row k is of task k.
      noise: standard normal noise, `[K, N, A]`.

    Returns:
      The actions in the unit box, `[K, N, A]`, and their log-probabilities,
      `[K, N]`.

    Raises:
      ValueError: if the shapes disagree.
    """
    mean, log_std = tf.split(self._net(observation)[0], 2, axis=-1)
    return squashed_gaussians.sample(
        mean, tf.clip_by_value(log_std, MIN_LOG_STD, MAX_LOG_STD), noise
    )

  def start(self) -> None:
    """Ends the initial phase in which actors take uniformly random actions.

    From now on `acting_policy` follows the policy.
    """
    self._is_uniform.assign(0.0)

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that the policy in NumPy needs, by name."""
    return {'is_uniform': self._is_uniform, **self._net.acting_variables()}

  def acting_policy(
      self,
      low: Sequence[float],
      high: Sequence[float],
      latents: str = '',
      noise_colors: Sequence[float] = (),
  ) -> acting_squashed.SquashedPolicy:
    """Returns the same policy in NumPy.

    Args:
      low: the A lower bounds of actions, finite.
      high: the A upper bounds of actions, finite.
      latents: the name of the parameter that holds each task's latent, which
        follows the observation; '' if there is none. See
        `acting.squashed.SquashedPolicy`.
      noise_colors: the colors of the noise, >= 0; see
        `acting.gaussian.colored_noise`.

    Returns:
      A policy that acts with the values of `acting_variables`.
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
        noise_colors=tuple(noise_colors),
    )
