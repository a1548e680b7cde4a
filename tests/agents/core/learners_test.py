"""Tests of what every learner does around its step."""

from acme.utils import counting
from distillery.agents.core import errors
from distillery.agents.core import learners
import numpy as np
import pytest
import tensorflow as tf


class Sum(learners.Learner):
  """Adds its batches up."""

  def __init__(self, batches, counter=None, jit_compile=False):
    self.total = tf.Variable(0.0)
    self.table = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    self.num_traces = 0
    super().__init__(
        variables={
            'policy': {
                'total': self.total,
                'table': self.table,
                'row': tf.Variable([7.0, 8.0]),
            },
            'critic': {'table': self.table},
        },
        checkpointables={'total': self.total},
        iterator=iter(batches),
        counter=counter,
        jit_compile=jit_compile,
    )

  @tf.function
  def _step(self, batch, step):
    self.num_traces += 1  # Python runs only while the function is traced.
    self.total.assign_add(batch['x'])
    return {'total': self.total, 'step': step}


def make_batches(*values):
  return [{'x': tf.constant(value)} for value in values]


def test_steps_are_counted_and_measured():
  counter = counting.Counter()
  learner = Sum(make_batches(1.0, 2.0), counter)
  learner.step()
  assert learner.metrics == {'total': 1.0, 'step': 0.0}
  learner.step()
  assert learner.metrics == {'total': 3.0, 'step': 1.0}
  assert learner.num_steps == 2
  assert counter.get_counts() == {'learner_steps': 2}


def test_a_step_is_traced_once():
  learner = Sum(make_batches(1.0, 2.0, 3.0))
  for _ in range(3):
    learner.step()
  assert learner.num_traces == 1


def test_batches_have_one_layout():
  learner = Sum(make_batches(1.0, [2.0, 3.0]))
  learner.step()
  with pytest.raises(TypeError, match=r'shape=\(2,\).*to .*shape=\(\)'):
    learner.step()


@pytest.mark.parametrize('jit_compile', [False, True])
def test_variables_are_copies_of_what_the_last_step_left(jit_compile):
  learner = Sum(make_batches(1.0, 2.0), jit_compile=jit_compile)
  totals = [learner.get_variables(['policy'])[0]['total']]
  for _ in range(2):
    learner.step()
    totals.append(learner.get_variables(['policy'])[0]['total'])
  assert totals == [0.0, 1.0, 3.0]


@pytest.mark.parametrize('jit_compile', [False, True])
def test_variables_come_by_collection_and_name(jit_compile):
  learner = Sum(make_batches(9.0), jit_compile=jit_compile)
  learner.step()
  table = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
  expected = [
      {'table': table},
      {
          'total': np.float32(9.0),
          'table': table,
          'row': np.array([7, 8], np.float32),
      },
  ]
  found = learner.get_variables(['critic', 'policy'])
  assert [list(variables) for variables in found] == [
      list(variables) for variables in expected
  ]
  for variables, wanted in zip(found, expected):
    for name, value in variables.items():
      assert value.dtype == np.float32 and value.shape == wanted[name].shape
      np.testing.assert_array_equal(value, wanted[name])


def test_variables_that_are_not_there_are_named():
  with pytest.raises(
      ValueError,
      match=(
          r"variables: got \['actor'\], want some of \['critic', 'policy'\]"
      ),
  ):
    Sum(make_batches()).get_variables(['policy', 'actor'])


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_metric_that_is_not_finite_is_an_error(value):
  learner = Sum(make_batches(1.0, value))
  learner.step()
  with pytest.raises(
      errors.NonFiniteError, match='^total is -?(nan|inf) in learner step 1; '
  ):
    learner.step()
  # It does not count as a step.
  assert learner.num_steps == 1
