"""Computes the reward for grasping, and the rewards of MT10's grasping tasks.

`rewards` explains how the functions are written.
"""

from typing import Any, Callable, Sequence, Tuple

from distillery.environments.metaworld import scalar_numpy
import numpy as np

# The simulator's attributes are those of Meta-World, private ones included.

Evaluate = Callable[[np.ndarray, np.ndarray], Tuple[Any, bool]]

_length = scalar_numpy.length
_long_tail = scalar_numpy.long_tail
_both = scalar_numpy.hamacher_product


def caging_reward(
    simulator: Any,
    action: np.ndarray,
    obj_pos: np.ndarray,
    obj_radius: float,
    pad_success_thresh: float,
    object_reach_radius: float,
    xz_thresh: float,
    desired_gripper_effort: float = 1.0,
    high_density: bool = False,
    medium_density: bool = False,
) -> float:
  """Computes the stock `_gripper_caging_reward`, whose comments explain it.

  Args:
    simulator: the simulator of the task.
    action: the action, float32 [4].
    obj_pos: the position of the object in metres, float64 [3].
    obj_radius: the radius of the object, in metres.
    pad_success_thresh: the distance in metres from a pad to the object, along
      y, that earns the full reward.
    object_reach_radius: the distance in metres from the fingers to the object
      that earns the full reward for reaching.
    xz_thresh: the distance in metres from the fingers to the object, in the
      x-z plane, that earns the full reward.
    desired_gripper_effort: the effort that closes the gripper fully.
    high_density: whether to reward caging without gripping.
    medium_density: whether to reward reaching.

  Returns:
    The reward, in [0, 1].

  Raises:
    ValueError: if both densities are asked for.
  """
  if high_density and medium_density:
    raise ValueError('Can only be either high_density or medium_density')
  object_x, object_y, object_z = obj_pos.tolist()
  initial_x, initial_y, initial_z = simulator.obj_init_pos.tolist()

  left, right = (
      _long_tail(
          abs(pad_y - object_y),
          obj_radius,
          pad_success_thresh,
          abs(abs(pad_y - initial_y) - pad_success_thresh),
      )
      for pad_y in (simulator._pads[0].item(1), simulator._pads[1].item(1))
  )
  caging_y = _both(left, right)

  tcp = simulator.tcp_center
  pair = simulator._pair
  pair[0] = initial_x - simulator.init_tcp.item(0)
  pair[1] = initial_z - simulator.init_tcp.item(2)
  margin_xz = _length(pair) - xz_thresh
  pair[0] = tcp.item(0) - object_x
  pair[1] = tcp.item(2) - object_z
  caging_xz = _long_tail(_length(pair), 0, xz_thresh, margin_xz)

  caging = _both(caging_y, caging_xz)
  gripping = 0.0
  if caging > 0.97:
    gripping = (
        min(max(0, action[-1]), desired_gripper_effort) / desired_gripper_effort
    )
  reward = _both(caging, gripping)
  if high_density:
    reward = (reward + caging) / 2
  if medium_density:
    initial_distance = _length(simulator.obj_init_pos - simulator.init_tcp)
    reach = _long_tail(
        _length(obj_pos - tcp),
        0,
        object_reach_radius,
        abs(initial_distance - object_reach_radius),
    )
    reward = (reward + reach) / 2
  return reward


def push(simulator: Any) -> Evaluate:
  """Makes the reward of pushing a puck to a point on the table."""
  target = simulator._target_pos
  radius = simulator.TARGET_RADIUS
  margin = _length(simulator.obj_init_pos - target)

  def evaluate(action, observation):
    obj = observation[4:7]
    tcp_to_obj = _length(obj - simulator.tcp_center)
    target_to_obj = _length(obj - target)
    in_place = _long_tail(target_to_obj, 0, radius, margin)
    grasped = simulator._gripper_caging_reward(
        action,
        obj,
        obj_radius=0.015,
        pad_success_thresh=0.05,
        object_reach_radius=0.01,
        xz_thresh=0.005,
        high_density=True,
    )
    reward = 2 * grasped
    if tcp_to_obj < 0.02 and observation[3] > 0:
      reward += 1.0 + reward + 5.0 * in_place
    if target_to_obj < radius:
      reward = 10.0
    return reward, target_to_obj <= radius

  return evaluate


