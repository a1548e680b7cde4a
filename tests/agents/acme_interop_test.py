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


def expected_return(environment, policy):
  """Computes a grid's expected return exactly, from equally likely starts.

  Args:
    environment: the grid.
    policy: [S, A] probabilities; None: the best at every step.
  """
  transitions, rewards = environment.transitions(), environment.rewards()
  value = np.zeros(len(rewards))
  for _ in range(HORIZON):
    action_value = rewards + transitions @ value
    value = (
        action_value.max(-1)
        if policy is None
        else (policy * action_value).sum(-1)
    )
  return np.delete(value, environment.goal).mean()


@pytest.mark.slow
def test_acmes_dqn_learns_a_grid(acme_adders):
  """The bounds are wide, because Reverb's samples have no seed."""
  del acme_adders
  from acme.agents.tf import dqn

  (task,) = fakes.grid_suite(1, horizon=HORIZON).tasks
  environment = task.factory(0)
  spec = acme.make_environment_spec(environment)
  num_actions = spec.actions.num_values
  # A table: a bias would be the same in all cells.
  network = snt.Sequential(
      [snt.Linear(num_actions, with_bias=False, w_init=tf.zeros_initializer())]
  )
  agent = dqn.DQN(
      environment_spec=spec,
      network=network,
      batch_size=32,
      samples_per_insert=32.0,
      min_replay_size=100,
      n_step=1,
      discount=0.9,
      epsilon=tf.Variable(0.2),
      learning_rate=0.01,
      target_update_period=20,
      logger=loggers.NoOpLogger(),
      checkpoint=False,
  )
  loop = acme.EnvironmentLoop(environment, agent, logger=loggers.NoOpLogger())
  learned = []
  for num_steps in (1000, *[50] * 8):
    loop.run(num_steps=num_steps)
    values = network(np.eye(environment.size**2, dtype=np.float32)).numpy()
    learned.append(
        expected_return(environment, np.eye(num_actions)[values.argmax(-1)])
    )
  random = expected_return(
      environment, np.full((environment.size**2, num_actions), 1 / num_actions)
  )
  optimal = expected_return(environment, None)
  assert optimal - random > 0.6
  # Which action is best in a cell may change for a while; not for most of them.
  assert np.median(learned) > random + 0.75 * (optimal - random)
  agent._server.stop()


@pytest.mark.parametrize(
    'make_environment',
    [
        lambda: fakes.point_mass_suite(1).tasks[0].factory(0),
        lambda: fakes.grid_suite(1).tasks[0].factory(0),
        lambda: suites.make_suite('MT10', seed=0).tasks[3].factory(0),
    ],
    ids=['point_mass', 'grid', 'metaworld'],
)
def test_environments_keep_to_acmes_spec(make_environment):
  """An episode and the beginning of the next one, number by number."""
  environment = make_environment()
  spec = acme.make_environment_spec(environment)
  rng = np.random.default_rng(0)

  def draw_action():
    if hasattr(spec.actions, 'num_values'):
      return np.int32(rng.integers(spec.actions.num_values))
    return rng.uniform(
        spec.actions.minimum, spec.actions.maximum, spec.actions.shape
    ).astype(spec.actions.dtype)

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
