"""Tests that objects which other processes cannot import are refused."""

import dataclasses
import functools
import os
import subprocess
import sys
import textwrap
import types
from typing import Any

from distillery.environments import adapters
from distillery.environments import base
from distillery.environments import fakes
from distillery.environments import pickling
from helpers import pool_helpers as helpers
from helpers import user_environments
import numpy as np
import pytest

# A factory of the script, and a pool of it.
_SCRIPT = """
    from distillery.environments import fakes
    from distillery.environments import adapters
    from helpers import pool_helpers as helpers
    from helpers import user_environments

    {define}

    if __name__ == '__main__':
      {inner}
      try:
        suite = adapters.suite_from_factories('Walks', {{'walk': walk}})
        with helpers.make_pool(suite) as pool:
          pool.wait_until_ready()
        print('walks')
      except ValueError as error:
        print(error)
"""
_FINE = """
  with helpers.make_pool(fakes.point_mass_suite(1)) as pool:
    pool.wait_until_ready()
  print('fine')
"""
_WALK = 'def walk(seed): return user_environments.Walk(seed)'


def script(define=_WALK, inner=''):
  return textwrap.dedent(_SCRIPT.format(define=define, inner=inner))


def run(arguments, folder, given=''):
  """Lines that Python prints."""
  return subprocess.run(
      [sys.executable, *arguments],
      cwd=folder,
      input=given,
      text=True,
      capture_output=True,
      timeout=100.0,
      check=True,
  ).stdout.splitlines()


def write_files(folder):
  (folder / 'package').mkdir()
  for name, text in {
      'run.py': script(),
      'package/__init__.py': '',
      'package/__main__.py': script(),
      'package/run.py': script(),
      'guarded.py': script('', _WALK),
      'in_function.py': script(
          'def define():\n      global walk\n      ' + _WALK, 'define()'
      ),
      'conditional.py': script(
          f'if True:\n      {_WALK}\n    else:\n      walk = None'
      ),
      'imported.py': script('from package.run import walk'),
  }.items():
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    'arguments, given, words',
    [
        (
            ['-c', script()],
            '',
            '__main__ has no file, as in a notebook, at a pro',
        ),
        (
            ['-'],
            script() + _FINE,
            '__main__ has no file, as in a notebook, at a',
        ),
        (
            ['-m', 'package'],
            '',
            '__main__ is a __main__.py, which a worker does',
        ),
        (
            ['package'],
            '',
            '__main__ is a __main__.py, which a worker does not run',
        ),
        (['guarded.py'], '', '__main__ has it under `if __name__ == '),
        (
            ['in_function.py'],
            '',
            'or in a function, where a worker does not see',
        ),
    ],
)
def test_classes_that_a_worker_cannot_import_are_refused_at_once(
    tmp_path, arguments, given, words
):
  write_files(tmp_path)
  said, *fine = run(arguments, tmp_path, given)
  assert said.startswith("factory of task 'walk': got <function walk at ")
  assert (
      "cannot be sent to a worker process ('walk' cannot be imported " 'there: '
  ) in said
  assert words in said and 'put in a module, a file of its own' in said
  # A factory in a module works all the same.
  assert fine == (['fine'] if given else [])


@pytest.mark.parametrize(
    'arguments',
    [['run.py'], ['-m', 'package.run'], ['conditional.py'], ['imported.py']],
)
def test_functions_of_a_script_are_accepted(tmp_path, arguments):
  write_files(tmp_path)
  assert run(arguments, tmp_path) == ['walks']


def test_a_prompt_after_a_script_is_no_file(tmp_path):
  (tmp_path / 'walks.py').write_text(
      'from distillery.environments import adapters\n'
      f'from helpers import user_environments\n{_WALK}\n'
  )
  said = run(
      ['-i', 'walks.py'],
      tmp_path,
      textwrap.dedent("""
      try:
        adapters.suite_from_factories('Walks', {'walk': walk})
      except ValueError as error:
        print(error)

      """),
  )
  assert '__main__ has no file' in said[0]


@dataclasses.dataclass(frozen=True)
class Holder:
  """Holds a function, and may have one."""

  held: Any = None

  def method(self, seed):
    raise NotImplementedError

  __call__ = method


@pytest.fixture(name='session')
def fixture_session(monkeypatch):
  """A `__main__` without a file, and what was defined at its prompt."""
  main = types.ModuleType('__main__')
  for name in ('walk', 'Policy', 'Own'):
    if name == 'walk':
      found = types.FunctionType(
          (lambda seed: user_environments.Walk(seed)).__code__, globals(), name
      )
    else:
      found = type(
          name, (helpers.GaussianPolicy if name == 'Policy' else Holder,), {}
      )
    found.__module__, found.__qualname__ = '__main__', name
    setattr(main, name, found)
  monkeypatch.setitem(sys.modules, '__main__', main)
  return main


