"""Squashed policies and twin critics: who sees what, and the NumPy twin."""

import itertools
import json

from distillery.networks import acting
from distillery.networks import values as value_networks
from distillery.networks.acting import gaussian as acting_gaussian
from distillery.networks.layers import perceptrons
from distillery.networks.policies import squashed
import numpy as np
import pytest
import tensorflow as tf

K, N, D, A = 3, 2, 5, 2
LOW, HIGH = (-2.0, 0.0), (2.0, 1.0)
CASES = list(itertools.product(perceptrons.ARCHITECTURES, [False, True]))


def randomise(module, seed=0):
  rng = np.random.default_rng(seed)
  for variable in module.trainable_variables:
    variable.assign(0.5 * rng.normal(size=variable.shape))
  return module


def make_policy(architecture, observes_task, num_tasks=K):
  policy = randomise(
      squashed.SquashedPolicy(
          num_tasks,
          D,
          A,
          architecture=architecture,
          observes_task=observes_task,
          hidden_sizes=(8, 6),
          seed=0,
      )
  )
  policy.start()
  return policy


def make_critics(architecture, observes_task, seed=0):
  return randomise(
      value_networks.TwinCritics(
          K,
          D,
          A,
          architecture=architecture,
          observes_task=observes_task,
          hidden_sizes=(8, 6),
          seed=seed,
      ),
      seed,
  )


def normal(*shape, seed=1):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def arrays(policy):
  return {
      name: variable.numpy()
      for name, variable in policy.acting_variables().items()
  }


