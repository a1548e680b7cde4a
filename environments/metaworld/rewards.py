"""Computes the rewards (v2) of MT10's ten tasks on single numbers.

Every other task, and v1, runs Meta-World's own code (see `fast_classes`). These
ten tasks are used most, so here the constants of an episode are computed once.
Each function follows `compute_reward` and `evaluate_state` of the stock class
operation by operation, so the results are equal to the bit. The reasons for the
rewards are explained there.

A maker `f(simulator)` is called after each reset and returns
`evaluate(action, observation) -> (reward, success)`, where `action` is float32
[4] and `observation` is float64 [39]. The "tcp" is the point between the
fingers.
"""

from typing import Any, Callable, Dict, Tuple

from distillery.environments.metaworld import grasping_rewards
from distillery.environments.metaworld import scalar_numpy
import numpy as np

# The simulator's attributes are those of Meta-World, private ones included.

Evaluate = Callable[[np.ndarray, np.ndarray], Tuple[Any, bool]]

_length = scalar_numpy.length
_long_tail = scalar_numpy.long_tail
_gaussian = scalar_numpy.gaussian
_both = scalar_numpy.hamacher_product


def reach(simulator: Any) -> Evaluate:
  """Makes the reward of moving the hand to a point in the air."""
  target = simulator._target_pos
  margin = _length(simulator.hand_init_pos - target)

  def evaluate(action, observation):
    del action, observation
    distance = _length(simulator.tcp_center - target)
    return 10 * _long_tail(distance, 0, 0.05, margin), distance <= 0.05

  return evaluate


def door_open(simulator: Any) -> Evaluate:
  """Makes the reward of opening a door by its handle."""
  target_x = simulator._target_pos.item(0)
  joint = simulator.data.joint('doorjoint').qpos
  offset_xy, offset = np.empty(2), np.empty(3)

  def above_floor(radius, hand_z):
    floor = 0.0 if radius <= 0.12 else 0.04 * np.log(radius - 0.12) + 0.4
    if hand_z >= floor:
      return 1.0
    return _long_tail(floor - hand_z, 0.0, 0.01, floor / 2.0)

  def evaluate(action, observation):
    x, y, z, _, obj_x, door_y, door_z = observation[:7].tolist()
    door_x = obj_x + -0.05
    offset_xy[:] = x - door_x, y - door_y
    offset[:] = x - door_x - 0.05, y - door_y - 0.03, z - door_z - -0.01
    ready = _both(
        above_floor(_length(offset_xy), z),
        _long_tail(_length(offset), 0, 0.12 / 2.0, 0.5),
    )
    theta = joint.item()
    opened = 0.2 * float(theta < -np.pi / 90.0) + 0.8 * _long_tail(
        np.pi / 2.0 + np.pi / 6 - -theta, 0, 0.5, np.pi / 3.0
    )
    grab = float((scalar_numpy.clip(action[3], -1, 1) + 1.0) / 2.0)
    reward = 2.0 * _both(ready, grab) + 8.0 * opened
    success = abs(obj_x - target_x) <= 0.08
    return (10.0 if success else reward), success

  return evaluate


def drawer_open(simulator: Any) -> Evaluate:
  """Makes the reward of pulling a drawer open."""
  target = simulator._target_pos
  max_distance = simulator.maxDist
  scale = np.array([3.0, 3.0, 1.0])
  handle_init = target + np.array([0.0, max_distance, 0.0])
  margin = _length((handle_init - simulator.init_tcp) * scale)

  def evaluate(action, observation):
    del action
    handle = observation[4:7]
    handle_error = _length(handle - target)
    opening = _long_tail(handle_error, 0, 0.02, max_distance)
    caging = _long_tail(
        _length((handle - observation[:3]) * scale), 0, 0.01, margin
    )
    return (caging + opening) * 5.0, handle_error <= 0.03

  return evaluate


def drawer_close(simulator: Any) -> Evaluate:
  """Makes the reward of pushing a drawer shut."""
  target = simulator._target_pos
  radius = simulator.TARGET_RADIUS
  margin = abs(_length(simulator.obj_init_pos - target) - radius)
  reach_margin = abs(
      _length(simulator.obj_init_pos - simulator.init_tcp) - 0.005
  )

  def evaluate(action, observation):
    obj = observation[4:7]
    target_to_obj = _length(obj - target)
    in_place = _long_tail(target_to_obj, 0, radius, margin)
    near = _gaussian(
        _length(obj - simulator.tcp_center), 0, 0.005, reach_margin
    )
    near = _both(near, min(max(0, action[-1]), 1))
    success = target_to_obj <= radius + 0.015
    return (1.0 if success else _both(near, in_place)) * 10, success

  return evaluate


def button_press_topdown(simulator: Any) -> Evaluate:
  """Makes the reward of pressing a button from above."""
  target_z = simulator._target_pos.item(2)
  init_tcp = simulator.init_tcp
  margin = simulator._obj_to_target_init

  def evaluate(action, observation):
    del action
    obj = observation[4:7]
    tcp_to_obj = _length(obj - simulator.tcp_center)
    obj_to_target = abs(target_z - obj.item(2))
    near = _long_tail(tcp_to_obj, 0, 0.01, _length(obj - init_tcp))
    reward = 5 * _both(1 - observation.item(3), near)
    if tcp_to_obj <= 0.03:
      reward += 5 * _long_tail(obj_to_target, 0, 0.005, margin)
    return reward, obj_to_target <= 0.024

  return evaluate


def window_open(simulator: Any) -> Evaluate:
  """Makes the reward of sliding a window open."""
  return _window(
      simulator, 'handleOpenStart', simulator.obj_init_pos, _long_tail
  )


def window_close(simulator: Any) -> Evaluate:
  """Makes the reward of sliding a window shut."""
  return _window(
      simulator, 'handleCloseStart', simulator.window_handle_pos_init, _gaussian
  )


def _window(
    simulator: Any,
    site_name: str,
    start: np.ndarray,
    near_function: Callable[..., float],
) -> Evaluate:
  target_x = simulator._target_pos.item(0)
  radius = simulator.TARGET_RADIUS
  margin = abs(abs(start.item(0) - target_x) - radius)
  near_margin = abs(
      _length(simulator.window_handle_pos_init - simulator.init_tcp) - 0.02
  )
  handle = simulator.data.site(site_name).xpos

  def evaluate(action, observation):
    del action, observation
    target_to_obj = abs(handle.item(0) - target_x)
    in_place = _long_tail(target_to_obj, 0, radius, margin)
    near = near_function(
        _length(handle - simulator.tcp_center), 0, 0.02, near_margin
    )
    return 10 * _both(near, in_place), target_to_obj <= radius

  return evaluate


MAKERS: Dict[str, Callable[[Any], Evaluate]] = {
    'reach-v3': reach,
    'push-v3': grasping_rewards.push,
    'pick-place-v3': grasping_rewards.pick_place,
    'door-open-v3': door_open,
    'drawer-open-v3': drawer_open,
    'drawer-close-v3': drawer_close,
    'button-press-topdown-v3': button_press_topdown,
    'peg-insert-side-v3': grasping_rewards.peg_insert_side,
    'window-open-v3': window_open,
    'window-close-v3': window_close,
}
