"""Fast stepping of Meta-World's Sawyer tasks, equal to the stock to the bit.

Four fifths of a stock step is Python, not physics. Nothing of the installed
package is edited or patched: for each stock class `X` a class is made

    class FastX(X, FastSawyer)        # FastSawyer(SawyerXYZEnv)

in two parts.

`FastSawyer` (sawyer_base.py) stands between `X` and the common base class in
the method resolution order, so it replaces the base's methods (stepping,
observations, the caging reward, resets) and leaves `X`'s own in force.

`FastX` itself holds copies of the methods of `X`. A Python function is a code
object and the dictionary in which it looks its global names up. The copy has
the code of the original and another dictionary, in which `np`, `reward_utils`
and `Rotation` are the quick equals of sawyer_numpy.py. So the stock reward runs
as it was written, and only what it calls is different. The decorator that
asserts that a task is set is left away.

`data` is an MjData whose named access (`data.body('hand').xpos`) is cached; the
model is loaded without what is only drawn (sawyer_model.py); and MT10's rewards
are written out once more (sawyer_rewards.py).

What a step leaves out, because nothing reads it: `mj_rnePostConstraint` (only
forces for the user) and the target sites' positions (`mj_forward` overwrites
them at once). Nothing that the next step starts from is left out: the closing
`mj_forward` stays, since it leaves the solver's warm start behind.
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
  """The same code, looking its global names up in `namespace`."""
  if function.__name__ == 'inner':
    # Made by the assert_task_is_set decorator.
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
  """The class `FastX` of a task, e.g. of 'reach-v3'."""
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
  """A simulator that has its task set, but no goal yet.

  Before `reset`, the goal's vector goes into `_last_rand_vec`.
  """
  simulator = fast_class(task_name)(
      reward_function_version=reward_function_version
  )
  # What set_task does, without its pickle.
  simulator._set_task_called = True
  simulator._freeze_rand_vec = True
  simulator._partially_observable = not goal_visible
  simulator.__dict__.pop('sawyer_observation_space', None)
  simulator._set_task_inner()
  simulator._find_bounds()
  return simulator