def pick_place(simulator: Any) -> Evaluate:
  """Makes the reward of carrying a puck to a point in the air."""
  target = simulator._target_pos
  obj_init_z = simulator.obj_init_pos.item(2)
  margin = _length(simulator.obj_init_pos - target)
  caging_reward = _pick_place_caging(simulator)

  def evaluate(action, observation):
    obj = observation[4:7]
    obj_to_target = _length(obj - target)
    in_place = _long_tail(obj_to_target, 0, 0.05, margin)
    tcp = simulator.tcp_center
    reward = _both(caging_reward(action, obj, tcp), in_place)
    if obj.item(2) - 0.01 > obj_init_z:
      if _length(obj - tcp) < 0.02 and observation[3] > 0:
        reward += 1.0 + 5.0 * in_place
    if obj_to_target < 0.05:
      reward = 10.0
    return reward, obj_to_target <= 0.07

  return evaluate


def _pick_place_caging(simulator: Any) -> Callable[..., float]:
  """Makes the `_gripper_caging_reward` of pick-place, which has its own."""
  left_pad, right_pad = simulator._pads
  # The offset in the x-z plane: its middle entry stays 0.
  offset = simulator.obj_init_pos - simulator.init_tcp
  offset[1] = 0.0
  margin_xz = _length(offset) - 0.005

  def caging_reward(action, obj, tcp):
    obj_x, obj_y, obj_z = obj.tolist()
    left_y, right_y = left_pad.item(1), right_pad.item(1)
    # The stock's `init_left_pad` is a live view: the present position.
    right = _long_tail(
        obj_y - right_y, 0.015, 0.05, abs(abs(obj_y - right_y) - 0.05)
    )
    left = _long_tail(
        left_y - obj_y, 0.015, 0.05, abs(abs(obj_y - left_y) - 0.05)
    )
    offset[0] = tcp.item(0) - obj_x
    offset[2] = tcp.item(2) - obj_z
    caging = _both(
        _both(left, right), _long_tail(_length(offset), 0, 0.005, margin_xz)
    )
    gripping = min(max(0, action[-1]), 1) if caging > 0.97 else 0.0
    return (_both(caging, gripping) + caging) / 2

  return caging_reward


def peg_insert_side(simulator: Any) -> Evaluate:
  """Makes the reward of carrying a peg into a hole in a wall."""
  target = simulator._target_pos
  radius = simulator.TARGET_RADIUS
  obj_init_z = simulator.obj_init_pos.item(2)
  scale = np.array([1.0, 2.0, 2.0])
  margin = _length((simulator.peg_head_pos_init - target) * scale)
  site = simulator.data.site
  head = site('pegHead').xpos
  boxes = tuple(
      (
          site(f'bottom_right_corner_collision_box_{i}').xpos,
          site(f'top_left_corner_collision_box_{i}').xpos,
      )
      for i in (2, 1)
  )

  def evaluate(action, observation):
    obj = observation[4:7]
    obj_to_target = _length((head - target) * scale)
    in_place = _long_tail(obj_to_target, 0, radius, margin)
    outside = _both(
        *(
            _outside_box(head.tolist(), zero.tolist(), one.tolist())
            for zero, one in boxes
        )
    )
    in_place = _both(in_place, outside)
    grasped = simulator._gripper_caging_reward(
        action,
        obj,
        obj_radius=0.0075,
        pad_success_thresh=0.03,
        object_reach_radius=0.01,
        xz_thresh=0.005,
        high_density=True,
    )
    lifted = (
        obj.item(2) - 0.01 > obj_init_z
        and _length(obj - simulator.tcp_center) < 0.08
        and observation[3] > 0
    )
    reward = _both(1.0 if lifted else grasped, in_place)
    if lifted:
      reward += 1.0 + 5 * in_place
    if obj_to_target <= 0.07:
      reward = 10.0
    return reward, obj_to_target <= 0.07

  return evaluate


def _outside_box(
    point: Sequence[float], zero: Sequence[float], one: Sequence[float]
) -> float:
  """Computes `reward_utils.rect_prism_tolerance` on lists of three numbers."""
  result = 1.0
  for x, low, high in zip(point, zero, one):
    if not (low <= x <= high if high >= low else high <= x <= low):
      return 1.0
    result *= (x - low) / (high - low)
  return result
