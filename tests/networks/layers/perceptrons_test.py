"""K networks as one: rows that never mix."""

from distillery.networks.layers import perceptrons
import numpy as np
import pytest
import tensorflow as tf

K, N, D = 3, 5, 4


def make(hidden_sizes=(6, 7), seed=0, num_tasks=K, output_scale=1.0):
  return perceptrons.StackedMLP(
      num_tasks,
      D,
      hidden_sizes,
      2,
      output_scale=output_scale,
      rng=np.random.default_rng(seed),
      name='net',
  )


def randomised(net, rng):
  for variable in net.variables:
    variable.assign(rng.normal(size=variable.shape))
  return net


@pytest.mark.parametrize('hidden_sizes', [(), (6,), (6, 7)])
def test_equals_a_loop_over_tasks(hidden_sizes):
  rng = np.random.default_rng(0)
  net = randomised(make(hidden_sizes), rng)
  x = rng.normal(size=(K, N, D)).astype(np.float32)
  result = net(x)
  for k in range(K):
    y = x[k]
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases)):
      y = (np.tanh(y) if i else y) @ weight.numpy()[k] + bias.numpy()[k]
    np.testing.assert_allclose(result[k], y, rtol=1e-5, atol=1e-5)


def test_a_rows_gradient_reaches_its_own_slice_alone():
  rng = np.random.default_rng(0)
  net = randomised(make(), rng)
  x = tf.constant(rng.normal(size=(K, N, D)), tf.float32)
  assert len(net.trainable_variables) == 6
  for k in range(K):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(tf.square(net(x)[k]))
    for gradient in tape.gradient(loss, net.trainable_variables):
      per_task = np.abs(gradient).reshape(K, -1).max(axis=1)
      assert list(np.flatnonzero(per_task)) == [k]


def test_all_variables_exist_before_the_first_call():
  net = make()
  before = {variable.name for variable in net.variables}
  net(tf.zeros([K, N, D]))
  assert {variable.name for variable in net.variables} == before
  assert all(variable.shape[0] == K for variable in net.variables)


def test_seed_fixes_the_weights_and_tasks_differ():
  same, other = make(seed=1), make(seed=2)
  for a, b, c in zip(make(seed=1).weights, same.weights, other.weights):
    np.testing.assert_array_equal(a, b)
    assert (a.numpy() != c.numpy()).any()
    assert (a.numpy()[0] != a.numpy()[1]).any()


@pytest.mark.parametrize('rows, scale', [(0, 2.0), (1, 2.0), (2, 0.01)])
def test_weights_begin_orthogonal(rows, scale):
  # W^T W of the longer side is scale^2 I: 2 for hidden layers (sqrt 2 squared).
  net = make(output_scale=0.1)
  weight = net.weights[rows].numpy()[1].astype(np.float64)
  if weight.shape[0] < weight.shape[1]:
    weight = weight.T
  np.testing.assert_allclose(
      weight.T @ weight, scale * np.eye(weight.shape[1]), atol=1e-6
  )
  np.testing.assert_array_equal(net.biases[rows], 0.0 * net.biases[rows])


def test_one_network_is_an_ordinary_perceptron():
  net = make(num_tasks=1)
  assert net(tf.zeros([1, N, D])).shape == (1, N, 2)
