"""Defines scripted controllers that solve every task of DAMSEL's scene.

A controller knows the target, which an agent does not. It needs only NumPy and
can be pickled.
"""

import dataclasses
import math

from distillery.environments.damsel import tasks
import numpy as np

# The heights of the hand in metres for each object: above it, and low enough to
# drag or pull it.
_PUSH_OVER, _PUSH_LOW = 0.125, 0.09
_DRAWER_OVER, _DRAWER_LOW = 0.2, 0.085
_DOOR_OVER, _DOOR_LOW = 0.26, 0.165
# The vector from block to hand with which the rear finger is above the block.
_FINGER = np.array([-0.005, 0.05])
# The vector from the hinge of the closed door to the hand that has the handle
# between its fingers.
_DOOR_HOOK = np.array([0.4, -0.11])


@dataclasses.dataclass(frozen=True)
class Controller:
  """A controller for one task: it goes above the object, down, and moves it.

  Attributes:
    target: the target of the task.
  """

  target: tasks.Target

  def __call__(self, observation: np.ndarray) -> np.ndarray:
    """Returns the action, float32 `[3]`, for an observation, float `[12]`.

    Raises:
      ValueError: if the observation has another shape.
    """
    tasks.check_observation(observation)
    observation = np.asarray(observation)
    act = {'push': self._push, 'door': self._door, 'drawer': self._drawer}
    action = act[self.target.family](
        np.asarray(observation, np.float64),
        observation[tasks.HAND].astype(np.float64),
    )
    return np.clip(action, -1.0, 1.0).astype(np.float32)

  def _push(self, observation: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Presses a finger on the block and drags it."""
    block = observation[tasks.BLOCK][:2]
    lag = np.linalg.norm(hand[:2] - block - _FINGER)
    if lag > 0.03 or (lag > 0.015 and hand[2] > _PUSH_LOW + 0.015):
      return 12.0 * (_at(block + _FINGER, _PUSH_OVER) - hand)
    if hand[2] > _PUSH_LOW + 0.005:
      return _at(12.0 * (block + _FINGER - hand[:2]), -1.0)
    way = np.array(self.target.value) - block
    # The action's length is at most 1, which is a metre a second, and less near
    # the goal.
    return _at(
        way * min(1.0 / max(float(np.linalg.norm(way)), 1e-6), 8.0),
        10.0 * (_PUSH_LOW - hand[2]),
    )

  def _drawer(self, observation: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Takes the handle's bar between the fingers and pulls."""
    handle = observation[tasks.DRAWER][:2]
    if hand[2] > 0.12 and np.linalg.norm(hand[:2] - handle) > 0.02:
      return 10.0 * (_at(handle, _DRAWER_OVER) - hand)
    if hand[2] > 0.1:
      return 10.0 * (_at(handle, _DRAWER_LOW) - hand)
    opening = tasks.DRAWER_Y - handle[1]
    pull = np.clip(12.0 * (opening - self.target.value[0]), -0.4, 0.4)
    return np.array(
        [10.0 * (handle[0] - hand[0]), pull, 10.0 * (_DRAWER_LOW - hand[2])]
    )

  def _door(self, observation: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Takes the handle between the fingers and follows its arc."""
    angle = tasks.door_angle(observation)
    hook = _on_arc(angle)
    off = np.linalg.norm(hand[:2] - hook)
    if off > 0.07 or (off > 0.02 and hand[2] > 0.21):
      return 10.0 * (_at(hook, _DOOR_OVER) - hand)
    if hand[2] > 0.185:
      return 10.0 * (_at(hook, _DOOR_LOW) - hand)
    ahead = np.clip(1.5 * (self.target.value[0] - angle), -0.08, 0.08)
    pull = np.clip(16.0 * (_on_arc(angle + ahead) - hook), -0.6, 0.6)
    return _at(pull, 15.0 * (_DOOR_LOW - hand[2]))


def _at(plane: np.ndarray, height: float) -> np.ndarray:
  return np.array([*plane, height])


def _on_arc(angle: float) -> np.ndarray:
  """Returns the hand's place (x, y) when it holds the door open by an angle."""
  cos, sin = math.cos(angle), math.sin(angle)
  x, y = _DOOR_HOOK
  return np.array(tasks.HINGE) + (cos * x + sin * y, cos * y - sin * x)
