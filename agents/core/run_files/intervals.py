"""Computes interquartile means and bootstrap intervals (Agarwal et al. 2021).

The numbers equal those of the `rliable` package, which would install hundreds
of megabytes.
"""

from typing import Callable, NamedTuple

import numpy as np


class Interval(NamedTuple):
  """A statistic and its 95 % interval, each float64 [F]."""

  value: np.ndarray
  low: np.ndarray
  high: np.ndarray


def interquartile_mean(scores: np.ndarray) -> np.ndarray:
  """Returns the mean of the middle half of scores: float [..., N] to [...].

  A quarter of the N scores, rounded down, is left out at each end.

  Raises:
    ValueError: if there are no scores.
  """
  _check_scores(scores)
  cut = scores.shape[-1] // 4
  middle = np.sort(scores, axis=-1)[..., cut : scores.shape[-1] - cut]
  return middle.mean(axis=-1)


def mean(scores: np.ndarray) -> np.ndarray:
  """Returns the mean of scores: float [..., N] to [...].

  Raises:
    ValueError: if there are no scores.
  """
  _check_scores(scores)
  return scores.mean(axis=-1)


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray],
    success: np.ndarray,
    *,
    repetitions: int,
    seed: int = 0,
) -> Interval:
  """Computes a statistic over runs and tasks, and its bootstrap interval.

  The bootstrap is stratified: each repetition draws, for each task on its own,
  as many runs as there are, with replacement. The interval holds the middle
  95 % of the repetitions' statistics. With one run it is the value itself.

  Args:
    statistic: a function from float [..., N] to [...], such as
      `interquartile_mean`.
    success: the scores, float [runs, tasks, F]. Each of the F moments has a
      statistic of its own.
    repetitions: the number of repetitions, at least 1.
    seed: the seed of the draws, which are the same for all moments.

  Returns:
    The statistic of `success` and its interval, each [F].

  Raises:
    ValueError: if `success` has another shape or is empty, or `repetitions` is
      out of range.
  """
  success = np.asarray(success)
  if repetitions < 1:
    raise ValueError(f'repetitions: got {repetitions}, want at least 1')
  if success.ndim != 3 or not success.size:
    raise ValueError(
        f'success: got the shape {success.shape}, want [runs, tasks, moments], '
        'none of them 0'
    )
  num_runs, num_tasks, num_moments = success.shape
  rng = np.random.default_rng(seed)
  drawn = rng.integers(num_runs, size=(repetitions, num_runs, num_tasks))
  value, low, high = np.empty((3, num_moments))
  for f in range(num_moments):
    value[f] = statistic(success[:, :, f].reshape(-1))
    samples = success[drawn, np.arange(num_tasks), f]
    statistics = statistic(samples.reshape(repetitions, -1))
    low[f], high[f] = np.percentile(statistics, (2.5, 97.5))
  return Interval(value, low, high)


def _check_scores(scores: np.ndarray) -> None:
  if not scores.ndim or not scores.shape[-1]:
    raise ValueError(
        f'scores: got shape {scores.shape}, want [..., N] with at ' 'least one'
    )
