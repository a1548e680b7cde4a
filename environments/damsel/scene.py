"""Simulates DAMSEL's scene: a block, a door, a drawer, and Sawyer's hand.

The scene is one MuJoCo model, made of Meta-World's own parts. An action moves
the hand by three numbers; the fingers stay open. Nothing moves by itself, and
every episode begins in the same state.
"""

import functools
import importlib.util
import pathlib
from typing import List

from distillery.environments import rendering  # noqa: F401  # Before mujoco.
from distillery.environments.damsel import tasks
from distillery.environments.metaworld import models as metaworld_models
import mujoco
import numpy as np

FRAME_SKIP = 5
_ACTION_SCALE = 0.01  # The metres that an action of 1 moves the hand.
_HAND_LOW, _HAND_HIGH = (-0.5, 0.4, 0.05), (0.5, 1.0, 0.5)
_HAND_START = (0.0, 0.6, 0.2)
_RESET_STEPS = 50
_FINGERS_OPEN = (-1.0, 1.0)
# The damping of the door's hinge and the drawer's slide. It is so high that
# they stay where the hand leaves them.
_DAMPING = 20.0
# The relative pose of mocap body and hand, and the weight of the weld's torque.
_WELD = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 5.0)
_MOCAP_QUATERNION = (1.0, 0.0, 1.0, 0.0)
_FROM_DRAWER_TO_HANDLE = -0.16  # Along y.
_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION

_XML = """
<mujoco>
  <compiler meshdir="{assets}/sawyer_xyz" texturedir="{assets}/sawyer_xyz"/>
  <include file="{assets}/scene/basic_scene.xml"/>
  <include file="{objects}/doorlock_dependencies.xml"/>
  <include file="{objects}/drawer_dependencies.xml"/>
  <include file="{objects}/block_dependencies.xml"/>
  <include file="{objects}/xyz_base_dependencies.xml"/>
  <worldbody>
    <include file="{objects}/xyz_base.xml"/>
    <body name="block" pos="0 0.6 0.02">
      <joint name="block" type="free"/>
      <inertial pos="0 0 0" mass="0.75"
                diaginertia="8.80012e-4 8.80012e-4 8.80012e-4"/>
      <geom type="cylinder" size="0.02 0.02" material="block_wood" condim="4"
            friction="1 0.1 0.002" solimp="0.99 0.99 0.01" solref="0.01 1"/>
    </body>
    <body name="drawer" pos="-0.25 1 0">
      <include file="{objects}/drawer.xml"/>
    </body>
    <body name="door" pos="0.15 1 0.15">
      <include file="{objects}/doorlockB.xml"/>
    </body>
  </worldbody>
  <actuator>
    <position joint="r_close" ctrllimited="true" ctrlrange="-1 1" kp="400"
              user="1"/>
    <position joint="l_close" ctrllimited="true" ctrlrange="-1 1" kp="400"
              user="1"/>
  </actuator>
  <contact>
    <!-- The drawer stands across the table's rear wall. -->
    <exclude body1="RetainingWall" body2="drawer_link"/>
  </contact>
  <equality>
    <weld body1="mocap" body2="hand" solref="0.02 1"/>
  </equality>
</mujoco>
"""


def scene_spec() -> mujoco.MjSpec:
  """Returns the spec of the whole scene, with the parts that are only drawn.

  Raises:
    ModuleNotFoundError: if metaworld is not installed.
  """
  package = importlib.util.find_spec('metaworld')
  if package is None or package.origin is None:
    raise ModuleNotFoundError('metaworld is not installed')
  assets = pathlib.Path(package.origin).parent / 'assets'
  return mujoco.MjSpec.from_string(
      _XML.format(assets=assets, objects=assets / 'objects' / 'assets')
  )


@functools.cache
def _light_model() -> mujoco.MjModel:
  """Returns the model to step; all simulators of a process share it."""
  model = metaworld_models.compile_light(scene_spec())
  model.eq_data[0] = _WELD
  for name in ('doorjoint', 'goal_slidey'):
    model.dof_damping[model.joint(name).dofadr] = _DAMPING
  return model


@functools.cache
def _initial_state() -> np.ndarray:
  """Returns the state at the beginning of every episode."""
  model = _light_model()
  data = mujoco.MjData(model)
  data.mocap_pos[0], data.mocap_quat[0] = _HAND_START, _MOCAP_QUATERNION
  data.ctrl[:] = _FINGERS_OPEN
  mujoco.mj_step(model, data, FRAME_SKIP * _RESET_STEPS)
  state = np.empty(mujoco.mj_stateSize(model, _INTEGRATION))
  mujoco.mj_getState(model, data, state, _INTEGRATION)
  return state


class Simulator:
  """A simulator of the scene."""

  def __init__(self):
    self.model = _light_model()
    self.data = mujoco.MjData(self.model)
    # Live views of the simulator's memory.
    self._positions = [
        self.data.body('hand').xpos,
        self.data.body('block').xpos,
        self.data.geom('handle').xpos,
        self.data.body('drawer_link').xpos,
    ]
    self._fingers = [
        self.data.site(name).xpos
        for name in ('rightEndEffector', 'leftEndEffector')
    ]

  def reset(self) -> List[float]:
    """Begins an episode; returns the observation, `[12]`, in metres."""
    mujoco.mj_setState(self.model, self.data, _initial_state(), _INTEGRATION)
    mujoco.mj_forward(self.model, self.data)
    return self.observe()

  def step(self, action: np.ndarray) -> List[float]:
    """Moves the hand and steps the physics.

    Args:
      action: the displacement of the hand in centimetres, float `[3]`, finite;
        it is clipped to [-1, 1].

    Returns:
      The observation, `[12]`, in metres.
    """
    self.data.mocap_pos[0] = np.clip(
        self.data.mocap_pos[0] + _ACTION_SCALE * np.clip(action, -1.0, 1.0),
        _HAND_LOW,
        _HAND_HIGH,
    )
    mujoco.mj_step(self.model, self.data, FRAME_SKIP)
    # This computes the positions after the last step; mj_step leaves those
    # before it.
    mujoco.mj_kinematics(self.model, self.data)
    return self.observe()

  def observe(self) -> List[float]:
    """Returns the positions of hand, block and both handles, `[12]`, metres."""
    hand, block, door, drawer = (
        position.tolist() for position in self._positions
    )
    drawer[1] += _FROM_DRAWER_TO_HANDLE
    return hand + block + door + drawer

  def reach(self, observation: List[float], family: str) -> float:
    """Computes the distance of the hand to the family's object.

    Args:
      observation: the present observation, `[12]`, in metres.
      family: the family, one of `tasks.FAMILIES`.

    Returns:
      The metres from the point between the fingertips to the object.
    """
    place = dict(zip(tasks.FAMILIES, (tasks.BLOCK, tasks.DOOR, tasks.DRAWER)))[
        family
    ]
    right, left = self._fingers
    return float(np.linalg.norm(observation[place] - (right + left) / 2.0))
