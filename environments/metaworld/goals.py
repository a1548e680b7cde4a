"""The fixed goals of a Meta-World benchmark, without running a simulator.

`metaworld.MT10(seed)` and its like draw 50 random vectors a task from one
stream: they seed NumPy's global generator, build every environment, and reset
it 50 times. The vectors depend on no simulation: only on the bounds of each
task's random vector and on which vectors its `reset_model` refuses. So the same
vectors, to the bit, come from a private generator in milliseconds. A goal is
the floats of such a vector, never a pickled `metaworld.Task`.
"""

import functools
import types
from typing import Any, Dict, Sequence, Tuple, Type

import numpy as np

# As metaworld._N_GOALS, which it uses for train and for test tasks.
NUM_GOALS = 50

# reset() runs reset_model twice, so each of the 50 goals costs two draws, of
# which the second is the one that is kept.
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
# Here the second point is not drawn but the constant `goal` of the class.
_MIN_DISTANCE_TO_FIXED_GOAL = {'sweep-into-v3': 0.15}


def task_class(task_name: str) -> Type[Any]:
  """The stock environment class of a task, e.g. of 'reach-v3'."""
  # Imported here, and not above: it costs a second and 40 MB, and whoever only
  # describes a suite needs none of it.
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
  """An instance that has run its own constructor but loaded no simulator.

  The bounds that we want are set in each class's `__init__`, after it has
  called its superclass. A class that is placed between the two in the method
  resolution order takes that call and does nothing.
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
      # Some constructors compute their bounds from the hand's ...
      self.hand_low = np.array(hand_low)
      self.hand_high = np.array(hand_high)
      # ... and some look up a joint of the model, on which no bound depends.
      joint = types.SimpleNamespace(
          qposadr=np.zeros(1, np.int32), dofadr=np.zeros(1, np.int32)
      )
      self.model = types.SimpleNamespace(joint=lambda name: joint)

  stock = task_class(task_name)
  return type('Unsimulated' + stock.__name__, (stock, WithoutSimulator), {})()


def is_refused(task_name: str, vector: np.ndarray) -> bool:
  """Whether the task's `reset_model` would draw again on getting `vector`.

  With a frozen vector it would then draw the same one for ever.

  Args:
    task_name: e.g. 'push-v3'.
    vector: float64, in the task's own layout.
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
  """Copies a goal vector to float64 and refuses one that cannot be used.

  Args:
    task_name: e.g. 'push-v3'.
    vector: the task's random vector, usually object and goal position.

  Raises:
    ValueError: if it has the wrong length, is not finite, or is one on which
      the task's reset would loop for ever.
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
  """The goals that a Meta-World benchmark of these tasks has for this seed.

  Args:
    task_names: in the benchmark's order; all its tasks, since they share one
      stream.
    seed: the benchmark's seed, in [0, 2**32).

  Returns:
    For each task float64 [50, V], V being the length of its random vector.
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
