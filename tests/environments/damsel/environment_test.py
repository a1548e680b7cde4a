"""DAMSEL's tasks: the scene's mechanics, rewards, thresholds, and an oracle."""

import math

from distillery.environments import suites
from distillery.environments.damsel import controllers as damsel_controllers
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import families as damsel_families
from distillery.environments.damsel import tasks as damsel_tasks
from distillery.environments.pool import process_pool
from helpers import headless
from helpers import pool_helpers
import numpy as np
import pytest

FAMILIES = damsel_tasks.FAMILIES
ZERO = np.zeros(3, np.float32)


def make(family, *value, sparse=False):
  return damsel_environment.DamselEnvironment(
      damsel_tasks.Target(family, value), sparse=sparse
  )


def play(environment, controller):
  """An episode's time steps."""
  steps = [environment.reset()]
  while not steps[-1].last():
    steps.append(environment.step(controller(steps[-1].observation)))
  return steps


def joint(environment, name):
  simulator = environment.simulator
  return simulator.data.qpos[simulator.model.joint(name).qposadr[0]]


@pytest.fixture(name='solutions', scope='module')
def fixture_solutions():
  """Returns each task's target and the scripted controller's episode in it."""
  found = []
  for split in ('train', 'test'):
    for target in damsel_tasks.targets(split):
      environment = damsel_environment.DamselEnvironment(target, sparse=False)
      idle = environment.reset() and environment.distance
      steps = play(environment, damsel_controllers.Controller(target))
      found.append((split, target, idle, steps, environment))
  return found


def test_the_scripted_controllers_solve_every_task(solutions):
  failed = [
      target
      for _, target, _, _, environment in solutions
      if not environment.success
  ]
  assert len(solutions) == 90 and not failed


def test_doing_nothing_solves_what_the_authors_tasks_give_away(solutions):
  solved = {
      (split, family): sum(
          idle <= damsel_tasks.THRESHOLDS[family]
          for s, target, idle, _, _ in solutions
          if (s, target.family) == (split, family)
      )
      for split in ('train', 'test')
      for family in FAMILIES
  }
  assert solved == {
      ('train', 'push'): 0,
      ('train', 'door'): 3,
      ('train', 'drawer'): 3,
      ('test', 'push'): 0,
      ('test', 'door'): 1,
      ('test', 'drawer'): 2,
  }


def test_observations_tell_angle_and_opening(solutions):
  """As the joints have them, to a thousandth."""
  for _, target, _, steps, environment in solutions:
    observation = steps[-1].observation.astype(np.float64)
    assert (
        abs(
            damsel_tasks.door_angle(observation)
            + joint(environment, 'doorjoint')
        )
        < 1e-3
    ), target
    opening = damsel_tasks.DRAWER_Y - observation[damsel_tasks.DRAWER][1]
    assert abs(opening + joint(environment, 'goal_slidey')) < 1e-3, target


def test_the_ends_are_as_far_as_the_targets_ask(solutions):
  for _, target, _, steps, environment in solutions:
    end = steps[-1].observation
    if target.family == 'push':
      distance = np.linalg.norm(end[3:5] - np.array(target.value))
    elif target.family == 'door':
      distance = abs(-joint(environment, 'doorjoint') - target.value[0])
    else:
      distance = abs(-joint(environment, 'goal_slidey') - target.value[0])
    assert abs(distance - environment.distance) < 1e-3


def test_bodies_have_their_places_and_masses():
  environment = make('push', 0.0, 0.75)
  observation = environment.reset().observation
  np.testing.assert_allclose(
      observation,
      [0.0, 0.6, 0.2, 0.0, 0.6, 0.02, 0.34, 0.79, 0.15, -0.25, 0.83, 0.09],
      atol=0.01,
  )
  model = environment.simulator.model
  assert model.body('block').mass == 0.75
  for name in ('doorjoint', 'goal_slidey'):
    assert model.dof_damping[model.joint(name).dofadr[0]] == 20.0


