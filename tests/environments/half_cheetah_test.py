"""The six half-cheetahs: what their bodies weigh, and how episodes end."""

from distillery.environments import half_cheetah
from distillery.environments import suites
import numpy as np
import pytest

# After gymnasium's model is compiled, in kg; the whole has 14.
MASSES = {
    'SmallFoot': dict(bfoot=.503, ffoot=.406),
    'BigFoot': dict(bfoot=1.885, ffoot=1.522),
    'SmallLeg': dict(bshin=.757, fshin=.573),
    'SmallThigh': dict(bthigh=.743, fthigh=.692),
    'SmallTorso': dict(torso=4.900),
    'BigTorso': dict(torso=7.514),
}


@pytest.mark.parametrize('body', half_cheetah.BODIES)
def test_a_body_weighs_what_it_should(body):
  model = half_cheetah.make_cheetah(body).model
  for name, mass in MASSES[body].items():
    assert model.body(name).mass.item() == pytest.approx(mass, abs=2e-3)
  assert model.body_mass.sum() == pytest.approx(14.)


def test_the_suite_has_all_six_and_a_name_for_each():
  suite = suites.make_suite('HALF_CHEETAH', seed=0)
  assert [task.name for task in suite.train_tasks] == list(MASSES)
  one, = suites.make_suite('HALF_CHEETAH/BigFoot', seed=0).train_tasks
  assert one.name == 'BigFoot'
  with pytest.raises(ValueError, match="Did you mean 'HALF_CHEETAH/BigFoot'"):
    suites.make_suite('HALF_CHEETAH/BigFeet', seed=0)


def test_an_episode_is_cut_off_and_not_over():
  suite = suites.make_suite('HALF_CHEETAH', seed=0)
  environment = suite.tasks[0].factory(0)
  assert environment.observation_spec().shape == suite.observation_spec.shape
  assert environment.action_spec().shape == suite.action_spec.shape
  first = environment.reset(seed=3)
  timestep, length = first, 0
  while not timestep.last():
    timestep = environment.step(np.zeros(6, np.float32))
    length += 1
  assert length == suite.horizon == 1000 and timestep.discount == 1.
  np.testing.assert_array_equal(
      environment.reset(seed=3).observation, first.observation)


def test_the_reward_is_speed_less_a_tenth_of_the_squared_action():
  cheetah = half_cheetah.make_cheetah('BigTorso')
  cheetah.reset(seed=0)
  for action in np.random.default_rng(0).uniform(-1., 1., (20, 6)):
    before = cheetah.data.qpos[0]
    _, reward, _, _, _ = cheetah.step(action)
    speed = (cheetah.data.qpos[0] - before) / cheetah.dt
    assert reward == pytest.approx(speed - .1 * (action**2).sum())
