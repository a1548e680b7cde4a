"""Computes the fixed goals of a Meta-World benchmark, without a simulator.

A benchmark such as `metaworld.MT10(seed)` draws 50 random vectors for each task
from one random stream: it seeds NumPy's global generator, builds every
environment, and resets it 50 times. The vectors depend on no simulation, only
on the bounds of each task's random vector and on the vectors that its
`reset_model` refuses. So a private generator draws the same vectors, to the
bit, in milliseconds. A goal is the floats of such a vector, never a pickled
`metaworld.Task`.
"""

import functools
import types
from typing import Any, Dict, Sequence, Tuple, Type

import numpy as np

# The value of metaworld._N_GOALS, for train tasks and for test tasks.
NUM_GOALS = 50

# reset() runs reset_model twice, so each of the 50 goals takes two draws. The
# second one is kept.
_DRAWS_PER_RESET = 2

# reset_model draws again while vector[:2] and vector[3:5] (the object and the
# goal on the table) are closer than this, in metres.
_MIN_DISTANCE = {
    'assembly-v3': 0.1,
    'basketball-v3': 0.15,
    'box-close-v3': 0.25,
    'coffee-pull-v3': 0.15,
    'coffee-push-v3': 0.15,
    'disassemble-v3': 0.1,
    'hand-insert-v3': 0.15,
    'peg-insert-side-v3': 0.1,
    'pick-out-of-hole-v3': 0.15,
    'pick-place-v3': 0.15,
    'pick-place-wall-v3': 0.15,
    'push-back-v3': 0.15,
    'push-v3': 0.15,
    'push-wall-v3': 0.15,
    'reach-v3': 0.15,
    'reach-wall-v3': 0.15,
    'shelf-place-v3': 0.1,
    'soccer-v3': 0.15,
    'stick-pull-v3': 0.1,
    'stick-push-v3': 0.1,
}
# For this task the second point is the constant `goal` of the class.
_MIN_DISTANCE_TO_FIXED_GOAL = {'sweep-into-v3': 0.15}


def task_class(task_name: str) -> Type[Any]:
  """Returns the stock environment class of a task, e.g. of 'reach-v3'.

  Raises:
    ValueError: if there is no such task.
  """
  # Imported here, as it takes a second and 40 MB, and the description of a
  # suite does not need it.
  from distillery.environments import rendering  # noqa: F401
  from metaworld import env_dict

  if task_name not in env_dict.ALL_V3_ENVIRONMENTS:
    raise ValueError(
        f'task_name: got {task_name!r}, want one of '
        f'{sorted(env_dict.ALL_V3_ENVIRONMENTS)}'
    )
  return env_dict.ALL_V3_ENVIRONMENTS[task_name]


@functools.cache
def _unsimulated(task_name: str) -> Any:
  """Returns an instance of a task's class that has loaded no simulator.

  The bounds that we want are set in each class's `__init__`, after it has
  called the one of its superclass. A class placed between the two in the method
  resolution order receives that call and loads nothing.
  """
  from distillery.environments import rendering  # noqa: F401
  from metaworld import sawyer_xyz_env

  class WithoutSimulator(sawyer_xyz_env.SawyerXYZEnv):

    def __init__(
        self,
        *,
        hand_low: Any = (-0.2, 0.55, 0.05),
        hand_high: Any = (0.2, 0.75, 0.3),
        **unused_kwargs: Any,
    ):
      # Some constructors compute their bounds from the hand's, ...
      self.hand_low = np.array(hand_low)
      self.hand_high = np.array(hand_high)
      # ... and some look up a joint of the model, which no bound depends on.
      joint = types.SimpleNamespace(
          qposadr=np.zeros(1, np.int32), dofadr=np.zeros(1, np.int32)
      )
      self.model = types.SimpleNamespace(joint=lambda name: joint)

  stock = task_class(task_name)
  return type('Unsimulated' + stock.__name__, (stock, WithoutSimulator), {})()


def is_refused(task_name: str, vector: np.ndarray) -> bool:
  """Returns whether the task's `reset_model` would refuse a vector.

  It would then draw again. With a fixed vector, it would draw the same one for
  ever.

  Args:
    task_name: the name of the task, e.g. 'push-v3'.
    vector: the task's random vector, float64 [V].

  Returns:
    True if the object and the goal on the table are too close.
  """
  if task_name in _MIN_DISTANCE:
    distance = np.linalg.norm(vector[:2] - vector[3:5])
    return bool(distance < _MIN_DISTANCE[task_name])
  if task_name in _MIN_DISTANCE_TO_FIXED_GOAL:
    goal = _unsimulated(task_name).goal
    distance = np.linalg.norm(vector[:2] - goal[:2])
    return bool(distance < _MIN_DISTANCE_TO_FIXED_GOAL[task_name])
  return False


def check_vector(task_name: str, vector: Sequence[float]) -> np.ndarray:
  """Checks a goal vector and copies it to float64.

  Args:
    task_name: the name of the task, e.g. 'push-v3'.
    vector: the task's random vector [V], usually the positions of object and
      goal in metres.

  Returns:
    The copy, float64 [V].

  Raises:
    ValueError: if the vector has the wrong length, is not finite, or is one on
      which the task's reset would loop for ever.
  """
  checked = np.array(vector)
  if checked.dtype.kind not in 'fiu':
    raise ValueError(
        f'goal of {task_name}: got dtype {checked.dtype}, want floats'
    )
  checked = checked.astype(np.float64)
  size = _unsimulated(task_name)._random_reset_space.low.size
  if checked.shape != (size,):
    raise ValueError(
        f'goal of {task_name}: got shape {checked.shape}, want ({size},)'
    )
  if not np.all(np.isfinite(checked)):
    raise ValueError(f'goal of {task_name}: got {checked}, want finite numbers')
  if is_refused(task_name, checked):
    raise ValueError(
        f'goal of {task_name}: got {checked}, want the object and the goal at '
        'least '
        f'{ {**_MIN_DISTANCE, **_MIN_DISTANCE_TO_FIXED_GOAL}[task_name]} m '
        'apart on the table; the reset of this task would never end'
    )
  return checked


def _draw(task_name: str, random: np.random.RandomState) -> np.ndarray:
  space = _unsimulated(task_name)._random_reset_space
  while True:
    vector = random.uniform(space.low, space.high, size=space.low.size).astype(
        np.float64
    )
    if not is_refused(task_name, vector):
      return vector


@functools.lru_cache(maxsize=32)
def make_goals(task_names: Tuple[str, ...], seed: int) -> Dict[str, np.ndarray]:
  """Returns the goals of a Meta-World benchmark.

  Args:
    task_names: the names of all tasks of the benchmark, in its order, as they
      share one random stream.
    seed: the benchmark's seed, in [0, 2**32).

  Returns:
    The goals by the task's name, float64 [50, V] each, where V is the length of
    the task's random vector.
  """
  random = np.random.RandomState(seed)
  goals = {}
  for task_name in task_names:
    draws = [
        _draw(task_name, random) for _ in range(_DRAWS_PER_RESET * NUM_GOALS)
    ]
    goals[task_name] = np.stack(draws[_DRAWS_PER_RESET - 1 :: _DRAWS_PER_RESET])
    goals[task_name].setflags(write=False)
  return goals
