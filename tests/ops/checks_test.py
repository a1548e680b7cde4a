"""Refusals of shapes."""

from distillery.ops import checks
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def test_equal_shapes_pass():
  assert checks.same_shape('op', a=tf.zeros([2, 3]), b=tf.ones([2, 3])) is None


@pytest.mark.parametrize('shape', [[2, 1], [3], [1, 2, 3], []])
def test_the_message_names_both(shape):
  with pytest.raises(
      ValueError,
      match=r'^op: b has shape .*, but a has shape '
      r'\(2, 3\); they must be equal\.$',
  ):
    checks.same_shape('op', a=tf.zeros([2, 3]), b=tf.zeros(shape))


def test_the_third_is_compared_too():
  with pytest.raises(ValueError, match='op: c has shape'):
    checks.same_shape('op', a=tf.zeros([2]), b=tf.zeros([2]), c=tf.zeros([3]))


def test_unknown_sizes_pass_and_unknown_conflicts_do_not():
  @tf.function(input_signature=[tf.TensorSpec([None, 3])])
  def traced(x):
    checks.same_shape('op', a=x, b=tf.zeros([7, 3]))
    with pytest.raises(ValueError):
      checks.same_shape('op', a=x, b=tf.zeros([7, 4]))
    return x

  traced.get_concrete_function()


def gaussian(*shape):
  return tfd.Independent(tfd.Normal(tf.zeros(shape), 1.0), 1)


def test_of_a_distribution_the_batch_shape_counts():
  checks.same_shape('op', a=gaussian(2, 3, 4), b=tf.zeros([2, 3]))
  with pytest.raises(ValueError, match=r'^op: b has shape \(1, 3\), but a has'):
    checks.same_shape('op', a=gaussian(2, 3, 4), b=gaussian(1, 3, 4))


def test_a_wanted_shape():
  checks.has_shape('op', [None, 3], a=tf.zeros([2, 3]), b=np.zeros([5, 3]))
  for shape in ([3], [2, 4], [1, 2, 3]):
    with pytest.raises(
        ValueError, match=(r'^op: b has shape .*, want \(None, 3\)\.$')
    ):
      checks.has_shape('op', [None, 3], a=tf.zeros([2, 3]), b=tf.zeros(shape))


@pytest.mark.parametrize(
    'policy, good, bad',
    [
        (gaussian(2, 3, 4), [2, 3, 4], [[3, 4], [1, 3, 4], [2, 3, 1], [2, 3]]),
        (tfd.Categorical(logits=tf.zeros([2, 3, 4])), [2, 3], [[3], [2, 3, 1]]),
    ],
    ids=['continuous', 'discrete'],
)
def test_an_action_for_each_state(policy, good, bad):
  checks.action_of('op', policy, tf.zeros(good))
  for shape in bad:
    with pytest.raises(ValueError, match='^op: action has shape .*, want '):
      checks.action_of('op', policy, tf.zeros(shape))
