"""Columns with a memory: in one go, in pieces, and in NumPy."""

import json

from distillery.networks import acting
from distillery.networks.policies import recurrent
import numpy as np
import pytest
import tensorflow as tf

K, T, E, A = 3, 6, 2, 4
IMAGE = (7, 7, 5)
SIZE = 7 * 7 * 5 + A + 1

ARCHITECTURES = ('shared', 'separate', 'two_column')


def make_policy(
    architecture='two_column',
    image_shape=IMAGE,
    conv_channels=(3, 4),
    hidden_sizes=(6,),
    alpha=0.7,
):
  policy = recurrent.RecurrentColumnPolicy(
      K,
      SIZE,
      A,
      image_shape=image_shape,
      architecture=architecture,
      alpha=alpha,
      conv_channels=conv_channels,
      hidden_sizes=hidden_sizes,
      lstm_size=5,
      seed=0,
  )
  rng = np.random.default_rng(1)
  for variable in policy.trainable_variables:  # Fresh ones are half zeros.
    variable.assign(rng.normal(scale=0.3, size=variable.shape))
  return policy


def make_unroll(policy, seed=0):
  rng = np.random.default_rng(seed)
  observation = rng.normal(size=(T + 1, K, E, SIZE)).astype(np.float32)
  state = rng.normal(size=(K, E, policy.state_size)).astype(np.float32)
  is_first = rng.random((T, K, E)) < 0.3
  return observation, state, is_first


def unroll(policy, observation, state, is_first):
  """`policy.unroll` over the steps between observations `[T + 1, ...]`."""
  return policy.unroll(
      tf.constant(observation[:-1].swapaxes(0, 1)),
      tf.constant(observation[1:].swapaxes(0, 1)),
      tf.constant(state),
      tf.constant(is_first.swapaxes(0, 1)),
  )


def by_time(x):
  """`[K, T E, ...]` to `[T, K, E, ...]`."""
  x = np.asarray(x)
  return np.moveaxis(x.reshape(K, T, E, *x.shape[2:]), 0, 1)


def log_probs(distribution):
  return by_time(tf.nn.log_softmax(distribution.logits))


