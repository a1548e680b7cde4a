"""Everything a learner does that is not mathematics."""

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
from distillery.agents.core import checkpoints
from distillery.agents.core import errors
from distillery.distributed import quiet
import numpy as np
import tensorflow as tf

_Shapes = Dict[str, Tuple[int, ...]]


class Learner(acme.Learner):
  """Takes a batch from an iterator, steps, counts, and serves variables.

  A subclass implements `_step`, one `tf.function`.
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
      variables: by the name that actors ask for, variables by their own name.
      checkpointables: TensorFlow objects whose variables make up the learner's
        state.
      iterator: gives the batches that `_step` takes, one a step: any structure
        of tensors, a `blocks.Block` for instance.
      counter: counts `learner_steps`.
      jit_compile: whether XLA compiles the step on a CPU, and the copy of the
        variables with it. It is quicker where a step is many small operations,
        and slower where large products are.
    """
    self.checkpointables = dict(checkpointables)
    # Set by `step`: of the latest step, by name.
    self.metrics: Dict[str, float] = {}
    self._variables = variables
    self._iterator = iterator
    self._counter = counter or counting.Counter()
    # Of the learner's own steps; part of its checkpoint.
    self.num_steps = 0
    self._metric_shapes: _Shapes = {}
    # All collections as the last compiled step left them. None before the first
    # step, and where steps are not compiled: `get_variables` copies them then.
    # So what is restored has to be restored before the first step.
    self._copies: Dict[str, tf.Tensor] = {}
    self._jit_compile = jit_compile and not tf.config.get_visible_devices('GPU')
    self._packed_step = tf.function(
        self._pack_step, jit_compile=self._jit_compile
    )
    self._traced_step: Any = None  # Its only trace: batches are all alike.

  @abc.abstractmethod
  def _step(self, batch: Any, step: tf.Tensor) -> Dict[str, tf.Tensor]:
    """One update from one batch; returns metrics, scalars but for flags.

    Args:
      batch: of the iterator.
      step: int32 [], how many steps came before; the seed of all randomness.
    """

  def step(self) -> None:
    """Takes one batch and makes one update.

    Raises:
      TypeError: if the batch has other shapes or types than the first had.
      errors.NonFiniteError: if a metric is NaN or infinite. The variables are
        spoilt then; what can be gone back to is the last checkpoint.
    """
    batch = next(self._iterator)
    # An array: TensorFlow keeps every Python number that it is given, for ever.
    step = np.asarray(self.num_steps, np.int32)
    # XLA tells of the first, when it is compiled.
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
    """What to call for a step.

    To find its trace, a `tf.function` takes the layout of each batch apart, as
    long as a small step takes.
    """
    if tf.config.functions_run_eagerly():
      return self._packed_step
    if self._traced_step is None:
      self._traced_step = self._packed_step.get_concrete_function(batch, step)
    return self._traced_step

  def _pack_step(
      self, batch: Any, step: tf.Tensor
  ) -> Tuple[tf.Tensor, Dict[str, tf.Tensor]]:
    """What `_step` returns, packed, and the variables after it."""
    metrics = self._step(batch, step)
    self._metric_shapes = _shapes(metrics)  # Noted while it is traced.
    return _pack(metrics), {
        name: _pack(variables)
        for name, variables in self._variables.items()
        if self._jit_compile
    }

  def _report(self, metrics: Mapping[str, np.ndarray]) -> Dict[str, float]:
    """What `_step` returned, as numbers; raises as `step` does."""
    numbers = {name: float(value) for name, value in metrics.items()}
    for name, value in numbers.items():
      if not math.isfinite(value):
        raise errors.NonFiniteError(
            f'{name} is {value} in learner step {self.num_steps}; smaller '
            'learning rates or rewards may prevent it.'
        )
    return numbers

  def check_finite(self) -> None:
    """Checks what would be saved.

    The last gradient step of all may have spoilt variables without a trace in
    the metrics, which were computed before it.

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
    """Copies of the named collections, each a dict of float32 arrays.

    Raises:
      ValueError: if there is no such collection.
    """
    unknown = sorted(set(names) - set(self._variables))
    if unknown:
      raise ValueError(
          f'variables: got {unknown}, want some of '
          f'{sorted(self._variables)}.'
      )
    copies = self._copies  # Another thread may be stepping.
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
    update: makes the update of a number, int64 [] from 0 on, and returns its
      metrics.
    num_updates: U, at least 1.

  Returns:
    The means of the metrics over the updates.
  """
  total = update(tf.constant(0, tf.int64))
  for i in tf.range(1, num_updates, dtype=tf.int64):
    metrics = update(i)
    total = {name: total[name] + metrics[name] for name in total}
  return {name: value / num_updates for name, value in total.items()}


def stream(seed: int, number: tf.Tensor) -> tf.Tensor:
  """Returns the seed of TensorFlow's stateless operations, int64 [2].

  Args:
    seed: the learner's.
    number: int [], which of the learner's streams; each is used once.
  """
  return tf.stack([tf.constant(seed, tf.int64), tf.cast(number, tf.int64)])


def _shapes(tensors: Mapping[str, tf.Tensor]) -> _Shapes:
  return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _pack(tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
  """All as one float32 `[M]`.

  Of each tensor that comes back to Python 3.11, TensorFlow 2.15 never frees 48
  bytes (github.com/tensorflow/tensorflow/issues/62551).
  """
  return tf.concat(
      [
          tf.reshape(tf.cast(tensor, tf.float32), [-1])
          for tensor in tensors.values()
      ],
      axis=0,
  )


def _unpack(packed: np.ndarray, shapes: _Shapes) -> Dict[str, np.ndarray]:
  """Views of the parts, by name."""
  ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
  return {
      name: part.reshape(shape)
      for part, (name, shape) in zip(
          np.split(packed, ends[:-1]), shapes.items()
      )
  }
