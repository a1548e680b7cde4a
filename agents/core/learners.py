"""Runs a learner's compiled step, and counts, checks and serves."""

import abc
import contextlib
import math
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

import acme
from acme.utils import counting
from distillery.agents.core import errors
from distillery.agents.core.run_files import checkpoints
from distillery.distributed import quiet
import numpy as np
import tensorflow as tf

_Shapes = Dict[str, Tuple[int, ...]]


class Learner(acme.Learner):
  """The base class of learners, which learn from an iterator's batches.

  A subclass implements `_step`, which is compiled as one `tf.function`.
  """

  def __init__(
      self,
      *,
      variables: Mapping[str, Mapping[str, tf.Variable]],
      checkpointables: Mapping[str, Any],
      iterator: Iterator[Any],
      counter: Optional[counting.Counter] = None,
      jit_compile: bool = False,
  ):
    """Initialises the learner.

    Args:
      variables: the collections that actors ask for, by name; each has its
        variables by their own names.
      checkpointables: the TensorFlow objects whose variables are the learner's
        state, by name.
      iterator: yields the batch of each step: any structure of tensors, such as
        a `blocks.Block`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
      jit_compile: whether XLA compiles the step on a CPU, and with it the copy
        of the variables. This is faster for steps of many small operations, and
        slower for steps with large matrix products.
    """
    self.checkpointables = dict(checkpointables)
    # The metrics of the latest step, by name.
    self.metrics: Dict[str, float] = {}
    self._variables = variables
    self._iterator = iterator
    self._counter = counter or counting.Counter()
    # The number of this learner's steps; part of its checkpoint.
    self.num_steps = 0
    self._metric_shapes: _Shapes = {}
    # All collections as the last step that XLA compiled left them. If there are
    # none (before the first step, or without XLA), `get_variables` copies.
    # So a checkpoint has to be restored before the first step.
    self._copies: Dict[str, tf.Tensor] = {}
    self._jit_compile = jit_compile and not tf.config.get_visible_devices('GPU')
    self._packed_step = tf.function(
        self._pack_step, jit_compile=self._jit_compile
    )
    self._traced_step: Any = None  # There is one trace: batches are alike.

  @abc.abstractmethod
  def _step(self, batch: Any, step: tf.Tensor) -> Dict[str, tf.Tensor]:
    """Makes one update from one batch.

    Args:
      batch: the iterator's batch.
      step: int32 [], the number of earlier steps; the seed of all randomness.

    Returns:
      The metrics by name. They are scalars, except for flags that `_report`
      removes.
    """

  def step(self) -> None:
    """Takes one batch and makes one update.

    Raises:
      TypeError: if the batch's shapes or types differ from those of the first.
      errors.NonFiniteError: if a metric is NaN or infinite. The variables are
        useless then; the run can be resumed from its last checkpoint.
    """
    batch = next(self._iterator)
    # An array, because TensorFlow never frees a Python number that it is given.
    step = np.asarray(self.num_steps, np.int32)
    # XLA prints a message when it compiles the first step.
    with (
        quiet.quiet_native_code()
        if self._jit_compile and not self.metrics
        else contextlib.nullcontext()
    ):
      packed, self._copies = self._function(batch, step)(batch, step)
    self.metrics = self._report(_unpack(packed.numpy(), self._metric_shapes))
    self.num_steps += 1
    self._counter.increment(learner_steps=1)

  def _function(self, batch: Any, step: np.ndarray) -> Any:
    """Returns the function that makes a step.

    It is the trace itself. To find it, a `tf.function` would look through the
    layout of each batch, which takes as long as a small step.
    """
    if tf.config.functions_run_eagerly():
      return self._packed_step
    if self._traced_step is None:
      self._traced_step = self._packed_step.get_concrete_function(batch, step)
    return self._traced_step

  def _pack_step(
      self, batch: Any, step: tf.Tensor
  ) -> Tuple[tf.Tensor, Dict[str, tf.Tensor]]:
    """Makes a step; returns its metrics and the new variables, both packed."""
    metrics = self._step(batch, step)
    self._metric_shapes = _shapes(metrics)  # Set while TensorFlow traces.
    return _pack(metrics), {
        name: _pack(variables)
        for name, variables in self._variables.items()
        if self._jit_compile
    }

  def _report(self, metrics: Mapping[str, np.ndarray]) -> Dict[str, float]:
    """Returns the metrics of `_step` as numbers; raises as `step` does."""
    numbers = {name: float(value) for name, value in metrics.items()}
    for name, value in numbers.items():
      if not math.isfinite(value):
        raise errors.NonFiniteError(
            f'{name} is {value} in learner step {self.num_steps}; smaller '
            'learning rates or rewards may prevent it.'
        )
    return numbers

  def check_finite(self) -> None:
    """Checks that all variables that a checkpoint saves are finite.

    The metrics were computed before the last gradient step. So they do not show
    whether it made a variable NaN.

    Raises:
      errors.NonFiniteError: if a variable is NaN or infinite.
    """
    for name, variable in checkpoints.variables(self.checkpointables).items():
      if not np.isfinite(variable.numpy()).all():
        raise errors.NonFiniteError(
            f'{name} is not finite after {self.num_steps} learner steps; '
            'smaller learning rates or rewards may prevent it.'
        )

  def get_variables(self, names: Sequence[str]) -> List[Dict[str, Any]]:
    """Returns copies of the named collections, each a dict of float32 arrays.

    Raises:
      ValueError: if there is no such collection.
    """
    unknown = sorted(set(names) - set(self._variables))
    if unknown:
      raise ValueError(
          f'variables: got {unknown}, want some of '
          f'{sorted(self._variables)}.'
      )
    copies = self._copies  # Another thread may make a step meanwhile.
    packed = [
        copies[name] if copies else self._pack_variables(name) for name in names
    ]
    return [
        _unpack(tensor.numpy(), _shapes(self._variables[name]))
        for name, tensor in zip(names, packed)
    ]

  @tf.function
  def _pack_variables(self, name: str) -> tf.Tensor:
    return _pack(self._variables[name])


