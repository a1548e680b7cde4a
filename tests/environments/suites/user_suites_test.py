"""Suites of a user's own modules, by name."""

import sys

from distillery.environments import suites
from distillery.environments.suites import user_suites
import pytest

MODULE = """
from distillery.environments import fakes

points = fakes.point_mass_suite(2)

def of_seed(seed):
  return fakes.point_mass_suite(seed)

def grid():
  return fakes.grid_suite(3)

def broken():
  raise KeyError('no file')

number = 3
"""


@pytest.fixture(autouse=True)
def fixture_module(tmp_path, monkeypatch):
  (tmp_path / 'my_tasks.py').write_text(MODULE)
  (tmp_path / 'my_fault.py').write_text('import no_such_thing')
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, 'path', [p for p in sys.path if p])
  yield
  for name in ('my_tasks', 'my_fault'):
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    'attribute, num_tasks', [('points', 2), ('of_seed', 5), ('grid', 3)]
)
def test_a_suite_is_found_by_its_name(attribute, num_tasks):
  suite = suites.make_suite(f'my_tasks:{attribute}', seed=5)
  assert suite.name == f'my_tasks:{attribute}'
  assert len(suite.train_tasks) == num_tasks


@pytest.mark.parametrize(
    'name, words',
    [
        ('no_tasks:points', 'ModuleNotFoundError: .*no_tasks.*; want a module'),
        ('my_fault:points', "cannot import .*No module named 'no_such_thing'"),
        ('my_tasks:pints', "no 'pints'; it has points, of_seed, grid, broken"),
        ('my_tasks:', "has no ''"),
        (':points', 'cannot import'),
        ('my_tasks:number', 'gave a int, want a TaskSuite'),
        ('my_tasks:broken', "my_tasks:broken failed: KeyError: 'no file'"),
    ],
)
def test_what_is_no_suite_is_one_sentence(name, words):
  with pytest.raises(ValueError, match=f'^suite: .*{words}'):
    user_suites.load(name, 0)


def test_it_has_rewards_of_its_own():
  with pytest.raises(ValueError, match='has rewards of its own'):
    suites.make_suite('my_tasks:points', seed=0, reward_function_version='v1')
