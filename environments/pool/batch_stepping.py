"""Steps a simulator of arrays and checks its inputs and outputs."""

from typing import Any, Callable, NamedTuple, Optional, Sequence, Tuple

from distillery.environments import base
from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import errors
import numpy as np


class Stepped(NamedTuple):
  """The result of a step of N environments.

  Attributes:
    observation: the observations, real numbers [N, D].
    reward: the rewards, real numbers [N].
    discount: the discounts, real numbers [N], in [0, 1].
    ended: whether the episode has ended, bool [N].
    success: whether the step solved the task, bool [N].
  """

  observation: np.ndarray
  reward: np.ndarray
  discount: np.ndarray
  ended: np.ndarray
  success: np.ndarray


def make_batch(
    suite: base.TaskSuite, tasks: Sequence[base.Task], num_each: int
) -> base.Batch:
  """Makes the simulator of some tasks of a suite, each several times.

  Args:
    suite: the suite, which has a `make_batch`.
    tasks: K tasks of the suite.
    num_each: E, the number of environments of each task.

  Returns:
    The batch of K E rows; row k E + e is environment e of task k.

  Raises:
    ValueError: if the suite has no `make_batch`.
  """
  if suite.make_batch is None:
    raise ValueError(
        f'TaskSuite.make_batch of {suite.name!r}: got None, want a function '
        'that makes a simulator of arrays'
    )
  return suite.make_batch([task for task in tasks for _ in range(num_each)])


class Simulation:
  """A checked batch of K tasks with E environments each.

  There are N = K E rows; row k E + e is environment e of task k.
  """

  def __init__(
      self,
      batch: base.Batch,
      suite: base.TaskSuite,
      shape: Tuple[int, int],
      place: Callable[[int], errors.Place],
  ):
    """Initialises the simulation; reset each row before stepping.

    Args:
      batch: the simulator, which has N rows.
      suite: the suite, whose specs the simulator follows.
      shape: (K, E), the numbers of tasks and of environments of each task.
      place: a function from the index of a row to its place in the run, for
        error messages.
    """
    self._batch = batch
    self._place = place
    self._shape = (shape[0] * shape[1], *suite.observation_spec.shape)
    self._gate = number_checks.ActionGate(suite.action_spec, shape)

  @property
  def observation(self) -> np.ndarray:
    """The present observations, real numbers [N, D]."""
    return np.asarray(self._batch.observation)

  def reset(self, row: int, seed: int) -> None:
    """Begins an episode in one row.

    Args:
      row: the index of the row, in [0, N).
      seed: the seed, which determines everything random in the episode.

    Raises:
      errors.PoolError: if the observation is invalid. The message says where.
    """
    self._batch.reset(row, seed)
    try:
      observation = read_observation(self._batch, self._shape)[row]
      if not np.isfinite(observation).all():
        raise number_checks.BadRow(
            row, 'reset left an observation that is not finite'
        )
    except number_checks.BadRow as error:
      raise errors.raised(self._place(row), str(error), '') from None

  def step(
      self, action: np.ndarray, log_prob: Optional[np.ndarray] = None
  ) -> Stepped:
    """Steps every row.

    Args:
      action: the actions, float32 [K, E, A], or integers [K, E].
      log_prob: the log-probabilities of the actions, float [K, E], or None if
        there are none to check.

    Returns:
      The result, arrays [N, ...].

    Raises:
      errors.PoolError: if an action or a returned value is invalid. The message
        says where.
    """
    try:
      return read(
          self._batch,
          self._batch.step(self._gate(action, log_prob)),
          self._shape,
      )
    except number_checks.BadRow as error:
      raise errors.raised(self._place(error.row), str(error), '') from None


def read(batch: base.Batch, returned: Any, shape: Tuple[int, ...]) -> Stepped:
  """Checks the value that a batch's `step` returned, and the batch's state.

  Args:
    batch: the simulator, which has N rows.
    returned: the value that its `step` returned.
    shape: the shape of its observations, (N, D).

  Returns:
    The result of the step.

  Raises:
    number_checks.BadRow: if a value is invalid. If this concerns all rows, the
      error names the first.
  """
  if not isinstance(returned, (tuple, list)) or len(returned) != 3:
    raise number_checks.BadRow(
        0,
        f'step returned {timestep_checks.brief(returned)}, want 3 arrays: '
        'reward, discount, ended',
    )
  reward, discount = (
      _numbers(value, shape[:1], name)
      for value, name in zip(returned, ('reward', 'discount'))
  )
  stepped = Stepped(
      read_observation(batch, shape),
      reward,
      discount,
      _flags(returned[2], shape[:1], 'ended'),
      _flags(batch.success, shape[:1], 'success'),
  )
  number_checks.check_numbers(stepped.observation, reward, discount)
  return stepped


def read_observation(batch: base.Batch, shape: Tuple[int, ...]) -> np.ndarray:
  """Returns the observations of a batch.

  Args:
    batch: the simulator, which has N rows.
    shape: the shape of the observations, (N, D).

  Returns:
    The observations, real numbers [N, D].

  Raises:
    number_checks.BadRow: if the batch has something else.
  """
  return _numbers(batch.observation, shape, 'observation')


def _numbers(value: Any, shape: Tuple[int, ...], what: str) -> np.ndarray:
  array = timestep_checks.real_numbers(value)
  if array is None or array.shape != shape:
    raise number_checks.BadRow(
        0,
        f'the environment returned {timestep_checks.brief(value)} as {what},'
        f' want real numbers of shape {shape}',
    )
  return array


def _flags(value: Any, shape: Tuple[int, ...], what: str) -> np.ndarray:
  array = _numbers(value, shape, what)
  if array.dtype == np.bool_:
    return array
  bad = (array != 0) & (array != 1)
  if bad.any():
    row = int(np.argmax(bad))
    raise number_checks.BadRow(
        row,
        f'the environment returned {array[row]} as {what}, want a bool, '
        'or a number of 0 or 1',
    )
  return array.astype(np.bool_)
