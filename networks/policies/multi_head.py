"""Policies and values of K tasks with a shared trunk and a head for each."""

from typing import Dict, List, Sequence, Union

from distillery.networks.acting import multi_head as acting_multi_head
from distillery.networks.layers import normalizer
from distillery.networks.layers import perceptrons
from distillery.ops import checks
import numpy as np
import sonnet as snt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

ARCHITECTURES = ('multi_head', 'separate')


class _Network(snt.Module):
  """A perceptron of standardised observations; its first layers are shared."""

  def __init__(
      self,
      num_tasks: int,
      sizes: Sequence[int],
      num_shared: int,
      output_scale: float,
      rng: np.random.Generator,
      name: str,
  ):
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
    """`[K, N, D]` to `[K, N, O]`; raises ValueError for another K."""
    checks.has_shape(self.name, [self._num_tasks, None, None], x=x)
    if self.trunk is not None:
      # One product over all rows: the weights are the same for every task.
      y = tf.tanh(self.trunk(tf.reshape(x, [1, -1, x.shape[-1]])))
      x = tf.reshape(y, [self._num_tasks, -1, y.shape[-1]])
    return self.heads(x)

  def last(self, num_layers: int) -> List[tf.Variable]:
    """Weights and biases of the last layers."""
    return [
        *self.layers('weights')[-num_layers:],
        *self.layers('biases')[-num_layers:],
    ]

  def layers(self, kind: str) -> List[tf.Variable]:
    """'weights' or 'biases', from the first layer to the last."""
    trunk = getattr(self.trunk, kind) if self.trunk is not None else []
    return [*trunk, *getattr(self.heads, kind)]


class MultiHeadPolicy(snt.Module):
  """pi_k = N(head_k(trunk(s)), diag(std_k)^2), and its NumPy twin.

  | architecture | what task k's rows go through                          |
  |--------------|--------------------------------------------------------|
  | 'multi_head' | one network but for the last layer, which is task k's  |
  | 'separate'   | a network of task k's, and statistics of its own states |

  Standard deviations are free vectors, one a task.
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
      num_tasks: K.
      observation_size: D.
      action_size: A.
      architecture: one of `ARCHITECTURES`.
      hidden_sizes: of the hidden layers; at least one.
      initial_std: of every action, in its unit.
      min_observation_std: floor of the observations' standard deviation.
      seed: of the initial weights.

    Raises:
      ValueError: if there is no such architecture.
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
    """pi_k(.|s) of row k, `[K, N, D]` to batch shape `[K, N]`."""
    mean = self._net(self.normalizer(observation))
    return tfd.Independent(
        tfd.Normal(
            mean, tf.broadcast_to(tf.exp(self._log_std), tf.shape(mean))
        ),
        1,
    )

  def shared_variables(self) -> List[tf.Variable]:
    """Those of the trunk; none if there is none."""
    return list(getattr(self._net.trunk, 'trainable_variables', ()))

  def task_variables(self) -> List[tf.Variable]:
    """Those of the heads, each `[K, ...]`."""
    return [*self._net.heads.trainable_variables, self._log_std]

  def last_variables(self, num_layers: int) -> List[tf.Variable]:
    """Those of the last layers, and the standard deviations."""
    return [*self._net.last(num_layers), self._log_std]

  def acting_variables(self) -> Dict[str, tf.Variable]:
    """By name, what `networks.acting.multi_head` needs."""
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
      noise_color: float = 0.0,
  ) -> acting_multi_head.MultiHeadPolicy:
    """The NumPy twin, see `interfaces.MultiTaskPolicy`; of 'task' alone."""
    del which
    return acting_multi_head.MultiHeadPolicy(
        action_size=self._action_size,
        num_layers=len(self._net.layers('weights')),
        max_deviation=normalizer.MAX_DEVIATION,
        noise_color=noise_color,
        low=tuple(low),
        high=tuple(high),
    )


class MultiHeadValue(snt.Module):
  """V_k(s) with a shared first layer, or with a network for each task."""

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
      num_tasks: K.
      observation_normalizer: the policy's.
      architecture: one of `ARCHITECTURES`.
      hidden_sizes: of the hidden layers; at least one.
      seed: of the initial weights; another than that of the policy beside it.

    Raises:
      ValueError: if there is no such architecture.
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
    """`[K, N, D]` to `[K, N]`."""
    return tf.squeeze(self._net(self._normalizer(observation)), axis=-1)

  def shared_variables(self) -> List[tf.Variable]:
    """Those of the trunk; none if there is none."""
    return list(getattr(self._net.trunk, 'trainable_variables', ()))

  def task_variables(self) -> List[tf.Variable]:
    """Those of the heads, each `[K, ...]`."""
    return list(self._net.heads.trainable_variables)

  def last_variables(self, num_layers: int) -> List[tf.Variable]:
    """Those of the last layers."""
    return self._net.last(num_layers)


def _is_shared(architecture: str) -> bool:
  if architecture not in ARCHITECTURES:
    raise ValueError(
        f'architecture must be one of {ARCHITECTURES}, got '
        f'{architecture!r}.'
    )
  return architecture == 'multi_head'