@pytest.mark.parametrize('num_tasks', [1, K])
@pytest.mark.parametrize('architecture, observes_task', CASES)
def test_the_twin_equals_tensorflow(architecture, observes_task, num_tasks):
  policy = make_policy(architecture, observes_task, num_tasks)
  twin = acting.from_json(
      json.loads(json.dumps(policy.acting_policy(LOW, HIGH).to_json()))
  )
  task_index = np.array([2, 0, 1, 2]) % num_tasks  # In no order, one twice.
  observation, noise = normal(4, N, D), normal(4, N, A, seed=2)
  selected = twin.select_tasks(arrays(policy), task_index)
  action, log_prob = twin.sample(selected, observation, noise)
  mode = twin.deterministic(selected, observation)
  assert action.dtype == log_prob.dtype == mode.dtype == np.float32
  low, high = np.array(LOW), np.array(HIGH)
  for u, k in enumerate(task_index):
    rows, drawn = np.zeros((num_tasks, N, D)), np.zeros((num_tasks, N, A))
    rows[k], drawn[k] = observation[u], noise[u]
    for noise_, got in ((drawn, action), (0.0 * drawn, mode)):
      expected = policy.sample(
          tf.constant(rows, tf.float32), tf.constant(noise_, tf.float32)
      )
      np.testing.assert_allclose(
          got[u],
          low + (high - low) * (expected.action[k] + 1.0) / 2.0,
          rtol=1e-5,
          atol=1e-5,
      )
      if got is action:
        np.testing.assert_allclose(
            log_prob[u], expected.log_prob[k], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize('shift', [-40.0, 40.0])
def test_the_twin_equals_tensorflow_far_out(shift):
  """Where tanh has rounded to 1."""
  policy = make_policy('shared', False)
  observation, noise = normal(1, N, D), np.full((1, N, A), shift, np.float32)
  twin = policy.acting_policy(LOW, HIGH)
  selected = twin.select_tasks(arrays(policy), np.array([0]))
  _, log_prob = twin.sample(selected, observation, noise)
  expected = policy.sample(
      *(
          tf.constant(np.broadcast_to(x, (K, *x.shape[1:])))
          for x in (observation, noise)
      )
  )
  np.testing.assert_allclose(log_prob[0], expected.log_prob[0], rtol=1e-5)


def test_at_first_it_is_uniform():
  policy = squashed.SquashedPolicy(
      K,
      D,
      A,
      architecture='shared',
      observes_task=True,
      hidden_sizes=(8,),
      seed=0,
  )
  twin = policy.acting_policy(LOW, HIGH)
  noise = twin.draw_noise(np.random.default_rng(0), 4000, [0])[np.newaxis, :, 0]
  observation = np.zeros((1, 4000, D), np.float32)
  task = np.array([1])
  action, log_prob = twin.sample(
      twin.select_tasks(arrays(policy), task), observation, noise
  )
  assert action.dtype == np.float32
  # Deciles of each dimension, within 4 standard errors.
  for values, low, high in zip(action[0].T, LOW, HIGH):
    counts, _ = np.histogram(values, np.linspace(low, high, 11))
    assert counts.sum() == 4000 and np.abs(counts - 400).max() < 80
  np.testing.assert_allclose(log_prob, -A * np.log(2.0), rtol=1e-6)
  policy.start()
  follows, _ = twin.sample(
      twin.select_tasks(arrays(policy), task), observation, noise
  )
  assert np.abs(follows - action).max() > 0.1


def test_noise_may_lean_to_one_side_for_a_while():
  policy = make_policy('shared', True)
  white, pink = (
      policy.acting_policy(LOW, HIGH, noise_colors=colors)
      for colors in ((), (1.0,))
  )
  noise = pink.draw_noise(np.random.default_rng(1), 100, range(5))
  np.testing.assert_array_equal(
      noise,
      acting_gaussian.colored_noise(
          np.random.default_rng(1), 100, range(5), A, (1.0,)
      ),
  )
  selected = white.select_tasks(arrays(policy), np.array([0]))
  for got, want in zip(
      *(p.sample(selected, normal(1, 5, D), noise[:1]) for p in (pink, white))
  ):
    np.testing.assert_array_equal(got, want)


def rows_that_matter(function, num_tasks=K):
  """`[K, variables]`: whether task k's output moves with a variable's slices.

  Gives for each task the set of (variable, first index) with a gradient.
  """
  found = []
  for k in range(num_tasks):
    with tf.GradientTape() as tape:
      output = tf.reduce_sum(function()[..., k, :])
    variables = tape.watched_variables()
    found.append(
        {
            (variable.name, i)
            for variable, gradient in zip(
                variables, tape.gradient(output, variables)
            )
            if gradient is not None
            for i in range(len(gradient))
            if np.any(gradient[i])
        }
    )
  return found


@pytest.mark.parametrize('architecture', perceptrons.ARCHITECTURES)
def test_tasks_share_the_layers_of_the_architecture(architecture):
  critics = make_critics(architecture, observes_task=False)
  found = rows_that_matter(lambda: critics(normal(K, 20, D), normal(K, 20, A)))
  common = set.intersection(*found)
  everything = set.union(*found)
  if architecture == 'shared':
    assert common == everything
  elif architecture == 'separate':
    assert not common
    assert len(everything) == 6 * 2 * K  # Three layers of twins.
  else:
    # Two layers of twins for all, and a last one each.
    assert {name for name, _ in common} == {
        name for name, _ in everything if 'trunk' in name
    }
    own = [rows - common for rows in found]
    assert all('heads' in name for rows in own for name, _ in rows)
    assert not set.intersection(*own) and len(own[0]) == 4


def test_separate_networks_are_those_of_a_task_alone():
  critics = make_critics('separate', observes_task=False)
  observation, action = normal(K, N, D), normal(K, N, A, seed=2)
  together = critics(observation, action)
  assert together.shape == (2, K, N)
  for k in range(K):
    alone = value_networks.TwinCritics(
        1,
        D,
        A,
        architecture='separate',
        observes_task=False,
        hidden_sizes=(8, 6),
        seed=9,
    )
    for own, stacked in zip(
        alone.trainable_variables, critics.trainable_variables
    ):
      own.assign(tf.gather(stacked, [k, K + k]))
    np.testing.assert_allclose(
        alone(observation[k : k + 1], action[k : k + 1])[:, 0],
        together[:, k],
        rtol=1e-5,
        atol=1e-6,
    )


def test_twins_differ():
  critics = value_networks.TwinCritics(
      K,
      D,
      A,
      architecture='shared',
      observes_task=True,
      hidden_sizes=(8, 6),
      seed=0,
  )
  q = critics(normal(K, N, D), normal(K, N, A))
  assert (q[0] != q[1]).numpy().all()


@pytest.mark.parametrize('architecture', ['shared', 'multi_head'])
def test_it_observes_the_task_if_the_flag_is_set(architecture):
  same = np.broadcast_to(normal(1, N, D), (K, N, D))
  zeros = np.zeros((K, N, A), np.float32)
  for observes_task in (False, True):
    policy = make_policy(architecture, observes_task)
    action = policy.sample(tf.constant(same), tf.constant(zeros)).action
    differ = np.any(action[0] != action[1])
    assert differ == (observes_task or architecture == 'multi_head')


def test_follows_by_a_share():
  critics, target = (make_critics('shared', True, seed=i) for i in (0, 1))
  before = [variable.numpy() for variable in target.trainable_variables]
  target.follow(critics, 0.25)
  for old, source, new in zip(
      before, critics.trainable_variables, target.trainable_variables
  ):
    np.testing.assert_allclose(
        new, 0.75 * old + 0.25 * source.numpy(), rtol=1e-5, atol=1e-6
    )


def test_initial_weights():
  policy = squashed.SquashedPolicy(
      K,
      D,
      A,
      architecture='multi_head',
      observes_task=True,
      hidden_sizes=(400, 300),
      seed=0,
  )
  weights = arrays(policy)
  for name, bound in (
      ('w0', np.sqrt(6.0 / (D + K))),
      ('w1', np.sqrt(6.0 / 400.0)),
      ('w2', 1e-3),
  ):
    assert 0.98 * bound < np.abs(weights[name]).max() <= 1.001 * bound


def test_refuses():
  for options, words in (
      (
          dict(architecture='two_column', hidden_sizes=(8,)),
          "architecture must be one of .*'two_column'",
      ),
      (
          dict(architecture='shared', hidden_sizes=()),
          'hidden_sizes must have at least one layer',
      ),
  ):
    with pytest.raises(ValueError, match=words):
      squashed.SquashedPolicy(K, D, A, observes_task=False, seed=0, **options)


@pytest.mark.parametrize('architecture, observes_task', CASES)
def test_states_of_another_number_of_tasks_are_refused(
    architecture, observes_task
):
  policy = make_policy(architecture, observes_task)
  critics = make_critics(architecture, observes_task)
  for shape in ((1, K, D), (2 * K, N, D), (K, N, 1)):
    with pytest.raises(ValueError, match=r'has shape .*, want \(3, None, 5\)'):
      policy.sample(tf.zeros(shape), tf.zeros([*shape[:2], A]))
    with pytest.raises(ValueError, match=r'has shape .*, want \(3, None, 7\)'):
      critics(tf.zeros(shape), tf.zeros([*shape[:2], A]))
