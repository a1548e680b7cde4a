"""The episodes of a film: those of the evaluation, drawn."""

import dataclasses

from distillery.agents.core import evaluation
from distillery.agents.core.films import playing
from distillery.environments import base
from distillery.environments import fakes
from helpers import drawn_points
from helpers import pool_helpers
import numpy as np
import pytest

SEED = 5
POLICY = pool_helpers.SeekingPolicy()
# The first task is solved, with some reward left to lose; the second is not.
PARAMETERS = {'goal': np.array([[0.8, 0.02], [0.5, 0.5]], np.float32)}


def play(suite, task, **options):
  return playing.play(
      suite,
      suite.tasks[task],
      POLICY,
      PARAMETERS,
      seed=SEED,
      **{'num_episodes': 3, 'size': 8, **options},
  )


def evaluate(suite):
  with pool_helpers.make_pool(suite, seed=SEED) as pool:
    return pool.evaluate(
        POLICY,
        PARAMETERS,
        episodes_per_task=3,
        seed=SEED + evaluation.STREAM,
        until_success=suite.score == 'success',
    )


@pytest.mark.parametrize('score', base.SCORES)
def test_a_film_shows_the_episodes_of_the_evaluation(score):
  suite = drawn_points.make_suite(score=score)
  films = play(suite, 0) + play(suite, 1)
  evaluated = evaluate(suite)
  assert [episode.success for episode in evaluated] == 3 * [True] + 3 * [False]
  for episode, pictures in zip(evaluated, films):
    assert pictures[-1].return_ == pytest.approx(episode.return_, abs=1e-5)
    assert pictures[-1].solved == episode.success
    assert {picture.task for picture in pictures} == {episode.task}
  assert len({pictures[-1].return_ for pictures in films}) == 6


def test_every_step_is_drawn_if_it_is_long_enough():
  suite = drawn_points.make_suite(score='return')
  (pictures,) = play(suite, 1, num_episodes=1)
  left = [int(picture.image[0, 0, 0]) for picture in pictures]
  assert left == list(range(50, -1, -1))
  suite = dataclasses.replace(suite, seconds_per_step=0.0125)
  (pictures,) = play(suite, 1, num_episodes=1)
  left = [int(picture.image[0, 0, 0]) for picture in pictures]
  assert left == [*range(50, 0, -4), 0]  # The last step is always drawn.


def test_a_solved_episode_ends_soon():
  suite = drawn_points.make_suite()
  for episode in play(suite, 0):
    first = [picture.solved for picture in episode].index(True)
    assert 2 < first < 20
    assert len(episode) == first + 10
  for episode in play(suite, 1):
    assert len(episode) == 51


def test_what_has_no_picture_is_one_sentence():
  suite = fakes.point_mass_suite(2)
  with pytest.raises(OSError, match='^cannot draw: PointMass has no `render`'):
    play(suite, 0)


class Blank(fakes.PointMass):
  """Returns something else than a picture."""

  def render(self, *, height=480, width=480):
    return np.zeros((height, width, 3))


def make_blank(seed):
  return Blank((0.0, 0.0), seed=seed)


def test_what_is_no_picture_is_refused():
  suite = fakes.point_mass_suite(2)
  tasks = tuple(
      dataclasses.replace(task, factory=make_blank) for task in suite.tasks
  )
  with pytest.raises(
      OSError, match=r'float64, want a picture, uint8 \[H, W, 3\]'
  ):
    play(dataclasses.replace(suite, tasks=tasks), 0)
