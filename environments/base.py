"""What a task environment and a suite of tasks are.

Everything that steps environments (the pool, the evaluator, the tools) knows
only these three types. A suite is a description: it holds specs and factories,
and building one starts no simulator.
"""

import abc
import dataclasses
from typing import Any, Callable, Mapping, Optional, Protocol, Sequence, Tuple

import dm_env
from dm_env import specs
import numpy as np

SPLITS = ('train', 'test')
# Columns of evaluations.
SCORES = ('success', 'return')


class TaskEnvironment(dm_env.Environment):
  """One task, as a dm_env environment with seeded episodes.

  Time steps carry a float32 observation [D], a `np.float32` reward and a
  `np.float32` discount. The discount is 0 only at a true termination: a time
  limit gives `StepType.LAST` with discount 1. After LAST, the next `step`
  begins a new episode and its action is ignored, as dm_env prescribes.
  """

  @abc.abstractmethod
  def reset(
      self, *, seed: Optional[int] = None, variation: Optional[int] = None
  ) -> dm_env.TimeStep:
    """Begins an episode.

    Args:
      seed: everything random in the episode, the choice of the variation
        included, is a function of it. None continues the stream begun by the
        seed that the factory was given.
      variation: which of the `num_variations` fixed goals to take. None: drawn.

    Returns:
      The first time step; its reward and discount are None.

    Raises:
      ValueError: if `variation` is not in [0, num_variations).
    """

  @abc.abstractmethod
  def step(self, action: Any) -> dm_env.TimeStep:
    """Takes one step.

    Args:
      action: float32 [A] in the bounds of `action_spec()`, or an int32 scalar
        where the spec is a DiscreteArray.

    Returns:
      The next time step.

    Raises:
      ValueError: if the action has the wrong shape or type, or is not finite.
    """

  @property
  @abc.abstractmethod
  def success(self) -> bool:
    """Whether the latest step solved the task; False after a reset."""

  @property
  def num_variations(self) -> int:
    """How many fixed goals `reset(variation=...)` can choose from."""
    return 1

  @abc.abstractmethod
  def observation_spec(self) -> specs.Array:
    """Float32 array spec, shape [D]."""

  @abc.abstractmethod
  def action_spec(self) -> specs.Array:
    """Float32 BoundedArray [A], or a DiscreteArray."""

  def reward_spec(self) -> specs.Array:
    """Float32 scalar."""
    return specs.Array(shape=(), dtype=np.float32, name='reward')

  def discount_spec(self) -> specs.BoundedArray:
    """Float32 scalar in [0, 1]."""
    return specs.BoundedArray(
        shape=(), dtype=np.float32, minimum=0.0, maximum=1.0, name='discount'
    )


def is_index(value: Any, size: int) -> bool:
  """Returns whether a value is an integer in [0, size), and no bool or float.

  Args:
    value: what somebody counts by.
    size: how many there are.
  """
  return (
      isinstance(value, (int, np.integer))
      and not isinstance(value, bool)
      and bool(0 <= value < size)
  )


def check_only_variation(variation: Optional[int]) -> None:
  """Checks the argument of `reset` where there is one variation.

  Raises:
    ValueError: if another one is wanted.
  """
  if variation is not None and not is_index(variation, 1):
    raise ValueError(f'variation: got {variation}, want 0: there is only one')


def check_row(row: Any, num_rows: int) -> None:
  """Raises ValueError unless `row` is that of one of `num_rows`."""
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

  def reset(self, row: int, seed: int) -> None:
    """Begins an episode in one row, a function of the seed."""

  def step(
      self, action: np.ndarray
  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps every row.

    Args:
      action: int32 [N], or float32 [N, A] in the bounds.

    Returns:
      reward and discount, float32 [N], and whether the episode has ended, bool
      [N]; a row that has ended is to be reset.
    """


@dataclasses.dataclass(frozen=True)
class Task:
  """One task of a suite.

  Attributes:
    name: unique among the suite's tasks of the same split.
    family: what the task is an instance of; tasks of one family share dynamics.
    split: 'train' or 'test'.
    factory: makes the environment from a seed. It is pickled on its way to a
      worker process, so it is a module-level callable or a dataclass.
  """

  name: str
  family: str
  split: str
  factory: Callable[[int], TaskEnvironment]

  def __post_init__(self):
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
  """Named, ordered tasks that share one observation and one action spec.

  Attributes:
    name: the suite's name, e.g. 'MT10'.
    tasks: train tasks and test tasks. A task's index is its position among the
      tasks of its split.
    observation_spec: float32 array spec, shape [D], of every task.
    action_spec: BoundedArray float32 [A] or DiscreteArray, of every task.
    info: what a results file must carry to be read later, e.g. the version of
      the reward function.
    horizon: steps of every episode; None if they vary.
    image_shape: rows, columns and channels of the image that an observation
      begins with; None: it has none.
    make_batch: makes a simulator of one environment for each of the given
      tasks, some of which may be given more than once. None: environments are
      stepped one by one, by worker processes.
    score: what says how good a policy is, one of `SCORES`.
    evaluates_samples: whether policies act in evaluation as they do in
      training. If not, without noise, as in Meta-World's protocol.
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
  evaluates_samples: bool = False

  def __post_init__(self):
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
    """The tasks to learn from, in order."""
    return tuple(task for task in self.tasks if task.split == 'train')

  @property
  def test_tasks(self) -> Tuple[Task, ...]:
    """The tasks held out for meta-testing, in order; empty in MT suites."""
    return tuple(task for task in self.tasks if task.split == 'test')
