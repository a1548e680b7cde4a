"""Interquartile means and bootstrap intervals."""

from distillery.agents.core.run_files import intervals
import numpy as np
import pytest

# Four runs of five tasks, and what rliable 1.2.0 makes of them with 20,000
# repetitions: interquartile mean and mean, each with its interval.
SUCCESS = (np.arange(20) * 7 % 11 / 10).reshape(4, 5, 1)
RLIABLE = {
    'interquartile_mean': (0.48, 0.30, 0.67),
    'mean': (0.49, 0.355, 0.620),
}


@pytest.mark.parametrize('name', RLIABLE)
def test_equals_rliable(name):
  found = intervals.bootstrap(
      getattr(intervals, name), SUCCESS, repetitions=20_000
  )
  value, low, high = RLIABLE[name]
  np.testing.assert_allclose(found.value, [value], atol=1e-12)
  np.testing.assert_allclose(
      [found.low[0], found.high[0]], [low, high], atol=0.011
  )  # one step of the means


def test_interquartile_mean_by_hand():
  # Ten scores: floor(10 / 4) = 2 go at each end; 2..7 of 0..9 squared remain:
  # (4 + 9 + 16 + 25 + 36 + 49) / 6.
  scores = np.arange(10)[::-1] ** 2
  assert intervals.interquartile_mean(scores) == pytest.approx(139 / 6)
  # Three scores: nothing goes.
  assert intervals.interquartile_mean(np.array([1.0, 5.0, 0.0])) == 2


def test_runs_are_drawn_task_by_task():
  # Task a: always 0; task b: always 1. Drawn by task, the mean is always 1/2;
  # drawn over both, it would vary.
  success = np.tile([0.0, 1.0], (3, 1))[:, :, None]
  found = intervals.bootstrap(intervals.mean, success, repetitions=200)
  assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_moments_are_apart_and_one_run_has_no_width():
  success = np.array([[[0.0, 0.2], [1.0, 0.4]]])
  found = intervals.bootstrap(intervals.mean, success, repetitions=10)
  for row in found:
    np.testing.assert_allclose(row, [0.5, 0.3])


def test_width_falls_with_the_number_of_runs():
  rng = np.random.default_rng(0)
  widths = []
  for num_runs in (3, 30):
    success = rng.random((num_runs, 10, 1))
    found = intervals.bootstrap(intervals.mean, success, repetitions=500)
    widths.append(found.high[0] - found.low[0])
  assert widths[1] < 0.5 * widths[0]


@pytest.mark.parametrize('shape', [(3, 2), (0, 2, 1), (3, 2, 0)])
def test_wrong_shapes_are_refused(shape):
  with pytest.raises(ValueError, match='success: got the shape'):
    intervals.bootstrap(intervals.mean, np.zeros(shape), repetitions=10)


def test_of_nothing_there_is_no_mean():
  for statistic in (intervals.mean, intervals.interquartile_mean):
    for scores in (np.zeros((2, 0)), np.float64(1.0)):
      with pytest.raises(ValueError, match='scores: got shape .* at least one'):
        statistic(scores)
  with pytest.raises(ValueError, match='repetitions: got 0'):
    intervals.bootstrap(intervals.mean, SUCCESS, repetitions=0)
