"""Policies and values of K tasks: a shared trunk, and a head for each task."""

from typing import Dict, List, Sequence, Union

from distillery.networks.acting import multi_head as acting_multi_head
from distillery.networks.acting import perceptron
from distillery.networks.layers import normalizer
from distillery.networks.layers import perceptrons
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

ARCHITECTURES = ('multi_head', 'separate')


class _Network(snt.Module):
  """A perceptron on standardised observations whose first layers are shared."""

  def __init__(
      self,
      num_tasks: int,
      sizes: Sequence[int],
      num_shared: int,
      output_scale: float,
      rng: np.random.Generator,
      name: str,
  ):
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      sizes: the number of units of the input and of each layer.
      num_shared: the number of layers that all tasks share; 0 if there is none.
      output_scale: the factor of the last layer's initial weights.
      rng: the generator that the initial weights are drawn from.
      name: the name of the module.
    """
    super().__init__(name=name)
    self._num_tasks = num_tasks
    self.trunk = None
    if num_shared:
      self.trunk = perceptrons.StackedMLP(
          1,
          sizes[0],
          sizes[1:num_shared],
          sizes[num_shared],
          output_scale=np.sqrt(2.0),
          rng=rng,
          name='trunk',
      )
    self.heads = perceptrons.StackedMLP(
        num_tasks,
        sizes[num_shared],
        sizes[num_shared + 1 : -1],
        sizes[-1],
        output_scale=output_scale,
        rng=rng,
        name='heads',
    )

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `[K, N, D]` to `[K, N, O]`.

    Raises:
      ValueError: if the number of tasks is another one.
    """
    checks.has_shape(self.name, [self._num_tasks, None, None], x=x)
    if self.trunk is not None:
      # One product over all rows: the weights are the same for every task.
      y = tf.tanh(self.trunk(tf.reshape(x, [1, -1, x.shape[-1]])))
      x = tf.reshape(y, [self._num_tasks, -1, y.shape[-1]])
    return self.heads(x)

  def last(self, num_layers: int) -> List[tf.Variable]:
    """Returns the weights and biases of the last `num_layers` layers."""
    return [
        *self.layers('weights')[-num_layers:],
        *self.layers('biases')[-num_layers:],
    ]

  def layers(self, kind: str) -> List[tf.Variable]:
    """Returns the 'weights' or 'biases', from the first layer to the last."""
    trunk = getattr(self.trunk, kind) if self.trunk is not None else []
    return [*trunk, *getattr(self.heads, kind)]


