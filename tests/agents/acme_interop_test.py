"""Acme's own agents on our environments."""

import acme
from acme.utils import loggers
from distillery.environments import fakes
from distillery.environments import suites
import dm_env
import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

HORIZON = 30
pytestmark = pytest.mark.timeout(600)


class RandomActor(acme.Actor):
  """Acts without looking."""

  def __init__(self, num_actions, seed):
    self._num_actions = num_actions
    self._rng = np.random.default_rng(seed)

  def select_action(self, observation):
    return np.int32(self._rng.integers(self._num_actions))

  def observe_first(self, timestep):
    pass

  def observe(self, action, next_timestep):
    pass

  def update(self, wait=False):
    pass


class GreedyActor(RandomActor):
  """Acts by the values of a network."""

  def __init__(self, network):
    super().__init__(num_actions=4, seed=0)
    self._values = tf.function(network)

  def select_action(self, observation):
    return np.int32(np.argmax(self._values(observation[np.newaxis])))


@pytest.fixture(name='acme_adders')
def fixture_acme_adders(monkeypatch):
  """Mends what of Acme's adders does not go with this Reverb and jax.

  They hand the client an option which it no longer has, and look up a class of
  jax under a name which it no longer has.
  """
  import jax
  from jax import numpy as jnp
  import reverb

  class Client(reverb.Client):

    def trajectory_writer(self, *args, get_signature_timeout_ms=None, **kwargs):
      del get_signature_timeout_ms
      return super().trajectory_writer(*args, **kwargs)

  monkeypatch.setattr(reverb, 'Client', Client)
  monkeypatch.setattr(jnp, 'DeviceArray', jax.Array, raising=False)


def mean_return(environment, actor, num_episodes):
  """Of an environment that begins the same episodes for every actor."""
  loop = acme.EnvironmentLoop(environment, actor, logger=loggers.NoOpLogger())
  return np.mean([
      loop.run_episode()['episode_return'] for _ in range(num_episodes)])


def test_acmes_dqn_learns_a_grid(acme_adders):
  del acme_adders
  from acme.agents.tf import dqn
  (task,) = fakes.grid_suite(1, horizon=HORIZON).tasks
  environment = task.factory(0)
  spec = acme.make_environment_spec(environment)
  network = snt.Sequential([snt.nets.MLP([spec.actions.num_values])])
  agent = dqn.DQN(
      environment_spec=spec, network=network, batch_size=32,
      samples_per_insert=32., min_replay_size=100, n_step=1, discount=0.9,
      epsilon=tf.Variable(0.2), learning_rate=0.03, target_update_period=20,
      logger=loggers.NoOpLogger(), checkpoint=False)
  loop = acme.EnvironmentLoop(environment, agent, logger=loggers.NoOpLogger())
  loop.run(num_steps=1500)
  learned, random = (
      mean_return(task.factory(1), actor, num_episodes=40)
      for actor in (GreedyActor(network), RandomActor(4, seed=0)))
  # What a perfect agent has, from starts that are all alike likely.
  values = environment.optimal_values(discount=1. - 1e-9).max(-1)
  optimal = np.delete(values, environment.goal).mean()
  assert random < 0.75
  assert learned > optimal - 0.1
  agent._server.stop()  # pylint: disable=protected-access


@pytest.mark.parametrize('make_environment', [
    lambda: fakes.point_mass_suite(1).tasks[0].factory(0),
    lambda: fakes.grid_suite(1).tasks[0].factory(0),
    lambda: suites.make_suite('MT10', seed=0).tasks[3].factory(0),
], ids=['point_mass', 'grid', 'metaworld'])
def test_environments_keep_to_acmes_spec(make_environment):
  """An episode and the beginning of the next one, number by number."""
  environment = make_environment()
  spec = acme.make_environment_spec(environment)
  rng = np.random.default_rng(0)

  def draw_action():
    if hasattr(spec.actions, 'num_values'):
      return np.int32(rng.integers(spec.actions.num_values))
    return rng.uniform(spec.actions.minimum, spec.actions.maximum,
                       spec.actions.shape).astype(spec.actions.dtype)

  timestep = environment.reset()
  assert timestep.first() and timestep.reward is None
  spec.observations.validate(timestep.observation)
  num_steps = 0
  while not timestep.last():
    timestep = environment.step(spec.actions.validate(draw_action()))
    num_steps += 1
    spec.observations.validate(timestep.observation)
    spec.rewards.validate(timestep.reward)
    spec.discounts.validate(timestep.discount)
  assert num_steps > 1
  after = environment.step(draw_action())
  assert after.step_type == dm_env.StepType.FIRST
  environment.close()
