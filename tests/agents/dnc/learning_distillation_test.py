"""When the central policy is moved, towards what, and the reset after it."""

from distillery.ops.trust_region import families
from helpers import small_dnc as small
import numpy as np
import pytest
import tensorflow as tf

# An idle machine needs a tenth of it.
pytestmark = pytest.mark.timeout(900)
K = small.K


def not_reset(networks):
  """Names of the variables of local policies that are not the centre's."""
  variables = networks.policy.acting_variables()
  return {
      name.removeprefix('task/')
      for name, variable in variables.items()
      if name.startswith('task/')
      and (
          variable.numpy() != variables[name.replace('task', 'shared')].numpy()
      ).any()
  }


WEIGHTS = {'w0', 'b0', 'w1', 'b1'}
# With a period of 3, the steps that end with a reset; what moves in the others,
# and in how many epochs of distillation.
PAPER = ([2, 5], {'local'}, 0)
CONTINUAL = ([2, 5], {'local', 'central'}, 1)
WITH_TRPO = ([2, 5], {'local', 'central'}, 0)
RELEASE = ([0, 3, 6], {'local', 'central'}, 1)


@pytest.mark.parametrize(
    'changes, schedule',
    [
        (dict(), PAPER),
        (dict(variant='unconstrained'), PAPER),
        (dict(variant='centralized'), CONTINUAL),
        (dict(central_trpo=True), WITH_TRPO),
        (dict(mode='release'), RELEASE),
        (dict(mode='release', variant='centralized'), RELEASE),
    ],
)
def test_it_distills_and_resets_at_the_period(changes, schedule):
  # When policies move does not depend on the accuracy of their steps.
  config = small.make_config(distillation_period=3, cg_iterations=5, **changes)
  networks = small.make_networks(config)
  learner = small.make_learner(config, networks)
  resets, moves_between, epochs_between = schedule
  adam = learner.checkpointables['distillation_optimizer']
  kept = {'log_std'} if config.mode == 'release' else set()
  for step in range(7):
    before, updates = small.copies(networks), int(adam.iterations)
    learner.step()
    moved = small.moved(before, small.copies(networks))
    epochs = config.distillation_epochs if step in resets else epochs_between
    assert adam.iterations - updates == epochs * config.distillation_minibatches
    if step in resets:
      assert moved == {'local', 'central'}
      assert not_reset(networks) == kept
      # The local policies as they are evaluated, right after a distillation.
      observation = tf.random.stateless_normal([K, 5, small.D], [0, step])
      kl = small.kl(
          *(
              small.parameters(policy(observation))
              for policy in (networks.policy.task, networks.policy.shared)
          )
      )
      # Products of K matrices and of one may round in other ways.
      assert (kl > 1e-6).any() if kept else (kl < 1e-6).all()
    else:
      assert moved == moves_between
      assert not_reset(networks) == WEIGHTS | {'log_std'}


def first_gradient(learner):
  """Returns the gradients of Adam's first step, from its first moments."""
  adam = learner.checkpointables['distillation_optimizer']
  assert adam.iterations == 1
  return [
      v.numpy() / (1.0 - adam.beta_1)
      for v in adam.variables
      if v.name.startswith('m/')
  ]


@pytest.mark.parametrize('mode', ['paper', 'release'])
def test_it_distills_towards_the_policies_of_the_mode(mode):
  """Towards where the locals went; in the release, what they acted by."""

  def step(**changes):
    config = small.make_config(
        mode=mode, distillation_minibatches=1, distillation_epochs=1, **changes
    )
    networks = small.make_networks(config)
    acted = small.parameters(networks.policy.task(observation))
    learner = small.make_learner(config, networks)
    learner.num_steps = 99
    learner.step()
    return networks.policy, learner, acted

  block = small.make_block(small.make_networks(small.make_config()).policy)
  observation = tf.constant(small.rows(block['observation']))
  _, learner, (acted, _) = step(distillation_period=1)
  found = first_gradient(learner)
  # The same step, but for the distillation.
  policy, _, _ = step(
      distillation_period=1000, distillation_learning_rate=1e-30
  )
  local_mean, local_std = small.parameters(policy.task(observation))
  with tf.GradientTape() as tape:
    mean, std = families.parameters(policy.shared(observation))
    # KL(pi_i || pi_c) = log s_c/s_i + (s_i^2 + (m_i - m_c)^2) / 2 s_c^2 - 1/2
    each = {
        'paper': tf.math.log(std)
        + (local_std**2 + (local_mean - mean) ** 2) / (2.0 * std**2),
        'release': (acted - mean) ** 2,
    }[mode]
    loss = tf.reduce_mean(tf.reduce_sum(each, axis=-1))
  expected = tape.gradient(
      loss, policy.shared_variables(), unconnected_gradients='zero'
  )
  assert len(found) == len(expected)
  for a, b in zip(found, expected):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
  has_gradient = mode == 'paper'  # The deviations of pi_c.
  assert (np.abs(found[-1]) > 1e-3).all() == has_gradient