class MultiHeadPolicy(snt.Module):
  """The policies pi_k = N(head_k(trunk(s)), diag(std_k)^2).

  | architecture | network of task k's rows                               |
  |--------------|--------------------------------------------------------|
  | 'multi_head' | one network for all, except task k's own last layer    |
  | 'separate'   | task k's own network, and statistics of its own states |

  The standard deviations are free vectors, one for each task.
  `networks.acting.multi_head` holds the same policy in NumPy.
  """

  def __init__(
      self,
      num_tasks: int,
      observation_size: int,
      action_size: int,
      *,
      architecture: str,
      hidden_sizes: Sequence[int],
      initial_std: float,
      min_observation_std: float,
      seed: Union[int, np.random.SeedSequence],
  ):
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      observation_size: D, the size of an observation.
      action_size: A, the size of an action.
      architecture: one of `ARCHITECTURES`.
      hidden_sizes: the number of units of each hidden layer; at least one
        layer.
      initial_std: the initial standard deviation of every action, in the
        action's unit, > 0.
      min_observation_std: the least standard deviation that observations are
        divided by, in the observation's unit, > 0.
      seed: the seed of the initial weights.

    Raises:
      ValueError: if the architecture is unknown.
    """
    super().__init__(name='multi_head_policy')
    self.num_tasks = num_tasks
    self._action_size = action_size
    is_shared = _is_shared(architecture)
    self.normalizer = normalizer.RunningNormalizer(
        1 if is_shared else num_tasks,
        observation_size,
        min_std=min_observation_std,
        name='normalizer',
    )
    self._net = _Network(
        num_tasks,
        [observation_size, *hidden_sizes, action_size],
        len(hidden_sizes) if is_shared else 0,
        output_scale=0.01,
        rng=np.random.default_rng(seed),
        name='net',
    )
    self._log_std = tf.Variable(
        tf.fill([num_tasks, 1, action_size], tf.math.log(initial_std)),
        name='log_std',
    )

  def task(self, observation: tf.Tensor) -> tfd.Distribution:
    """Returns the policy pi_k(.|s) for row k of states `[K, N, D]`.

    The distribution has batch shape `[K, N]`.
    """
    mean = self._net(self.normalizer(observation))
    return tfd.Independent(
        tfd.Normal(
            mean, tf.broadcast_to(tf.exp(self._log_std), tf.shape(mean))
        ),
        1,
    )

  def shared_variables(self) -> List[tf.Variable]:
    """Returns the variables of the trunk, none if there is no trunk."""
    return list(getattr(self._net.trunk, 'trainable_variables', ()))

  def task_variables(self) -> List[tf.Variable]:
    """Returns the variables of the heads, each `[K, ...]`."""
    return [*self._net.heads.trainable_variables, self._log_std]

  def last_variables(self, num_layers: int) -> List[tf.Variable]:
    """Returns the variables of the last `num_layers` layers.

    The standard deviations are among them.
    """
    return [*self._net.last(num_layers), self._log_std]

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """Returns the variables that the policy in NumPy needs, by name."""
    return {
        'mean': self.normalizer.mean,
        'inverse_std': self.normalizer.inverse_std,
        'log_std': self._log_std,
        **{
            f'{kind[0]}{i}': variable
            for kind in ('weights', 'biases')
            for i, variable in enumerate(self._net.layers(kind))
        },
    }

  def acting_policy(
      self,
      which: str,
      low: Sequence[float] = (),
      high: Sequence[float] = (),
      noise_colors: Sequence[float] = (),
  ) -> acting_multi_head.MultiHeadPolicy:
    """Returns the same policy in NumPy.

    Args:
      which: ignored, as there are task policies alone; see
        `interfaces.MultiTaskPolicy`.
      low: the A lower bounds to which the environment clips continuous actions;
        empty if it does not clip them.
      high: the A upper bounds, or empty.
      noise_colors: the colors of the noise, >= 0; see
        `acting.gaussian.colored_noise`.

    Returns:
      A policy that acts with the values of `acting_variables`.
    """
    del which
    return acting_multi_head.MultiHeadPolicy(
        action_size=self._action_size,
        num_layers=len(self._net.layers('weights')),
        max_deviation=perceptron.MAX_DEVIATION,
        noise_colors=tuple(noise_colors),
        low=tuple(low),
        high=tuple(high),
    )


class MultiHeadValue(snt.Module):
  """The values V_k(s), with a shared first layer or a network for each task."""

  def __init__(
      self,
      num_tasks: int,
      observation_normalizer: normalizer.RunningNormalizer,
      *,
      architecture: str,
      hidden_sizes: Sequence[int],
      seed: Union[int, np.random.SeedSequence],
  ):
    """Makes all variables.

    Args:
      num_tasks: K, the number of tasks.
      observation_normalizer: the normalizer of the policy, which the value
        shares.
      architecture: one of `ARCHITECTURES`.
      hidden_sizes: the number of units of each hidden layer; at least one
        layer.
      seed: the seed of the initial weights; it must differ from the seed of the
        policy that is used with it.

    Raises:
      ValueError: if the architecture is unknown.
    """
    super().__init__(name='multi_head_value')
    self._normalizer = observation_normalizer
    self._net = _Network(
        num_tasks,
        [observation_normalizer.mean.shape[-1], *hidden_sizes, 1],
        1 if _is_shared(architecture) else 0,
        output_scale=1.0,
        rng=np.random.default_rng(seed),
        name='net',
    )

  def __call__(self, observation: tf.Tensor) -> tf.Tensor:
    """Returns the values `[K, N]` of observations `[K, N, D]`."""
    return tf.squeeze(self._net(self._normalizer(observation)), axis=-1)

  def shared_variables(self) -> List[tf.Variable]:
    """Returns the variables of the trunk, none if there is no trunk."""
    return list(getattr(self._net.trunk, 'trainable_variables', ()))

  def task_variables(self) -> List[tf.Variable]:
    """Returns the variables of the heads, each `[K, ...]`."""
    return list(self._net.heads.trainable_variables)

  def last_variables(self, num_layers: int) -> List[tf.Variable]:
    """Returns the variables of the last `num_layers` layers."""
    return self._net.last(num_layers)


def _is_shared(architecture: str) -> bool:
  if architecture not in ARCHITECTURES:
    raise ValueError(
        f'architecture must be one of {ARCHITECTURES}, got '
        f'{architecture!r}.'
    )
  return architecture == 'multi_head'
