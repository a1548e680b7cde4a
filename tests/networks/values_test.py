"""Stacked values: scale, statistics, and rows that do not mix."""

from distillery.networks import values
import numpy as np
import tensorflow as tf

K, N, D = 2, 5, 3


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
