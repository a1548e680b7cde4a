"""Stacked values, and linear values against NumPy's least squares."""

from distillery.networks import values
import numpy as np
import pytest
import tensorflow as tf

K, N, D = 3, 60, 4


def make(scale=1.0, seed=0):
  return values.StackedValue(
      K, D, hidden_sizes=(6,), scale=scale, min_observation_std=0.01, seed=seed
  )


def observations():
  return tf.constant(
      np.random.default_rng(0).normal(size=(K, N, D)), tf.float32
  )


def test_shape_and_scale():
  one, hundred = make()(observations()), make(scale=100.0)(observations())
  assert one.shape == (K, N)
  assert (one.numpy() != 0.0).all()
  np.testing.assert_allclose(hundred, 100.0 * one, rtol=1e-6)


def test_statistics_are_the_tasks_own():
  net = make()
  observation = observations()
  before = net(observation).numpy()
  moved = tf.concat([observation[:1], 50.0 + 9.0 * observation[1:]], 0)
  net.observe(moved)
  other = make()
  other.observe(observation)
  np.testing.assert_array_equal(net(observation)[0], other(observation)[0])
  assert (net(observation)[1].numpy() != other(observation)[1].numpy()).all()
  assert (net(observation).numpy() != before).all()


def test_each_variable_has_a_task_axis_and_rows_do_not_mix():
  net = make()
  assert net.trainable_variables
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(net(observations())[1])
  for gradient in tape.gradient(loss, net.trainable_variables):
    assert gradient.shape[0] == K
    assert not gradient.numpy()[0].any() and gradient.numpy()[1].any()


def data(seed=0):
  rng = np.random.default_rng(seed)
  observation = rng.normal(size=(K, N, D)).astype(np.float32)
  step = rng.integers(0, 500, size=(K, N)).astype(np.int32)
  return observation, step, rng.normal(size=(K, N)).astype(np.float32)


def fitted(observation, step, target, num_tasks=K):
  net = values.LinearValue(
      num_tasks, observation.shape[-1], ridge=1.0, memory=0.5
  )
  net.fit(*(tf.constant(x) for x in (observation, step, target)))
  return net


def expected(observation, step, target, weight=1.0):
  """Ridge regression of one task, by rows added to a least-squares problem."""
  o = np.clip(observation.astype(np.float64), -10.0, 10.0)
  t = step[:, np.newaxis] / 100.0
  phi = np.concatenate([o, o**2, t, t**2, t**3, np.ones_like(t)], axis=1)
  size = phi.shape[1]
  root = np.broadcast_to(np.sqrt(weight), target.shape)
  weights = np.linalg.lstsq(
      np.concatenate([root[:, np.newaxis] * phi, np.eye(size)]),
      np.concatenate([root * target, np.zeros(size)]),
      rcond=None,
  )[0]
  return phi @ weights


def test_linear_values_are_zero_before_the_first_fit():
  observation, step, _ = data()
  value = values.LinearValue(K, D, ridge=1.0, memory=0.5)(observation, step)
  assert value.dtype == tf.float32
  np.testing.assert_array_equal(value, np.zeros([K, N]))


def test_linear_values_equal_least_squares_task_by_task():
  observation, step, target = data()
  observation[0, 0] = 1e3  # Clipped to 10.
  value = fitted(observation, step, target)(observation, step)
  for k in range(K):
    np.testing.assert_allclose(
        value[k],
        expected(observation[k], step[k], target[k]),
        rtol=1e-5,
        atol=1e-6,
    )


def test_linear_values_have_every_feature():
  observation, step, _ = (np.tile(x, [1, 200, 1][: x.ndim]) for x in data())
  t = step / 100.0
  target = (
      observation[..., 0]
      - 2.0 * observation[..., 1] ** 2
      + 3.0 * t
      - 0.5 * t**2
      + 0.1 * t**3
      + 7.0
  )
  value = fitted(observation, step, target)(observation, step)
  np.testing.assert_allclose(value, target, atol=0.03)


