"""DAMSEL's families: their tasks, with what is asked for in plain sight."""

import pickle

from distillery.environments import suites
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import families as damsel_families
from distillery.environments.damsel import tasks as damsel_tasks
import numpy as np
import pytest

SUITE = suites.make_suite('DAMSEL/families', seed=0)


def targets(family):
  return [
      target
      for target in damsel_tasks.targets('train')
      if target.family == family
  ]


@pytest.mark.parametrize(
    'family, told',
    [
        ('push', lambda value: value),
        ('door', lambda value: (*value, 0.0)),
        ('drawer', lambda value: (*value, 0.0)),
    ],
)
def test_an_episode_is_that_of_its_target_which_is_observed(family, told):
  task = next(task for task in SUITE.tasks if task.name == family)
  environment = pickle.loads(pickle.dumps(task.factory))(0)
  assert environment.num_variations == 20
  rng = np.random.default_rng(0)
  for variation in (0, 7, 19):
    target = targets(family)[variation]
    alone = damsel_environment.DamselEnvironment(target, sparse=False)
    step, want = environment.reset(variation=variation), alone.reset()
    while True:
      environment.observation_spec().validate(step.observation)
      np.testing.assert_array_equal(step.observation[:12], want.observation)
      np.testing.assert_array_equal(
          step.observation[12:], np.float32(told(target.value))
      )
      assert (step.reward, step.step_type) == (want.reward, want.step_type)
      assert environment.success == alone.success
      if step.last():
        break
      action = rng.uniform(-1.0, 1.0, 3).astype(np.float32)
      step, want = environment.step(action), alone.step(action)


def test_targets_are_drawn_from_the_seed_one_an_episode():
  factory = SUITE.tasks[0].factory

  def drawn(environment, seed=None):
    found = []
    for _ in range(12):
      step = environment.reset(seed=seed)
      assert environment.reset(seed=5).observation.tolist() == (
          environment.reset(seed=5).observation.tolist()
      )
      found.append(tuple(step.observation[12:].tolist()))
    return found

  one, same, other = (drawn(factory(seed)) for seed in (0, 0, 1))
  assert one == same and one != other and len(set(one)) > 5
  assert set(one) <= {
      tuple(np.float32(target.value).tolist()) for target in targets('push')
  }
  assert len(set(drawn(factory(0), seed=3))) == 1


def test_the_step_after_an_episode_begins_another():
  environment = SUITE.tasks[0].factory(0)
  action = np.zeros(3, np.float32)
  assert environment.step(action).first()
  assert [environment.step(action).last() for _ in range(150)][-1]
  assert environment.step(action).first()


def test_targets_that_the_scene_does_not_have():
  factory = damsel_families.FamilyFactory(
      (targets('push')[0], damsel_tasks.Target('drawer', (9.0,)))
  )
  with pytest.raises(ValueError, match="target of 'drawer': got"):
    factory(0)


@pytest.mark.parametrize('variation', [-1, 20])
def test_there_are_twenty(variation):
  with pytest.raises(ValueError, match=f'variation: got {variation}, want an'):
    SUITE.tasks[0].factory(0).reset(variation=variation)
