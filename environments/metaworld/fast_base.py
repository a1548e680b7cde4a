"""Gives the stock base class of Meta-World's tasks a fast step and reset.

`fast_classes` explains how a task's class is made, and why the results equal
the stock's to the bit.
"""

from typing import Any, Callable, Dict, List, Optional, Tuple

from distillery.environments.metaworld import grasping_rewards
from distillery.environments.metaworld import models
from distillery.environments.metaworld import rewards
from distillery.environments.metaworld import scalar_numpy
from metaworld import sawyer_xyz_env
import mujoco
import numpy as np

_MOCAP_QUATERNION = np.array([1.0, 0.0, 1.0, 0.0])
# The most states to keep, of 2 KB each; a suite has 50 for each task and split.
_MAX_HAND_STATES = 1000
_HIDDEN_GOAL = 3 * [0.0]
_NO_OBJECT = 7 * [0.0]
_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


class FastSawyer(sawyer_xyz_env.SawyerXYZEnv):
  """The common base of the classes of `fast_classes`."""

  # The state after _reset_hand, by the state before; each FastX has its own.
  _hand_states: Dict[Any, np.ndarray]
  # The function that makes the reward (v2) of an episode; None if the task runs
  # Meta-World's own code.
  _reward_maker: Optional[Callable[[Any], rewards.Evaluate]]
  # The constructors and `reset_model` of the stock classes set these.
  reward_function_version: str
  hand_init_pos: np.ndarray
  _target_pos: np.ndarray

  def _initialize_simulation(self) -> Tuple[mujoco.MjModel, mujoco.MjData]:
    model = models.compile_light(mujoco.MjSpec.from_file(self.fullpath))
    data = models.FastData(model)
    # Live views of the simulator's memory, which are read at every step.
    self._hand = data.body('hand').xpos
    self._claws = data.body('rightclaw').xpos, data.body('leftclaw').xpos
    self._pads = data.body('leftpad').xpos, data.body('rightpad').xpos
    self._fingers = (
        data.site('rightEndEffector').xpos,
        data.site('leftEndEffector').xpos,
    )
    self._pad_geoms = (
        data.geom('leftpad_geom').id,
        data.geom('rightpad_geom').id,
    )
    self._mocap_position = data.mocap_pos
    self._mocap_quaternion = data.mocap_quat
    self._control = data.ctrl
    self._tcp: Optional[np.ndarray] = None
    self._stepping = False
    self._pretending = False
    self._evaluate: Optional[rewards.Evaluate] = None
    self._pair = np.empty(2)
    return model, data

  def _find_bounds(self) -> None:
    """Reads the bounds of hand and observations; the task must be set."""
    # Computed as NumPy multiplies a float32 by the number.
    self._most = float(np.float32(1.0) * np.float32(self.action_scale))
    self._mocap_bounds = self.mocap_low.tolist(), self.mocap_high.tolist()
    space = self.sawyer_observation_space
    bounds = list(enumerate(zip(space.low.tolist(), space.high.tolist())))
    self._bounds = [bounds[at] for at in (0, 1, 2, 18, 19, 20, 36, 37, 38)]
    self._previous = self._current()

  def whole_model(self) -> mujoco.MjModel:
    """Returns the model with the parts that are only drawn."""
    return mujoco.MjModel.from_xml_path(self.fullpath)

  # Stepping.

  def advance(self, action: np.ndarray) -> Tuple[np.ndarray, Any, bool]:
    """Does what the stock `step` does.

    Args:
      action: the action, float32 [4], finite.

    Returns:
      The observation, float64 [39], the reward, and whether the task is solved.
    """
    self._move(action)
    mujoco.mj_step(self.model, self.data, self.frame_skip)
    self.curr_path_length += 1
    mujoco.mj_forward(self.model, self.data)
    observation = self._observe()
    if self._evaluate is None:
      self._evaluate = self._make_evaluate()
    self._stepping, self._tcp = True, None
    reward, success = self._evaluate(action, observation)
    self._stepping = False
    return observation, reward, bool(success)

  def _move(self, action: np.ndarray) -> None:
    """Writes an action to the simulator and clips the hand's part of it."""
    # The products are float32, as in the stock. Rounding is monotone, so they
    # can be clipped instead of the action.
    dx, dy, dz, _ = (action * self.action_scale).tolist()
    most = self._most
    x, y, z = self._mocap_position[0].tolist()
    x += -most if dx < -most else most if dx > most else dx
    y += -most if dy < -most else most if dy > most else dy
    z += -most if dz < -most else most if dz > most else dz
    (low_x, low_y, low_z), (high_x, high_y, high_z) = self._mocap_bounds
    self._mocap_position[0] = (
        low_x if x < low_x else high_x if x > high_x else x,
        low_y if y < low_y else high_y if y > high_y else y,
        low_z if z < low_z else high_z if z > high_z else z,
    )
    gripper = action.item(3)
    self._control[0] = gripper
    self._control[1] = -gripper

  def _make_evaluate(self) -> rewards.Evaluate:
    """Makes the reward function of this episode, after its reset."""
    if self.reward_function_version == 'v2' and self._reward_maker is not None:
      return self._reward_maker(self)

    def evaluate(action, observation):
      reward, info = self.evaluate_state(observation, action)
      return reward, info['success']

    return evaluate

  def do_simulation(self, ctrl: Any, n_frames: int) -> None:
    self._control[:] = ctrl
    mujoco.mj_step(self.model, self.data, n_frames)

  def touching_object(self, object_geom_id: int) -> bool:
    """Returns whether both pads press on a geom, as the stock method does."""
    pads = self._pad_geoms
    forces = [0.0, 0.0]
    contact = self.data.contact
    for i, pair in enumerate(contact.geom.tolist()):
      if object_geom_id in pair:
        for side in range(2):
          if pads[side] in pair:
            forces[side] += self.data.efc_force[contact.efc_address[i]]
    return bool(0 < forces[0] and 0 < forces[1])

  # Observations.

  def get_endeff_pos(self) -> np.ndarray:
    return self._hand

  def get_body_com(self, body_name: str) -> np.ndarray:
    return self.data.body(body_name).xpos

  def _get_site_pos(self, site_name: str) -> np.ndarray:
    return self.data.site(site_name).xpos.copy()

  @property
  def tcp_center(self) -> np.ndarray:
    if self._stepping and self._tcp is not None:  # Computed once a step.
      return self._tcp
    right, left = self._fingers
    self._tcp = (right + left) / 2.0
    return self._tcp

  def _current(self) -> List[float]:
    """Returns the 18 numbers of the frame: hand, gripper and two objects."""
    right, left = self._claws
    # The fingers are 0.1 m apart when open.
    opening = scalar_numpy.length(right - left) / 0.1
    current = self._hand.tolist()
    current.append(1.0 if opening > 1.0 else opening)
    position = self._get_pos_objects().tolist()
    rotation = self._get_quat_objects().tolist()
    if len(position) == 3:
      return current + position + rotation + _NO_OBJECT
    for i in range(len(position) // 3):
      current += position[3 * i : 3 * i + 3]
      current += rotation[4 * i : 4 * i + 4]
    return current

  def _frames(self) -> List[float]:
    """Returns the 39 numbers of an observation, not yet clipped."""
    current = self._current()
    goal = (
        _HIDDEN_GOAL
        if self._partially_observable
        else self._target_pos.tolist()
    )
    frames = current + self._previous + goal
    self._previous = current
    return frames

  def _observe(self) -> np.ndarray:
    """Returns an observation, clipped as in the stock `step`.

    Only the hand's two positions and the goal's position have finite bounds
    that they can exceed.
    """
    frames = self._frames()
    for at, (low, high) in self._bounds:
      if not low <= frames[at] <= high:
        frames[at] = min(max(frames[at], low), high)
    return np.array(frames)

  def _get_curr_obs_combined_no_goal(self) -> np.ndarray:
    return np.array(self._current())

  def _get_obs(self) -> np.ndarray:
    return np.array(self._frames())

  # Tasks with a caging reward of their own override this one.
  _gripper_caging_reward = grasping_rewards.caging_reward

  # Resets.

  def reset(
      self, seed: Any = None, options: Any = None
  ) -> Tuple[np.ndarray, Dict[str, Any]]:
    """Resets as the stock method: reset_model, a fresh simulator, reset_model.

    The first reset_model need not simulate. It has lasting effects only on the
    model's body and site positions and on Python attributes.
    """
    self.curr_path_length = 0
    self._evaluate = None
    mujoco.mj_resetData(self.model, self.data)
    self._pretending = True
    self.reset_model()
    self._pretending = False
    mujoco.mj_resetData(self.model, self.data)
    observation = self.reset_model()
    observation[18:36] = observation[:18]
    self._previous = observation[:18].tolist()
    return observation, {}

  def _reset_hand(self, steps: int = 50) -> None:
    """Moves the hand to its place by `steps` actions.

    The resulting state is a function of the first state and the model's body
    positions, so it is computed once for each and kept. The last action is
    always simulated, as it also refreshes the quantities derived from a state.
    """
    if not self._pretending:
      state = np.empty(mujoco.mj_stateSize(self.model, _INTEGRATION))
      mujoco.mj_getState(self.model, self.data, state, _INTEGRATION)
      key = (
          steps,
          tuple(self.hand_init_pos),
          state.tobytes(),
          self.model.body_pos.tobytes(),
      )
      known = self._hand_states.get(key)
      if known is None:
        for _ in range(steps - 1):
          self._reset_hand_once()
        mujoco.mj_getState(self.model, self.data, state, _INTEGRATION)
        if len(self._hand_states) >= _MAX_HAND_STATES:
          self._hand_states.clear()
        self._hand_states[key] = state
      else:
        mujoco.mj_setState(self.model, self.data, known, _INTEGRATION)
      self._reset_hand_once()
    self.init_tcp = self.tcp_center

  def _reset_hand_once(self) -> None:
    self._mocap_position[:] = self.hand_init_pos
    self._mocap_quaternion[:] = _MOCAP_QUATERNION
    self.do_simulation([-1, 1], self.frame_skip)
