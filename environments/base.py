"""Defines the task environment, the task and the suite of tasks.

The code that steps environments (the pool, the evaluator, the tools) knows only
the types of this module. A suite is a description: it holds specs and
factories, and building one starts no simulator.
"""

import abc
import dataclasses
from typing import Any, Callable, Mapping, Optional, Protocol, Sequence, Tuple

import dm_env
from dm_env import specs
import numpy as np

SPLITS = ('train', 'test')
# The scores by which an evaluation can judge a policy.
SCORES = ('success', 'return')


class TaskEnvironment(dm_env.Environment):
  """A task as a dm_env environment with seeded episodes.

  A time step has a float32 observation [D], a `np.float32` reward and a
  `np.float32` discount. The discount is 0 only at a true termination: a time
  limit gives `StepType.LAST` with discount 1. After LAST, the next `step`
  begins a new episode and ignores its action, as dm_env prescribes.
  """

  @abc.abstractmethod
  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """Begins an episode.

    Args:
      seed: the seed of the episode. It determines everything random in the
        episode, including the choice of the variation. If None, the environment
        draws from the random stream that the factory's seed started.
      variation: the index of one of the fixed goals, in [0, num_variations). If
        None, the index is drawn at random.

    Returns:
      The first time step; its reward and discount are None.

    Raises:
      ValueError: if `variation` is not in [0, num_variations).
    """

  @abc.abstractmethod
  def step(self, action: Any) -> dm_env.TimeStep:
    """Takes one step.

    Args:
      action: the action, float32 [A] within the bounds of `action_spec()`, or
        an int32 scalar if the spec is a DiscreteArray.

    Returns:
      The next time step.

    Raises:
      ValueError: if the action has the wrong shape or type, or is not finite.
    """

  @property
  @abc.abstractmethod
  def success(self) -> bool:
    """Tells whether the latest step solved the task; False after a reset."""

  @property
  def num_variations(self) -> int:
    """The number of fixed goals that `reset(variation=...)` can choose from."""
    return 1

  @abc.abstractmethod
  def observation_spec(self) -> specs.Array:
    """Returns the spec of an observation, a float32 array of shape [D]."""

  @abc.abstractmethod
  def action_spec(self) -> specs.Array:
    """Returns the spec of an action.

    It is a float32 BoundedArray of shape [A], or a DiscreteArray.
    """

  def render(self, *, height: int = 480, width: int = 480) -> np.ndarray:
    """Draws the present state, for films.

    Args:
      height: the wanted height of the picture, in pixels.
      width: the wanted width of the picture, in pixels.

    Returns:
      The picture, uint8 [H, W, 3]. Its size may differ from what was wanted.

    Raises:
      OSError: if nothing can be drawn. The message says why.
    """
    del height, width
    raise OSError(f'cannot draw: {type(self).__name__} has no `render`')

  def reward_spec(self) -> specs.Array:
    """Returns the spec of a reward, a float32 scalar."""
    return specs.Array(shape=(), dtype=np.float32, name='reward')

  def discount_spec(self) -> specs.BoundedArray:
    """Returns the spec of a discount, a float32 scalar in [0, 1]."""
    return specs.BoundedArray(
        shape=(), dtype=np.float32, minimum=0.0, maximum=1.0, name='discount'
    )


def is_index(value: Any, size: int) -> bool:
  """Returns whether a value is an index, that is, an integer in [0, size).

  Args:
    value: the value to check. A bool or a float is not an index.
    size: the number of things that the index can point to.

  Returns:
    True if the value is a Python or NumPy integer in [0, size).
  """
  return (
      isinstance(value, (int, np.integer))
      and not isinstance(value, bool)
      and bool(0 <= value < size)
  )


def check_only_variation(variation: Optional[int]) -> None:
  """Checks the argument of `reset` in an environment with a single variation.

  Raises:
    ValueError: if `variation` is neither None nor 0.
  """
  if variation is not None and not is_index(variation, 1):
    raise ValueError(f'variation: got {variation}, want 0: there is only one')


def check_row(row: Any, num_rows: int) -> None:
  """Checks the index of a row of a batch.

  Args:
    row: the index.
    num_rows: N, the number of rows of the batch.

  Raises:
    ValueError: if `row` is not an integer in [0, num_rows).
  """
  if not is_index(row, num_rows):
    raise ValueError(f'row: got {row}, want an integer in [0, {num_rows})')