def test_nothing_moves_by_itself():
  environment = make('drawer', 0.1)
  first = environment.reset().observation
  for _ in range(149):
    last = environment.step(ZERO).observation
  np.testing.assert_allclose(first[3:], last[3:], atol=2e-3)


def test_moved_bodies_stay(solutions):
  for _, target, _, _, environment in solutions[::15]:
    if target.family != 'push':
      simulator = environment.simulator
      before = environment.distance
      # Away from the handle, up.
      for _ in range(40):
        observation = simulator.step(np.array([0.0, 0.0, 1.0]))
      assert abs(damsel_tasks.distance(target, observation) - before) < 0.02


@pytest.mark.parametrize(
    'family, value',
    (('push', (0.05, 0.75)), ('door', (0.6,)), ('drawer', (0.1,))),
)
@pytest.mark.parametrize('sparse', (False, True))
def test_rewards_by_hand(family, value, sparse):
  environment = make(family, *value, sparse=sparse)
  controller = damsel_controllers.Controller(environment.target)
  step = environment.reset()
  start = step.observation[3:5].astype(np.float64)
  near = 0
  while not step.last():
    step = environment.step(controller(step.observation))
    data = environment.simulator.data
    fingers = (
        data.site('rightEndEffector').xpos + data.site('leftEndEffector').xpos
    ) / 2.0
    place = {
        'push': data.body('block').xpos,
        'door': data.geom('handle').xpos,
        'drawer': data.body('drawer_link').xpos + [0.0, -0.16, 0.0],
    }[family]
    reach = np.linalg.norm(place - fingers)
    if family == 'push':
      first = np.hypot(*(start - value))
      done = max(0.0, first - np.hypot(*(place[:2] - value))) / first
    else:
      if family == 'door':
        v, aim = (
            0.2 * math.sin(angle)
            for angle in (-joint(environment, 'doorjoint'), value[0])
        )
      else:
        v, aim = -joint(environment, 'goal_slidey'), value[0]
      done = max(0.0, v / aim if v <= aim else (2.0 * aim - v) / aim)
      done *= reach < 0.1
    near += done > 0.5
    want = 10.0 * done - (0.0 if sparse else reach)
    assert step.reward == pytest.approx(want, abs=0.05)
  assert near


