"""A trunk with heads, or networks apart: what depends on what, and NumPy."""

import json

from distillery.networks import acting
from distillery.networks.policies import multi_head
import numpy as np
import pytest
import tensorflow as tf

K, N, D, A = 3, 4, 5, 2
ARCHITECTURES = multi_head.ARCHITECTURES


def make(architecture, hidden_sizes=(7, 6), seed=0):
  policy = multi_head.MultiHeadPolicy(
      K,
      D,
      A,
      architecture=architecture,
      hidden_sizes=hidden_sizes,
      initial_std=0.7,
      min_observation_std=0.1,
      seed=seed,
  )
  value = multi_head.MultiHeadValue(
      K,
      policy.normalizer,
      architecture=architecture,
      hidden_sizes=hidden_sizes,
      seed=seed + 1,
  )
  rng = np.random.default_rng(seed)
  for variable in (*policy.trainable_variables, *value.trainable_variables):
    variable.assign(rng.normal(scale=0.4, size=variable.shape))
  policy.normalizer.update(
      tf.constant(rng.normal(1.0, 2.0, size=(K, 50, D)), tf.float32)
  )
  return policy, value


def observations(seed=2):
  return np.random.default_rng(seed).normal(size=(K, N, D)).astype(np.float32)


@pytest.mark.parametrize('architecture', ARCHITECTURES)
@pytest.mark.parametrize('hidden_sizes', [(7,), (7, 6)])
def test_numpy_acting_is_the_same(architecture, hidden_sizes):
  policy, _ = make(architecture, hidden_sizes)
  twin = acting.from_json(
      json.loads(
          json.dumps(
              policy.acting_policy('task', (-1.0,) * A, (1.0,) * A).to_json()
          )
      )
  )
  parameters = {
      name: variable.numpy()
      for name, variable in policy.acting_variables().items()
  }
  x, order = observations(), np.array([2, 0, 2])
  selected = twin.select_tasks(parameters, order)
  # Rows of the same task, whichever unit they are in.
  want = policy.task(tf.constant(x))
  noise = twin.draw_noise(np.random.default_rng(0), 1, range(K * N)).reshape(
      K, N, A
  )
  action, log_prob = twin.sample(selected, x[order], noise)
  mean, std = (np.asarray(part)[order] for part in (want.mean(), want.stddev()))
  np.testing.assert_allclose(action, mean + std * noise, atol=1e-5)
  np.testing.assert_allclose(
      log_prob,
      (-0.5 * noise**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(-1),
      atol=1e-4,
  )
  draws = np.clip(
      mean
      + std * np.random.default_rng(1).standard_normal((20_000, *mean.shape)),
      -1.0,
      1.0,
  )
  np.testing.assert_allclose(
      twin.deterministic(selected, x[order]), draws.mean(0), atol=0.03
  )


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_what_moves_a_task(architecture):
  for which in (0, 1):  # The policy, and the values.

    def outputs(networks, which=which):
      x = tf.constant(observations())
      return np.asarray(
          networks[which](x) if which else networks[0].task(x).mean()
      )

    def moved_by(variables_of, which=which):
      networks = make(architecture)
      before = outputs(networks)
      for variable in variables_of(networks[which]):
        changed = variable.numpy()
        changed[0] += 0.3
        variable.assign(changed)
      return [
          bool(moved)
          for moved in (outputs(networks) != before).any(
              axis=(1, 2) if not which else 1
          )
      ]

    assert moved_by(lambda net: net.task_variables()) == [True, False, False]
    is_shared = architecture == 'multi_head'
    assert moved_by(lambda net: net.shared_variables()) == [is_shared] * K


def test_the_policy_shares_all_but_its_last_layer_and_the_values_their_first():
  policy, value = make('multi_head')
  assert [v.shape[0] for v in policy.shared_variables()] == [1] * 4
  assert [tuple(v.shape) for v in policy.task_variables()] == [
      (K, 1, A),
      (K, 6, A),
      (K, 1, A),
  ]
  assert [v.shape[0] for v in value.shared_variables()] == [1] * 2
  assert [v.shape[0] for v in value.task_variables()] == [K] * 4


def test_statistics_are_pooled_in_a_trunk_and_each_task_s_own_apart():
  assert make('multi_head')[0].normalizer.mean.shape == (1, 1, D)
  assert make('separate')[0].normalizer.mean.shape == (K, 1, D)


def test_an_unknown_architecture_is_refused():
  sizes = dict(architecture='shared', hidden_sizes=(4,), seed=0)
  with pytest.raises(ValueError, match="'multi_head', 'separate'.*'shared'"):
    multi_head.MultiHeadPolicy(
        2, 3, 1, initial_std=1.0, min_observation_std=0.1, **sizes
    )
  policy = multi_head.MultiHeadPolicy(
      2,
      3,
      1,
      initial_std=1.0,
      min_observation_std=0.1,
      **{**sizes, 'architecture': 'separate'},
  )
  with pytest.raises(ValueError, match="'multi_head', 'separate'.*'shared'"):
    multi_head.MultiHeadValue(2, policy.normalizer, **sizes)


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_states_of_another_number_of_tasks_are_refused(architecture):
  policy, value = make(architecture)
  for shape in ([1, K, D], [2 * K, N, D], [N, D], [K, N, 1]):
    for call in (policy.task, value):
      with pytest.raises(ValueError, match=' x has shape .*, want'):
        call(tf.zeros(shape))