@pytest.mark.parametrize(
    'make',
    [
        lambda main: main.walk,
        lambda main: functools.partial(main.walk, length=3),
        lambda main: Holder(main.walk),
        lambda main: main.Own(),
        lambda main: main.Own().method,
        lambda main: adapters.suites.AdaptedFactory(main.walk),
    ],
    ids=['function', 'partial', 'held', 'instance', 'method', 'adapted'],
)
def test_objects_that_refer_to_the_session_are_refused(session, make):
  thing = make(session)
  for check in (pickling.dump, pickling.check_for_program):
    with pytest.raises(
        ValueError,
        match=(
            r"^the thing cannot be sent to .* \('(walk|Own)' cannot be imported"
        ),
    ):
      check(thing, 'the thing')
  with (
      helpers.leaves_nothing(),
      pytest.raises(
          ValueError, match='a task cannot be sent to a worker process'
      ),
  ):
    helpers.make_pool([base.Task('a', 'f', 'train', thing)])


def test_tasks_and_policies_of_calls_are_looked_through(session):
  suite = fakes.point_mass_suite(1)
  task = base.Task('own', 'f', 'test', session.walk)
  policy, parameters = session.Policy(), helpers.parameters_for(1)
  with helpers.leaves_nothing(), helpers.make_pool(suite) as pool:
    with pytest.raises(ValueError, match="policy cannot .*'Policy' cannot be"):
      pool.set_policy(policy, parameters)
    with pytest.raises(ValueError, match="policy cannot .*'Policy' cannot be"):
      pool.evaluate(policy, parameters, episodes_per_task=1, seed=0)
    with pytest.raises(ValueError, match="^task 'own' cannot be .*'walk' can"):
      pool.evaluate(
          helpers.GaussianPolicy(),
          parameters,
          tasks=[task],
          episodes_per_task=1,
          seed=0,
      )
    pool.set_policy(helpers.GaussianPolicy(), parameters)
    pool.collect()  # None of this did any harm.


def test_a_module_that_no_other_process_finds_is_refused(monkeypatch):
  module = types.ModuleType('made_up')
  module.walk = types.FunctionType((lambda seed: None).__code__, {}, 'walk')
  module.walk.__module__, module.walk.__qualname__ = 'made_up', 'walk'
  monkeypatch.setitem(sys.modules, 'made_up', module)
  with pytest.raises(
      ValueError,
      match=(
          "'walk' cannot be imported there: made_up is not found on sys.path"
      ),
  ):
    pickling.dump(functools.partial(module.walk), 'a task')


def test_objects_that_cannot_be_pickled_are_refused():
  def local(seed):
    del seed

  for thing in (local, lambda seed: None, Holder(open(os.devnull))):
    with pytest.raises(
        ValueError,
        match=('^the thing cannot be sent to a worker process .*not a lambda$'),
    ):
      pickling.dump(thing, 'the thing')


class Unready:
  """Can be pickled; its copy asks for an attribute before it has any."""

  def __init__(self):
    self.inner = user_environments.Walk

  def __getattr__(self, name):
    return getattr(self.inner, name)

  def __call__(self, seed):
    return self.inner(seed)


def test_objects_that_cannot_be_unpickled_are_refused(monkeypatch):
  monkeypatch.setattr(user_environments, 'Unready', Unready, raising=False)
  monkeypatch.setattr(Unready, '__module__', 'helpers.user_environments')
  with pytest.raises(
      ValueError,
      match=("factory of task 'a': .*not be unpickled again .RecursionError"),
  ):
    adapters.suite_from_factories('Unready', {'a': Unready()})


def test_a_script_of_a_program_is_not_run_by_its_processes(monkeypatch):
  main = types.ModuleType('__main__')
  main.__file__ = __file__  # A file has it, for workers.
  main.Holder = Holder
  monkeypatch.setitem(sys.modules, '__main__', main)
  monkeypatch.setattr(Holder, '__module__', '__main__')
  pickling.dump(Holder(), 'agent_config')
  with pytest.raises(
      ValueError,
      match=(
          r"^agent_config cannot be sent to a program's processes \('Holder' "
          'cannot be imported there: __main__ is the script that was started'
      ),
  ):
    pickling.check_for_program(Holder(), 'agent_config')
  pickling.check_for_program(fakes.point_mass_suite(2), 'suite')
  pickling.check_for_program(np.tanh, 'a function')
