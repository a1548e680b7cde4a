"""Makes fast classes of Meta-World's Sawyer tasks, equal to the stock's bits.

Four fifths of the time of a stock step is Python, not physics. The installed
package is neither edited nor patched. Instead, this module makes for each stock
class `X` a class

    class FastX(X, FastSawyer)        # FastSawyer(SawyerXYZEnv)

`FastSawyer` (fast_base.py) stands between `X` and the common base class in the
method resolution order. So it replaces the methods of the base (stepping,
observations, the caging reward, resets) but not those of `X` itself.

`FastX` holds copies of the methods of `X`. A Python function is a code object
and a dictionary in which it looks up its global names. The copy has the code of
the original and another dictionary, in which `np`, `reward_utils` and
`Rotation` are the fast equivalents of scalar_numpy.py. So the stock reward runs
as written, but calls faster functions. The decorator which asserts that a task
is set is removed.

There are three more changes. `data` is an MjData that caches its named access
(`data.body('hand').xpos`). The model lacks the parts that are only drawn
(models.py). The rewards of MT10 are written again (rewards.py).

A step omits two things that nothing reads: `mj_rnePostConstraint` (forces for
the user) and the positions of the target sites (`mj_forward` overwrites them at
once). It omits nothing that the next step starts from: it keeps the final
`mj_forward`, which leaves the solver's warm start.
"""

import functools
import inspect
import sys
import types
from typing import Any, Callable, Dict, Type

from distillery.environments.metaworld import fast_base
from distillery.environments.metaworld import goals
from distillery.environments.metaworld import rewards
from distillery.environments.metaworld import scalar_numpy


def _rebind(
    function: Callable[..., Any], namespace: Dict[str, Any]
) -> types.FunctionType:
  """Returns a copy of a function that looks up global names in `namespace`."""
  if function.__name__ == 'inner':
    # The decorator assert_task_is_set has made this function.
    enclosed = inspect.getclosurevars(function).nonlocals
    function = enclosed.get('func', function)
  copy = types.FunctionType(
      function.__code__,
      namespace,
      function.__name__,
      function.__defaults__,
      function.__closure__,
  )
  copy.__kwdefaults__ = function.__kwdefaults__
  return copy


@functools.cache
def fast_class(task_name: str) -> Type[fast_base.FastSawyer]:
  """Returns the class `FastX` of a task, e.g. of 'reach-v3'."""
  stock = goals.task_class(task_name)
  namespace = {
      **vars(sys.modules[stock.__module__]),
      **scalar_numpy.namespace(),
  }
  maker = rewards.MAKERS.get(task_name)
  members: Dict[str, Any] = {
      '_hand_states': {},
      '_reward_maker': None if maker is None else staticmethod(maker),
  }
  for name, member in vars(stock).items():
    if isinstance(member, types.FunctionType) and name != '__init__':
      members[name] = _rebind(member, namespace)
    elif isinstance(member, staticmethod):
      members[name] = staticmethod(_rebind(member.__func__, namespace))
    elif isinstance(member, property) and member.fget is not None:
      members[name] = property(_rebind(member.fget, namespace))
  fast = type('Fast' + stock.__name__, (stock, fast_base.FastSawyer), members)
  # Some rewards call static methods of their class by its name.
  namespace[stock.__name__] = fast
  return fast


def make_simulator(
    task_name: str, *, goal_visible: bool, reward_function_version: str
) -> fast_base.FastSawyer:
  """Makes a simulator with its task set, but without a goal.

  Write the goal's vector to `_last_rand_vec` before `reset`.

  Args:
    task_name: the name of the task, e.g. 'reach-v3'.
    goal_visible: whether observations show the goal.
    reward_function_version: the version of the rewards, 'v1' or 'v2'.

  Returns:
    The simulator.
  """
  simulator = fast_class(task_name)(
      reward_function_version=reward_function_version
  )
  # These lines do what set_task does, without its pickle.
  simulator._set_task_called = True
  simulator._freeze_rand_vec = True
  simulator._partially_observable = not goal_visible
  simulator.__dict__.pop('sawyer_observation_space', None)
  simulator._set_task_inner()
  simulator._find_bounds()
  return simulator
