"""The random policy draws from the whole of the action space."""

from distillery.agents.core import baselines
from dm_env import specs
import numpy as np
import pytest


def draw(policy, num_rows=20_000):
  noise = policy.draw_noise(np.random.default_rng(0), 1, range(num_rows))
  observation = np.zeros((num_rows, 1, 3), np.float32)
  return policy.sample(
      policy.select_tasks({}, np.zeros(num_rows, int)),
      observation,
      noise[0][:, np.newaxis],
  )


def test_continuous_actions_are_uniform_within_bounds():
  spec = specs.BoundedArray((2,), np.float32, [-1.0, 0.0], [1.0, 4.0])
  action, log_prob = draw(baselines.random_policy(spec))
  assert action.shape == (20_000, 1, 2) and action.dtype == np.float32
  assert np.all(action >= spec.minimum) and np.all(action <= spec.maximum)
  np.testing.assert_allclose(action.mean((0, 1)), [0.0, 2.0], atol=0.05)
  np.testing.assert_allclose(
      action.std((0, 1)), [2.0 / 12**0.5, 4.0 / 12**0.5], rtol=0.03
  )
  np.testing.assert_allclose(log_prob, -np.log(8.0), rtol=1e-6)


def test_discrete_actions_are_equally_likely():
  action, log_prob = draw(baselines.random_policy(specs.DiscreteArray(4)))
  assert action.shape == (20_000, 1) and action.dtype == np.int32
  np.testing.assert_allclose(
      np.bincount(action[:, 0]) / 20_000, np.full(4, 0.25), atol=0.02
  )
  np.testing.assert_allclose(log_prob, -np.log(4.0), rtol=1e-6)


def test_has_no_deterministic_action():
  policy = baselines.random_policy(specs.DiscreteArray(4))
  with pytest.raises(ValueError, match='no deterministic action'):
    policy.deterministic(None, np.zeros((1, 1, 3), np.float32))
