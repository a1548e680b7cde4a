"""Functions for acting with a Gaussian policy, in NumPy."""

import math
from typing import Sequence, Tuple

import numpy as np

_LOG_2PI = math.log(2.0 * math.pi)


def colored_noise(
    rng: np.random.Generator,
    num_steps: int,
    environments: Sequence[int],
    action_size: int,
    colors: Sequence[float],
) -> np.ndarray:
  """Draws standard normal noise that is correlated over time.

  The power of a row at the frequency f is proportional to f^-color: 0 is white
  noise, 1 pink and 2 red. Each entry by itself is standard normal, for any
  color. But colored actions lean to one side for a while, and so explore
  further (Hollenstein et al. 2024, "Colored Noise in PPO").

  Args:
    rng: the generator that the noise is drawn from.
    num_steps: T, the number of steps.
    environments: the index of each row's environment among those of its task,
      `[N]`. Rows are independent.
    action_size: A, the size of an action.
    colors: the exponents, >= 0. Environment e has the color
      `colors[e % len(colors)]`. Empty: white noise.

  Returns:
    The noise, `[T, N, A]` float32.
  """
  white = rng.standard_normal(
      (num_steps, len(environments), action_size), dtype=np.float32
  )
  if not any(colors) or num_steps < 2:
    return white
  color = np.array([colors[e % len(colors)] for e in environments])
  frequency = np.abs(np.fft.fftfreq(num_steps))
  frequency[0] = 1.0 / num_steps  # The mean counts as the slowest.
  amplitude = frequency[:, np.newaxis] ** (-0.5 * color)  # [T, N]
  amplitude /= np.sqrt(np.mean(np.square(amplitude), axis=0))
  half = amplitude[: num_steps // 2 + 1, :, np.newaxis]
  return np.fft.irfft(
      np.fft.rfft(white, axis=0) * half, num_steps, axis=0
  ).astype(np.float32)


def log_prob(noise: np.ndarray, std: np.ndarray) -> np.ndarray:
  """Returns the log-density of actions mean + std * noise.

  Args:
    noise: the standard normal noise, `[..., A]`.
    std: the standard deviation, `[..., A]` or a shape that broadcasts to it.

  Returns:
    The log-probabilities, `[...]`.
  """
  each = -(0.5 * np.square(noise) + np.log(std) + 0.5 * _LOG_2PI)
  return each.sum(axis=-1)


def executed_mean(
    mean: np.ndarray,
    std: np.ndarray,
    low: Tuple[float, ...],
    high: Tuple[float, ...],
) -> np.ndarray:
  """Returns the mean of the actions that the environment executes.

  The clipped mean of the Gaussian itself would not do: where the noise is wide,
  it pushes harder than the policy ever did on average, and overshoots.

  Args:
    mean: the mean of the policy's actions, `[..., A]`.
    std: their standard deviation, `[..., A]` or a shape that broadcasts to it.
    low: the A lower bounds to which the environment clips actions; empty if it
      does not clip them.
    high: the A upper bounds, or empty.

  Returns:
    E[clip(a, low, high)], `[..., A]` float32.
  """
  if not low:
    return mean
  return clipped_mean(mean, std, np.array(low), np.array(high))


def clipped_mean(
    mean: np.ndarray, std: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
  """Returns the mean of a Gaussian that is clipped to bounds.

  This is E[clip(a, low, high)] for a ~ N(mean, std^2). With Phi and phi the
  distribution function and density of the standard normal, it is

    mean (Phi(z_h) - Phi(z_l)) + std (phi(z_l) - phi(z_h))
      + low Phi(z_l) + high (1 - Phi(z_h)),
    z_l = (low - mean) / std,   z_h = (high - mean) / std

  Args:
    mean: the mean before the clipping, `[..., A]`.
    std: the standard deviation before the clipping, > 0, `[..., A]` or a shape
      that broadcasts to it.
    low: the lower bounds, which may be infinite, `[A]`.
    high: the upper bounds, which may be infinite, `[A]`.

  Returns:
    The mean after the clipping, `[..., A]` float32.
  """
  mean, std = mean.astype(np.float64), std.astype(np.float64)
  z_low, z_high = (low - mean) / std, (high - mean) / std
  below, above = (0.5 * _erfc(z / np.sqrt(2.0)) for z in (-z_low, z_high))
  density = np.exp(-0.5 * z_low**2) - np.exp(-0.5 * z_high**2)
  inside = mean * (1.0 - below - above) + std * density / np.sqrt(2.0 * np.pi)
  # An infinite bound is never reached: its term is 0, not infinity times 0.
  low, high = (np.where(np.isfinite(x), x, 0.0) for x in (low, high))
  return (inside + low * below + high * above).astype(np.float32)


_erfc = np.vectorize(math.erfc, otypes=[np.float64])