class Batch(Protocol):
  """A simulator that steps N environments at once, as arrays."""

  @property
  def observation(self) -> np.ndarray:
    """The present observations, float32 [N, D]."""

  @property
  def success(self) -> np.ndarray:
    """Tells which rows the latest step solved, bool [N]."""

  def render(self, row: int, *, height: int, width: int) -> np.ndarray:
    """Draws the present state of one row; see `TaskEnvironment.render`."""

  def reset(self, row: int, seed: int) -> None:
    """Begins an episode in one row.

    Args:
      row: the index of the row, in [0, N).
      seed: the seed, which determines everything random in the episode.
    """

  def step(
      self, action: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps every row.

    Args:
      action: the actions, int32 [N], or float32 [N, A] within the bounds of
        the suite's action spec.

    Returns:
      The rewards, float32 [N], the discounts, float32 [N], and a bool [N] that
      is True where the episode has ended. The caller resets these rows.
    """


@dataclasses.dataclass(frozen=True)
class Task:
  """A task of a suite.

  Attributes:
    name: the name, unique among the suite's tasks of the same split.
    family: the name of the task's family; tasks of one family share dynamics.
    split: the part of the suite that the task belongs to, 'train' or 'test'.
    factory: a function that makes the environment from a seed. It is pickled
      for the worker processes, so it is a module-level callable or an instance
      of a dataclass.
  """

  name: str
  family: str
  split: str
  factory: Callable[[int], TaskEnvironment]

  def __post_init__(self) -> None:
    if not isinstance(self.name, str) or not self.name:
      raise ValueError(f'Task.name: got {self.name!r}, want a non-empty string')
    if self.split not in SPLITS:
      raise ValueError(
          f'Task.split of {self.name!r}: got {self.split!r}, want one of '
          f'{SPLITS}'
      )
    if not callable(self.factory):
      raise ValueError(
          f'Task.factory of {self.name!r}: got {self.factory!r}, want a '
          'callable that takes a seed'
      )


@dataclasses.dataclass(frozen=True)
class TaskSuite:
  """A named, ordered set of tasks that share one observation and action spec.

  Attributes:
    name: the suite's name, e.g. 'MT10'.
    tasks: the train tasks and the test tasks. The index of a task is its
      position among the tasks of its split.
    observation_spec: the spec of every task's observation, float32 of shape
      [D].
    action_spec: the spec of every task's action, a float32 BoundedArray of
      shape [A] or a DiscreteArray.
    info: facts that a reader of the results needs, by name, e.g. the version of
      the reward function. They are written to the results file.
    horizon: the number of steps of every episode, or None if it varies.
    image_shape: the numbers of rows, columns and channels of the image at the
      beginning of an observation, or None if observations have no image.
    make_batch: a function that takes a list of tasks and makes a simulator with
      one environment for each of them; a task may be in the list several times.
      If None, worker processes step the environments one by one.
    score: the measure of a policy's quality, one of `SCORES`.
    seconds_per_step: the seconds of a step, by which films are played.
    evaluates_samples: whether a policy samples its actions in evaluation as in
      training. If False, it acts without noise, as in Meta-World's protocol.
  """

  name: str
  tasks: Tuple[Task, ...]
  observation_spec: specs.Array
  action_spec: specs.Array
  info: Mapping[str, str] = dataclasses.field(default_factory=dict)
  horizon: Optional[int] = None
  image_shape: Optional[Tuple[int, int, int]] = None
  make_batch: Optional[Callable[[Sequence[Task]], Batch]] = None
  score: str = 'success'
  seconds_per_step: float = 0.05
  evaluates_samples: bool = False

  def __post_init__(self) -> None:
    object.__setattr__(self, 'tasks', tuple(self.tasks))
    object.__setattr__(self, 'info', dict(self.info))
    if not self.train_tasks:
      raise ValueError(
          f'TaskSuite.tasks of {self.name!r}: got {len(self.tasks)} tasks, '
          "none of split 'train'; want at least one"
      )
    if self.score not in SCORES:
      raise ValueError(
          f'TaskSuite.score of {self.name!r}: got {self.score!r}, '
          f'want one of {SCORES}'
      )
    if self.horizon is not None and (
        isinstance(self.horizon, bool)
        or not isinstance(self.horizon, (int, np.integer))
        or self.horizon < 1
    ):
      raise ValueError(
          f'TaskSuite.horizon of {self.name!r}: got {self.horizon!r}, want a '
          'positive integer, or None if episodes vary'
      )
    for split in SPLITS:
      names = [task.name for task in self.tasks if task.split == split]
      duplicates = sorted({name for name in names if names.count(name) > 1})
      if duplicates:
        raise ValueError(
            f'TaskSuite.tasks of {self.name!r}: got {duplicates} more than '
            f'once in split {split!r}, want unique names'
        )

  @property
  def train_tasks(self) -> Tuple[Task, ...]:
    """The train tasks, in order."""
    return tuple(task for task in self.tasks if task.split == 'train')

  @property
  def test_tasks(self) -> Tuple[Task, ...]:
    """The held-out tasks for meta-testing, in order; empty in MT suites."""
    return tuple(task for task in self.tasks if task.split == 'test')
