"""DAMSEL's families on Meta-World's own classes, each in a scene of its own.

This is a second implementation, which ours is compared with. An object that a
scene lacks is observed where it would stand, so the first steps tell the
families apart. That is fine for tests, but says nothing about an agent.
"""

import dataclasses

from distillery.environments import base
from distillery.environments.adapters import (
    environments as adapted_environments,
)
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import tasks as damsel_tasks
import gymnasium
from metaworld.envs import sawyer_door_v3
from metaworld.envs import sawyer_drawer_open_v3
from metaworld.envs import sawyer_push_v3
import mujoco
import numpy as np

# Each family's class of Meta-World, the vector that it would draw (where things
# stand; for push also a goal), and the joint of the object that is moved.
_STOCK = {
    'push': (
        sawyer_push_v3.SawyerPushEnvV3,
        (0.0, 0.6, 0.02, 0.0, 0.9, 0.02),
        None,
    ),
    'door': (sawyer_door_v3.SawyerDoorEnvV3, (0.15, 1.0, 0.15), 'doorjoint'),
    'drawer': (
        sawyer_drawer_open_v3.SawyerDrawerOpenEnvV3,
        (-0.25, 1.0, 0.0),
        'goal_slidey',
    ),
}
# The entries of an observation that a family's scene has besides the hand.
PLACES = dict(
    zip(
        damsel_tasks.FAMILIES,
        (damsel_tasks.BLOCK, damsel_tasks.DOOR, damsel_tasks.DRAWER),
    )
)
_STANDS = np.array([0.0, 0.6, 0.02, 0.34, 0.79, 0.15, -0.25, 0.83, 0.09])


class StockEnvironment(gymnasium.Wrapper):
  """A task of one family: target, reward and success are DAMSEL's.

  Attributes:
    target: what the task asks for.
    distance: to the target, as the simulator has it.
  """

  def __init__(self, target: damsel_tasks.Target):
    make, drawn, self._joint = _STOCK[target.family]
    stock = make()
    stock._freeze_rand_vec, stock._last_rand_vec = True, np.array(drawn)
    stock._set_task_called = True
    if target.family == 'drawer':
      # Ours stands across the table's rear wall.
      wall = stock.model.geom_bodyid == stock.model.body('RetainingWall').id
      stock.model.geom_contype[wall] = stock.model.geom_conaffinity[wall] = 0
    if self._joint:
      stock.model.dof_damping[stock.model.joint(self._joint).dofadr] = 20.0
    super().__init__(stock)
    self.target = target
    self.observation_space = gymnasium.spaces.Box(
        -10.0, 10.0, (12,), np.float32
    )
    self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)
    self._steps = 0

  def reset(self, **kwargs):
    super().reset(**kwargs)
    mujoco.mj_forward(self.unwrapped.model, self.unwrapped.data)
    self._steps, self._first = 0, self._read()[1]
    return self._observe(), {}

  def step(self, action):
    super().step(np.append(action, -1.0))  # Fingers open.
    self._steps += 1
    value, distance = self._read()
    data = self.unwrapped.data
    fingers = (
        data.site('rightEndEffector').xpos + data.site('leftEndEffector').xpos
    ) / 2.0
    reach = np.linalg.norm(self.unwrapped._get_pos_objects() - fingers)
    if self.target.family == 'push':
      done = max(0.0, self._first - distance) / self._first
    else:
      (aim,) = self.target.value
      if self.target.family == 'door':
        value, aim, largest = 0.2 * np.sin([value, aim, np.pi / 4.0])
      else:
        largest = 0.15
      aim = max(aim, 0.05 * largest)
      done = max(0.0, min(value / aim, 2.0 - value / aim)) * (reach < 0.1)
    last = self._steps == damsel_environment.HORIZON
    return (
        self._observe(),
        10.0 * done - reach,
        False,
        last,
        {
            'success': last
            and distance <= damsel_tasks.THRESHOLDS[self.target.family]
        },
    )

  @property
  def distance(self):
    return self._read()[1]

  def _read(self):
    """The joint's opening, and how far it is from the target."""
    if self._joint is None:
      block = self.unwrapped._get_pos_objects()
      return None, np.linalg.norm(block[:2] - self.target.value)
    value = -self.unwrapped.data.joint(self._joint).qpos.item()
    return value, abs(value - self.target.value[0])

  def _observe(self):
    observation = np.array(
        [*self.unwrapped.get_endeff_pos(), *_STANDS], np.float32
    )
    observation[PLACES[self.target.family]] = self.unwrapped._get_pos_objects()
    return observation


@dataclasses.dataclass(frozen=True)
class StockFactory:
  """Makes the environment of one task."""

  target: damsel_tasks.Target

  def __call__(self, seed: int) -> base.TaskEnvironment:
    return adapted_environments.GymnasiumEnvironment(
        StockEnvironment(self.target), seed=seed
    )


def make_suite(targets) -> base.TaskSuite:
  """A task a target to learn from."""
  return base.TaskSuite(
      name='Stock',
      tasks=tuple(
          base.Task(
              f'{target.family}-{i}',
              target.family,
              'train',
              StockFactory(target),
          )
          for i, target in enumerate(targets)
      ),
      observation_spec=damsel_environment.observation_spec(),
      action_spec=damsel_environment.action_spec(),
      horizon=damsel_environment.HORIZON,
  )
