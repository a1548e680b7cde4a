"""The scene of DAMSEL's tasks: a block, a door and a drawer, and Sawyer's hand.

One MuJoCo model, put together from Meta-World's own parts. The hand moves by
three numbers a step; its fingers stay open. Nothing moves by itself, and every
episode begins in the same state.
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
_ACTION_SCALE = 0.01  # Metres a step.
_HAND_LOW, _HAND_HIGH = (-0.5, 0.4, 0.05), (0.5, 1.0, 0.5)
_HAND_START = (0.0, 0.6, 0.2)
_RESET_STEPS = 50
_FINGERS_OPEN = (-1.0, 1.0)
# Of hinge and slide, so that they stay where they are left.
_DAMPING = 20.0
# Relative pose of mocap body and hand, and the weight of the weld's torque.
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
  """The whole scene, with what is only drawn."""
  package = importlib.util.find_spec('metaworld')
  if package is None or package.origin is None:
    raise ModuleNotFoundError('metaworld is not installed')
  assets = pathlib.Path(package.origin).parent / 'assets'
  return mujoco.MjSpec.from_string(
      _XML.format(assets=assets, objects=assets / 'objects' / 'assets')
  )


@functools.cache
def _light_model() -> mujoco.MjModel:
  """What is stepped; all simulators of a process share it."""
  model = metaworld_models.compile_light(scene_spec())
  model.eq_data[0] = _WELD
  for name in ('doorjoint', 'goal_slidey'):
    model.dof_damping[model.joint(name).dofadr] = _DAMPING
  return model


@functools.cache
def _initial_state() -> np.ndarray:
  """The hand at its start, all else as in the model."""
  model = _light_model()
  data = mujoco.MjData(model)
  data.mocap_pos[0], data.mocap_quat[0] = _HAND_START, _MOCAP_QUATERNION
  data.ctrl[:] = _FINGERS_OPEN
  mujoco.mj_step(model, data, FRAME_SKIP * _RESET_STEPS)
  state = np.empty(mujoco.mj_stateSize(model, _INTEGRATION))
  mujoco.mj_getState(model, data, state, _INTEGRATION)
  return state


class Simulator:
  """Steps the scene."""

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
    """Begins anew; returns the observation."""
    mujoco.mj_setState(self.model, self.data, _initial_state(), _INTEGRATION)
    mujoco.mj_forward(self.model, self.data)
    return self.observe()

  def step(self, action: np.ndarray) -> List[float]:
    """Moves the hand and lets time pass; returns the observation.

    Args:
      action: `[3]`, finite; where the hand goes, 1 a centimetre and the most.
    """
    self.data.mocap_pos[0] = np.clip(
        self.data.mocap_pos[0] + _ACTION_SCALE * np.clip(action, -1.0, 1.0),
        _HAND_LOW,
        _HAND_HIGH,
    )
    mujoco.mj_step(self.model, self.data, FRAME_SKIP)
    # Positions after the last of these steps, not before it.
    mujoco.mj_kinematics(self.model, self.data)
    return self.observe()

  def observe(self) -> List[float]:
    """Hand, block, door handle and drawer handle: `[12]`, metres."""
    hand, block, door, drawer = (
        position.tolist() for position in self._positions
    )
    drawer[1] += _FROM_DRAWER_TO_HANDLE
    return hand + block + door + drawer

  def reach(self, observation: List[float], family: str) -> float:
    """Metres from between the fingertips to the family's object."""
    place = dict(zip(tasks.FAMILIES, (tasks.BLOCK, tasks.DOOR, tasks.DRAWER)))[
        family
    ]
    right, left = self._fingers
    return float(np.linalg.norm(observation[place] - (right + left) / 2.0))
