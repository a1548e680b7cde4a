"""DAMSEL's scene beside Meta-World's own classes, a family at a time."""

from distillery.agents.damsel import experts
from distillery.environments.damsel import controllers as damsel_controllers
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import tasks as damsel_tasks
from helpers import stock_damsel
import numpy as np
import pytest

TARGETS = tuple(damsel_tasks.targets('train')[3::4])


@pytest.mark.parametrize('target', TARGETS, ids=str)
def test_the_same_actions_do_the_same(target):
  ours = damsel_environment.DamselEnvironment(target, sparse=False)
  theirs = stock_damsel.StockEnvironment(target)
  controller = damsel_controllers.Controller(target)
  places = [0, 1, 2, *range(12)[stock_damsel.PLACES[target.family]]]
  step, (observation, _) = ours.reset(), theirs.reset()
  np.testing.assert_allclose(step.observation, observation, atol=0.003)
  while not step.last():
    action = controller(step.observation)
    step = ours.step(action)
    observation, reward, _, _, info = theirs.step(action)
    if target.family != 'push':
      np.testing.assert_allclose(
          step.observation[places], observation[places], atol=1e-4
      )
      assert abs(step.reward - reward) < 0.1
  assert ours.success and info['success']
  # An object that a finger drags may slip.
  assert abs(theirs.distance - ours.distance) < (
      0.02 if target.family == 'push' else 0.001
  )


@pytest.mark.parametrize('target', TARGETS[:5], ids=str)
def test_pushes_earn_the_same(target):
  """Step by step while nothing slips, and in all, each acting for itself."""
  ours = damsel_environment.DamselEnvironment(target, sparse=False)
  theirs = stock_damsel.StockEnvironment(target)
  controller = damsel_controllers.Controller(target)
  step, (observation, _) = ours.reset(), theirs.reset()
  rewards = []
  while not step.last():
    step = ours.step(controller(step.observation))
    observation, reward, *_ = theirs.step(controller(observation))
    rewards.append((float(step.reward), reward))
  ours_rewards, their_rewards = np.array(rewards).T
  np.testing.assert_allclose(ours_rewards[:30], their_rewards[:30], atol=0.01)
  assert abs(ours_rewards.sum() - their_rewards.sum()) < 100.0


def test_experts_of_their_scenes_succeed():
  targets = [
      damsel_tasks.Target('push', (0.012, 0.736)),
      damsel_tasks.Target('door', (0.6,)),
      damsel_tasks.Target('drawer', (0.1,)),
  ]
  found, failed = experts.collect(
      stock_damsel.make_suite(targets),
      lambda index, task: damsel_controllers.Controller(targets[index]),
      source='scripted',
      num_episodes=2,
      noise_std=0.3,
      seed=0,
  )
  assert not failed and found.about['tasks'] == ['push-0', 'door-1', 'drawer-2']
  # Each has moved what is its family's.
  for k, family in enumerate(damsel_tasks.FAMILIES):
    moved = found.observation[k, ..., stock_damsel.PLACES[family]]
    assert np.ptp(moved, axis=1).max() > 0.05