def mean_of_updates(
    update: Callable[[tf.Tensor], Dict[str, tf.Tensor]], num_updates: int
) -> Dict[str, tf.Tensor]:
  """Makes several updates within one compiled step.

  Args:
    update: the function that makes the update of a given number, int64 [] in
      [0, U), and returns its metrics.
    num_updates: U, the number of updates, at least 1.

  Returns:
    The mean of each metric over the updates.
  """
  total = update(tf.constant(0, tf.int64))
  for i in tf.range(1, num_updates, dtype=tf.int64):
    metrics = update(i)
    total = {name: total[name] + metrics[name] for name in total}
  return {name: value / num_updates for name, value in total.items()}


def stream(seed: int, number: tf.Tensor) -> tf.Tensor:
  """Returns a seed for TensorFlow's stateless operations.

  Args:
    seed: the learner's seed.
    number: int [], the number of the random stream; each is used once.

  Returns:
    The seed, int64 [2].
  """
  return tf.stack([tf.constant(seed, tf.int64), tf.cast(number, tf.int64)])


def _shapes(tensors: Mapping[str, tf.Tensor]) -> _Shapes:
  return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _pack(tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
  """Returns all tensors as one float32 `[M]`.

  One tensor instead of many, because TensorFlow 2.15 never frees 48 bytes of
  each tensor that it returns to Python 3.11
  (github.com/tensorflow/tensorflow/issues/62551).
  """
  return tf.concat(
      [
          tf.reshape(tf.cast(tensor, tf.float32), [-1])
          for tensor in tensors.values()
      ],
      axis=0,
  )


def _unpack(packed: np.ndarray, shapes: _Shapes) -> Dict[str, np.ndarray]:
  """Returns the parts of a packed array, by name, as views."""
  ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
  return {
      name: part.reshape(shape)
      for part, (name, shape) in zip(
          np.split(packed, ends[:-1]), shapes.items()
      )
  }
