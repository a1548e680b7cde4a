"""Refusals of shapes."""

from distillery.ops import checks
import pytest
import tensorflow as tf


def test_equal_shapes_pass():
  assert checks.same_shape(
      'op', a=tf.zeros([2, 3]), b=tf.ones([2, 3])) is None


@pytest.mark.parametrize('shape', [[2, 1], [3], [1, 2, 3], []])
def test_the_message_names_both(shape):
  with pytest.raises(ValueError, match=r'^op: b has shape .*, but a has shape '
                     r'\(2, 3\); they must be equal\.$'):
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
