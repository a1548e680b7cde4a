"""What is found out about an environment before it is trained on."""

import dataclasses
import functools

from distillery.environments import base
from distillery.environments import fakes
from distillery.environments import suites
from distillery.environments.suites import checking
import dm_env
from dm_env import specs
import numpy as np
import pytest


@pytest.mark.parametrize(
    'name',
    ['MT1/reach-v3', 'ML1/reach-v3', 'HALF_CHEETAH/SmallFoot', 'MAZES'],
)
def test_our_own_environments_pass(name):
  checking.check_suite(suites.make_suite(name, seed=0))


def test_fakes_pass():
  checking.check_suite(fakes.point_mass_suite(2))
  checking.check_suite(fakes.grid_suite(2))


class Broken(fakes.PointMass):
  """A point mass with one fault."""

  def __init__(self, fault, seed):
    self._fault = fault
    super().__init__((0.5, 0.5), seed=seed)
    self._noise = np.random.default_rng(0)

  def reset(self, *, seed=None, variation=None):
    if self._fault == 'raises':
      raise KeyError('no door')
    timestep = super().reset(seed=seed, variation=variation)
    if self._fault == 'unseeded':
      self._position += self._noise.normal(size=2).astype(np.float32)
      timestep = dm_env.restart(self._position.copy())
    if self._fault == 'shape':
      timestep = dm_env.restart(np.zeros(3, np.float32))
    return timestep

  def step(self, action):
    if self._fault == 'endless':
      self._steps_left = 50
    timestep = super().step(action)
    if self._fault == 'reward':
      timestep = timestep._replace(reward='much')
    if self._fault == 'nan':
      timestep = timestep._replace(observation=np.full(2, np.nan, np.float32))
    if self._fault == 'unseeded reward' and self._steps_left == 40:
      timestep = timestep._replace(reward=np.float32(self._noise.normal()))
    if self._fault == 'stuck' and timestep.first():
      timestep = timestep._replace(
          step_type=dm_env.StepType.LAST,
          reward=np.float32(0.0),
          discount=np.float32(1.0),
      )
    if self._fault == 'far':
      timestep = timestep._replace(observation=np.full(2, 99.0, np.float32))
    return timestep

  @property
  def success(self):
    if self._fault == 'success':
      return 'yes'
    return True if self._fault == 'solved' else super().success

  def action_spec(self):
    spec = super().action_spec()
    return spec.replace(shape=(3,)) if self._fault == 'action' else spec


def make_suite(fault):
  suite = fakes.point_mass_suite(1)
  task = base.Task(
      'push', 'push', 'train', functools.partial(make_broken, fault)
  )
  return dataclasses.replace(
      suite,
      name='Mine',
      tasks=(task,),
      observation_spec=specs.BoundedArray((2,), np.float32, -5.0, 5.0),
  )


def make_broken(fault, seed):
  return Broken(fault, seed)


def test_an_environment_without_a_fault_passes():
  checking.check_suite(make_suite(''))


@pytest.mark.parametrize(
    'fault, words',
    [
        ('raises', "KeyError: 'no door'"),
        (
            'unseeded',
            'with the same actions differ in the observation of step 0',
        ),
        ('unseeded reward', 'differ in the reward of step 9'),
        (
            'shape',
            r'reset returned an observation of shape \(3,\), want \(2,\)',
        ),
        ('reward', "returned 'much' as reward, want a real number"),
        ('nan', 'an observation that is not finite: nan at index 0'),
        ('far', r'99 at index 0 is outside \[-5, 5\]'),
        ('success', "returned 'yes' as success, want a bool"),
        ('solved', 'success is true after a reset'),
        ('endless', 'has not ended after 50 steps, the horizon'),
        ('stuck', 'a step after the last one returned .*LAST.*new episode'),
        ('action', r'shape=\(3,\).* want .*shape=\(2,\)'),
    ],
)
def test_a_fault_is_one_sentence(fault, words):
  with pytest.raises(ValueError, match=f"^task 'push' of Mine: .*{words}"):
    checking.check_suite(make_suite(fault))
