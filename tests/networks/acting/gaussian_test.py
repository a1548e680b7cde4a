"""Tests of the noise that policies act with."""

from distillery.networks.acting import gaussian as acting_gaussian
import numpy as np
import pytest


def draw(*colors, num_steps=64, num_rows=8000, seed=0):
  """Draws noise of one dimension, [num_steps, num_rows]."""
  rng = np.random.default_rng(seed)
  return acting_gaussian.colored_noise(
      rng, num_steps, range(num_rows), 1, colors
  )[..., 0]


@pytest.mark.parametrize('num_steps', [2, 3, 64, 65])
@pytest.mark.parametrize('color', [0.0, 0.5, 1.0, 2.0])
def test_every_step_is_a_standard_normal(color, num_steps):
  x = draw(color, num_steps=num_steps)
  assert x.dtype == np.float32
  np.testing.assert_allclose(x.mean(axis=1), 0.0, atol=0.06)
  np.testing.assert_allclose(x.std(axis=1), 1.0, atol=0.06)
  np.testing.assert_allclose((x**4).mean(axis=1), 3.0, atol=0.8)


@pytest.mark.parametrize('color', [0.0, 0.5, 1.0, 2.0])
def test_power_falls_with_the_color(color):
  power = np.square(np.abs(np.fft.rfft(draw(color), axis=0))).mean(axis=1)[1:-1]
  frequency = np.arange(1, 1 + len(power))
  slope, _ = np.polyfit(np.log(frequency), np.log(power), 1)
  assert slope == pytest.approx(-color, abs=0.05)


def test_entries_of_one_step_are_independent():
  x = acting_gaussian.colored_noise(
      np.random.default_rng(0), 64, range(5000), 2, (1.0,)
  )
  assert abs(np.mean(x[..., 0] * x[..., 1])) < 0.03


def test_no_color_is_plain_noise():
  want = np.random.default_rng(3).standard_normal((7, 2), dtype=np.float32)
  np.testing.assert_array_equal(
      draw(0.0, num_steps=7, num_rows=2, seed=3), want
  )


def test_a_single_step_has_no_color():
  np.testing.assert_array_equal(draw(1.0, num_steps=1), draw(0.0, num_steps=1))


def test_noise_repeats_and_does_not_depend_on_its_neighbours():
  """Environments draw for themselves, however many one process steps."""
  one = draw(0.5, num_steps=50, num_rows=1)
  np.testing.assert_array_equal(one, draw(0.5, num_steps=50, num_rows=1))


def test_environments_have_the_colors_in_turn():
  """The color goes by the environment's index, not by its place in a call."""

  def draw_rows(environments, colors):
    return acting_gaussian.colored_noise(
        np.random.default_rng(5), 200, environments, 3, colors
    )

  mixed = draw_rows([4, 1, 2, 3], (0.0, 1.0, 0.5))
  for row, color in enumerate([1.0, 1.0, 0.5, 0.0]):
    np.testing.assert_allclose(
        mixed[:, row], draw_rows(range(4), (color,))[:, row], atol=1e-6
    )