def test_earlier_batches_count_less_and_less():
  net = values.LinearValue(K, D, ridge=1.0, memory=0.5)
  batches = [data(seed=i) for i in range(3)]
  for batch in batches:
    net.fit(*batch)
  observation, step, target = (np.concatenate(x, axis=1) for x in zip(*batches))
  value = net(observation, step)
  for k in range(K):
    np.testing.assert_allclose(
        value[k],
        expected(
            observation[k], step[k], target[k], np.repeat([0.25, 0.5, 1.0], N)
        ),
        rtol=1e-5,
        atol=1e-6,
    )


def test_linear_values_of_tasks_do_not_mix():
  observation, step, target = data()
  before = fitted(observation, step, target)(observation, step).numpy()
  target[1] += 5.0
  after = fitted(observation, step, target)(observation, step).numpy()
  np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
  assert (np.abs(before[1] - after[1]) > 1.0).all()


def test_collinear_features_are_no_trouble():
  """A one-hot equals its square and, within a task, the constant."""
  observation, step, target = data()
  observation[..., 0], observation[..., 1] = 1.0, 0.0
  observation[..., 3] = observation[..., 2]
  value = fitted(observation, step, target)(observation, step)
  for k in range(K):
    np.testing.assert_allclose(
        value[k],
        expected(observation[k], step[k], target[k]),
        rtol=1e-4,
        atol=1e-4,
    )


def test_nan_is_seen_and_stays_with_its_task():
  observation, step, target = data()
  observation[1, 3, 2] = np.nan
  value = fitted(observation, step, target)(observation, step).numpy()
  assert np.isnan(value[1]).all()
  assert np.isfinite(value[[0, 2]]).all()


def test_linear_values_fit_inside_a_function_and_are_checkpointed(tmp_path):
  observation, step, target = data()
  net = values.LinearValue(K, D, ridge=1.0, memory=0.5)
  tf.function(net.fit)(observation, step, target)
  want = fitted(observation, step, target)(observation, step)
  np.testing.assert_allclose(net(observation, step), want, rtol=1e-6)
  path = tf.train.Checkpoint(net=net).write(str(tmp_path / 'net'))
  other = values.LinearValue(K, D, ridge=1.0, memory=0.5)
  tf.train.Checkpoint(net=other).read(path).assert_consumed()
  for value in (net, other):  # What it remembers is restored as well.
    value.fit(observation, step, -target)
  np.testing.assert_array_equal(
      other(observation, step), net(observation, step)
  )


def test_linear_values_have_nothing_to_train():
  observation, step, target = data()
  net = fitted(observation, step, target)
  assert not net.weights.trainable
  with tf.GradientTape() as tape:
    tape.watch(x := tf.constant(observation))
    value = net(x, step)
  assert tape.gradient(value, x) is None


@pytest.mark.parametrize(
    'changes, words',
    [
        (dict(observation=[1, N, D]), 'observation'),
        (dict(observation=[K, N, 1]), 'observation'),
        (dict(step=[N]), 'step'),
        (dict(step=[K, 1]), 'step'),
        (dict(target=[N]), 'target'),
        (dict(target=[K, 1]), 'target'),
    ],
)
def test_samples_of_another_shape_are_refused(changes, words):
  shapes = {'observation': [K, N, D], 'step': [K, N], 'target': [K, N]}
  arrays = {
      name: tf.zeros(shape) for name, shape in {**shapes, **changes}.items()
  }
  net = values.LinearValue(K, D, ridge=1.0, memory=0.5)
  with pytest.raises(ValueError, match=f'linear_value: {words} has shape .*'):
    net.fit(**arrays)
  del arrays['target']
  if words != 'target':
    with pytest.raises(ValueError, match=f'linear_value: {words} has shape'):
      net(**arrays)