@pytest.mark.parametrize('architecture', ARCHITECTURES)
@pytest.mark.parametrize(
    'parts',
    [
        dict(),
        dict(image_shape=None, conv_channels=()),
        dict(image_shape=None, conv_channels=(), hidden_sizes=()),
        dict(hidden_sizes=()),
        dict(conv_channels=(3,)),
    ],
)
def test_numpy_acting_is_the_same_step_by_step(architecture, parts):
  policy = make_policy(architecture, **parts)
  observation, state, is_first = make_unroll(policy)
  output = unroll(policy, observation, state, is_first)
  parameters = {
      name: variable.numpy()
      for name, variable in policy.acting_variables().items()
  }
  for which, distribution in (('task', output.task), ('shared', output.shared)):
    twin = acting.from_json(
        json.loads(json.dumps(policy.acting_policy(which).to_json()))
    )
    assert twin.state_size == policy.state_size
    selected = twin.select_tasks(parameters, np.arange(K))
    remembered, want = state.copy(), log_probs(distribution)
    for t in range(T):
      remembered[is_first[t]] = 0.0
      logits, _ = twin._logits(selected, observation[t], remembered)
      np.testing.assert_allclose(
          logits - np.logaddexp.reduce(logits, -1, keepdims=True),
          want[t],
          atol=2e-5,
      )
      noise = twin.draw_noise(
          np.random.default_rng(t), 1, range(K * E)
      ).reshape(K, E, A)
      action, log_prob, after = twin.sample(
          selected, observation[t], noise, remembered
      )
      np.testing.assert_allclose(
          log_prob,
          np.take_along_axis(want[t], action[..., np.newaxis], -1)[..., 0],
          atol=2e-5,
      )
      best, same = twin.deterministic(selected, observation[t], remembered)
      np.testing.assert_array_equal(best, logits.argmax(-1))
      np.testing.assert_array_equal(same, after)
      remembered = after


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_in_pieces_is_the_same_as_in_one_go(architecture):
  policy = make_policy(architecture)
  observation, state, is_first = make_unroll(policy)
  whole = unroll(policy, observation, state, is_first)
  # The state half way is what acting hands on.
  twin = policy.acting_policy('task')
  selected = twin.select_tasks(
      {
          name: variable.numpy()
          for name, variable in policy.acting_variables().items()
      },
      np.arange(K),
  )
  half = state.copy()
  for t in range(T // 2):
    half[is_first[t]] = 0.0
    _, half = twin._logits(selected, observation[t], half)
  later = unroll(policy, observation[T // 2 :], half, is_first[T // 2 :])
  for got, want in (
      (later.task.logits, whole.task.logits),
      (later.shared.logits, whole.shared.logits),
      (later.value, whole.value),
      (later.next_value, whole.next_value),
  ):
    np.testing.assert_allclose(
        got,
        by_time(want)[T // 2 :].swapaxes(0, 1).reshape(got.shape),
        atol=2e-5,
    )


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_the_next_value_is_that_of_the_next_step(architecture):
  policy = make_policy(architecture)
  observation, state, _ = make_unroll(policy)
  output = unroll(policy, observation, state, np.zeros((T, K, E), bool))
  np.testing.assert_allclose(
      by_time(output.next_value)[:-1], by_time(output.value)[1:], atol=2e-5
  )


def test_earlier_steps_do_not_change_an_episode():
  policy = make_policy()
  observation, state, is_first = make_unroll(policy)
  is_first[:] = False
  is_first[3] = True
  other = observation.copy()
  other[:3] += 1.0
  one, two = (unroll(policy, x, state, is_first) for x in (observation, other))
  for part in ('task', 'shared'):
    first, second = (log_probs(getattr(x, part)) for x in (one, two))
    np.testing.assert_array_equal(first[3:], second[3:])
    assert not np.allclose(first[:3], second[:3])
  # But what was remembered at the end of step 2 is what its next value is of.
  assert not np.allclose(
      by_time(one.next_value)[2], by_time(one.value)[3], atol=1e-3
  )


def test_tasks_depend_on_their_own_column_and_on_the_shared_one():
  policy = make_policy()
  observation, state, is_first = make_unroll(policy)

  def depends(variables):
    """Which tasks' logits move, `[K]`, with row 0 of the variables."""
    before = unroll(policy, observation, state, is_first)
    old = [variable.numpy() for variable in variables]
    for variable in variables:
      changed = variable.numpy()
      changed[0] += 0.1
      variable.assign(changed)
    after = unroll(policy, observation, state, is_first)
    for variable, value in zip(variables, old):
      variable.assign(value)
    return [
        [
            not np.allclose(
                getattr(before, part).logits[k], getattr(after, part).logits[k]
            )
            for k in range(K)
        ]
        for part in ('task', 'shared')
    ]

  assert depends(policy.task_variables()) == [[True, False, False], [False] * 3]
  assert depends(policy.shared_variables()) == [[True] * 3, [True] * 3]


def test_two_columns_are_the_weighted_sum_of_logits():
  observation, state, is_first = make_unroll(make_policy())
  parts = {}
  for alpha in (0.0, 0.7):
    policy = make_policy(alpha=alpha)
    parts[alpha] = unroll(policy, observation, state, is_first)
  want = parts[0.0].task.logits + 0.7 * parts[0.0].shared.logits
  np.testing.assert_allclose(parts[0.7].task.logits, want, atol=1e-5)


def test_policies_start_nearly_uniform_and_values_at_zero():
  policy = recurrent.RecurrentColumnPolicy(
      K,
      SIZE,
      A,
      image_shape=IMAGE,
      architecture='two_column',
      alpha=0.5,
      conv_channels=(3, 4),
      hidden_sizes=(6,),
      lstm_size=5,
      seed=0,
  )
  observation, state, is_first = make_unroll(policy)
  output = unroll(policy, observation, state, is_first)
  np.testing.assert_allclose(tf.nn.softmax(output.task.logits), 0.25, atol=0.02)
  assert not np.asarray(output.value).any()


def test_too_many_convolutions_are_refused():
  with pytest.raises(
      ValueError, match='is too small for 3 convolutions; want 2 at '
  ):
    make_policy(conv_channels=(3, 4, 5))


@pytest.mark.parametrize(
    'name, shape',
    [
        ('observation', (K, T, E, 1)),
        ('observation', (1, T, E, SIZE)),
        ('next_observation', (K, T, E, 1)),
        ('is_first', (K, T, 1)),
        ('is_first', (K, E)),
        ('state', (K, E, 1)),
        ('state', (1, E, 20)),
    ],
)
def test_an_unroll_of_another_shape_is_refused(name, shape):
  policy = make_policy()
  observation, state, is_first = make_unroll(policy)
  parts = dict(
      observation=observation[:-1].swapaxes(0, 1),
      next_observation=observation[1:].swapaxes(0, 1),
      state=state,
      is_first=is_first.swapaxes(0, 1),
  )
  parts[name] = np.zeros(shape, parts[name].dtype)
  with pytest.raises(ValueError, match=f' {name} has shape .*, want'):
    policy.unroll(**{key: tf.constant(x) for key, x in parts.items()})