def test_progress_is_a_tent():
  def progress(opening, target):
    observation = np.zeros(12)
    observation[10] = damsel_tasks.DRAWER_Y - opening
    return damsel_tasks.progress(
        damsel_tasks.Target('drawer', (target,)), observation, 1.0
    )

  assert [
      round(progress(opening, 0.1), 6)
      for opening in (-0.01, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
  ] == [0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
  # A target of 0 counts as a twentieth of the largest.
  assert progress(0.0, 0.0) == 0.0 and progress(0.0075, 0.0) == pytest.approx(
      1.0
  )


def test_tasks_differ_in_their_rewards_alone():
  environments = [
      make('push', 0.0, 0.75),
      make('door', 0.5),
      make('drawer', 0.1),
  ]
  rng = np.random.default_rng(0)
  steps = [environment.reset() for environment in environments]
  rewards = set()
  for _ in range(60):
    for step in steps:
      np.testing.assert_array_equal(step.observation, steps[0].observation)
    action = rng.uniform(-1.0, 1.0, 3).astype(np.float32)
    steps = [environment.step(action) for environment in environments]
    rewards.add(tuple(float(step.reward) for step in steps))
  assert all(len(set(row)) == 3 for row in rewards)


def test_an_episode_has_150_steps_and_success_is_that_of_the_last():
  target = damsel_tasks.Target('drawer', (0.0,))  # Solved from the beginning.
  environment = damsel_environment.DamselEnvironment(target, sparse=False)
  assert not environment.success
  step = environment.reset()
  for _ in range(150):
    assert not environment.success and not step.last()
    step = environment.step(ZERO)
    assert step.discount == 1.0 and step.reward.dtype == np.float32
    environment.observation_spec().validate(step.observation)
  assert step.last() and environment.success
  assert environment.step(ZERO).first() and not environment.success


@pytest.mark.parametrize(
    'family, value, words',
    (
        ('window', (0.1,), "family: got 'window', want one of"),
        ('drawer', (0.3,), r"target of 'drawer': got \(0.3,\), want .*0.151"),
        ('door', (-0.1,), r"target of 'door': got \(-0.1,\)"),
        ('push', (0.1,), r"target of 'push': got \(0.1,\), want .* one within"),
        ('push', (0.0, math.nan), "target of 'push'"),
    ),
)
def test_targets_outside_the_scene_are_refused(family, value, words):
  with pytest.raises(ValueError, match=words):
    make(family, *value)


def test_bad_actions_and_variations_are_refused():
  environment = make('door', 0.5)
  environment.reset()
  with pytest.raises(ValueError, match='action at step 0.*nan'):
    environment.step(np.array([0.0, math.nan, 0.0]))
  with pytest.raises(ValueError, match=r'shape \(4,\), want \(3,\)'):
    environment.step(np.zeros(4))
  with pytest.raises(ValueError, match='variation: got 1'):
    environment.reset(variation=1)


def test_the_pool_steps_them():
  suite = suites.make_suite('DAMSEL', seed=0)
  tasks = suite.train_tasks[::20]
  with process_pool.Pool(
      tasks,
      envs_per_task=1,
      unroll_length=150,
      num_workers=1,
      seed=0,
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
  ) as pool:
    policy = pool_helpers.GaussianPolicy(action_size=3)
    pool.set_policy(
        policy,
        {
            'first': np.zeros((3, 12, 8), np.float32),
            'second': np.zeros((3, 8, 3), np.float32),
        },
    )
    block = pool.collect()
    assert block['observation'].shape == (3, 150, 1, 12)
    assert block['episode_end'][:, -1].all()
    # All begin alike.
    assert (block['observation'][:, 0] == block['observation'][:1, 0]).all()


PICTURE = """
from distillery.environments.damsel import environment as damsel
from distillery.environments.damsel import tasks as damsel_tasks
import numpy as np
environment = damsel.DamselEnvironment(
    damsel_tasks.Target('drawer', (0.1,)), sparse=False)
pictures = []
environment.reset()
for action in ((-1, 0, 0), (-1, 1, 1)):
  for _ in range(20):
    environment.step(np.array(action, np.float32))
  pictures.append(environment.render(height=60, width=80))
assert pictures[0].shape == (60, 80, 3) and pictures[0].dtype == np.uint8
assert pictures[0].std() > 10 and np.any(pictures[0] != pictures[1])
environment.close()
print('drawn')
"""


@pytest.mark.slow
@pytest.mark.parametrize('variables', [{}, {'MUJOCO_GL': 'egl'}])
def test_render_draws_the_present_state_without_a_display(variables):
  assert headless.run('-c', PICTURE, **variables) == ['drawn']


def test_bad_actions_and_observations_are_refused():
  environment = make('door', 0.5)
  environment.reset()
  for action in (['1', '0', '0'], [1j, 0.0, 0.0], [True] * 3, [None] * 3):
    with pytest.raises(ValueError, match='^action: got dtype .*, want floats$'):
      environment.step(action)
  for variation in (True, 0.0):
    with pytest.raises(ValueError, match='^variation: got '):
      environment.reset(variation=variation)
  target = environment.target
  for shape in ((14,), (2, 12), ()):
    for call in (
        damsel_controllers.Controller(target),
        lambda x: damsel_families.with_target(x, target),
    ):
      with pytest.raises(
          ValueError, match=(r'^observation: got shape \(.*\), want \(12,\)$')
      ):
        call(np.zeros(shape, np.float32))
