"""Films during training: when there is one, and what if it fails."""

import os
import types

from distillery.agents.core.running import training_films
from distillery.environments import fakes
from helpers import drawn_points
from helpers import pool_helpers
from helpers import run_helpers
import numpy as np
from PIL import Image

POLICIES = {
    'task': pool_helpers.SeekingPolicy(),
    'shared': pool_helpers.GaussianPolicy(),  # Without its parameters.
}
PARAMETERS = {'goal': np.array([[0.8, 0.0], [0.5, 0.5]], np.float32)}


def make_films(path, suite, film_every=100):
  return training_films.TrainingFilms(
      types.SimpleNamespace(
          run_dir=types.SimpleNamespace(path=path),
          suite=suite,
          seed=0,
          film_every=film_every,
          num_env_steps=250,
      ),
      0,
  )


def test_there_is_a_film_every_so_many_steps_and_at_the_end(tmp_path):
  films = make_films(tmp_path, drawn_points.make_suite())
  for env_steps in (0, 50, 110, 130, 251):
    films.offer(env_steps, POLICIES, PARAMETERS)
  names = sorted(os.listdir(tmp_path / 'films'))
  assert names == ['000000000110.gif', '000000000251.gif']
  with Image.open(tmp_path / 'films' / names[0]) as film:
    assert film.n_frames == 51  # The second task is not solved.


def test_no_films_are_the_default(tmp_path):
  films = make_films(tmp_path, drawn_points.make_suite(), film_every=0)
  films.offer(251, POLICIES, PARAMETERS)
  assert not os.listdir(tmp_path)


def test_a_run_goes_on_without_its_films(tmp_path, capsys):
  films = make_films(tmp_path, fakes.point_mass_suite(2))
  for env_steps in (110, 251):
    films.offer(env_steps, POLICIES, PARAMETERS)
  said = capsys.readouterr().out
  assert said == (
      'warning: there are no films of this run: cannot draw: PointMass has no '
      '`render`\n'
  )


def test_a_run_makes_films(tmp_path, capsys):
  """Its point masses have no picture, so it says so."""
  run_helpers.run(tmp_path / 'run', run_helpers.INTERVAL, film_every=1)
  assert 'warning: there are no films' in capsys.readouterr().out
