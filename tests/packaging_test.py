"""setup.py, constraints.txt and the Makefile hold together."""

import os
import pathlib
import re
import runpy
import shutil
import subprocess

from packaging import requirements
import pytest
import setuptools

ROOT = pathlib.Path(__file__).parents[1]
MAKE = shutil.which('make')


@pytest.fixture
def setup_arguments(monkeypatch):
  """Returns the arguments that setup.py passes to setuptools."""
  given = {}
  monkeypatch.setattr(setuptools, 'setup', given.update)
  runpy.run_path(str(ROOT / 'setup.py'))
  return given


def test_every_package_is_found(setup_arguments):
  packages = setup_arguments['packages']
  assert 'distillery.agents.distral' in packages
  for package in packages:
    folder = ROOT / setup_arguments['package_dir'][package]
    assert (folder / '__init__.py').is_file()
  for folder in ('ops', 'networks', 'environments', 'agents', 'launchers'):
    assert f'distillery.{folder}' in packages
    assert (ROOT / folder / 'py.typed').is_file()


@pytest.mark.parametrize('python', ['3.10.13', '3.11.7'])
def test_the_lock_holds_every_requirement(python, setup_arguments):
  environment = {
      'python_version': python.rpartition('.')[0],
      'python_full_version': python,
      'sys_platform': 'linux',
      'platform_python_implementation': 'CPython',
      'implementation_name': 'cpython',
  }
  locked = {}
  for line in (ROOT / 'constraints.txt').read_text().splitlines():
    if re.match(r'\w', line):
      pin = requirements.Requirement(line)
      if pin.marker is None or pin.marker.evaluate(environment):
        assert pin.name not in locked, 'one version for each Python'
        locked[pin.name] = str(pin.specifier).removeprefix('==')
  wanted = [
      *setup_arguments['install_requires'],
      *sum(setup_arguments['extras_require'].values(), []),
  ]
  for text in wanted:
    requirement = requirements.Requirement(text)
    assert requirement.specifier.contains(locked[requirement.name]), text


def make(*arguments, cwd=ROOT, **environment):
  return subprocess.run(
      [MAKE, *arguments],
      cwd=cwd,
      env={**os.environ, **environment},
      capture_output=True,
      text=True,
      timeout=60,
  )


def test_without_a_fitting_python_make_says_so(tmp_path):
  for name in ('Makefile', 'setup.py', 'constraints.txt'):
    shutil.copy(ROOT / name, tmp_path)
  result = make('run', cwd=tmp_path, PATH=str(tmp_path))
  assert result.returncode != 0
  (sentence,) = result.stderr.strip().split('\n')
  assert 'needs Python 3.10 or 3.11' in sentence
  assert not (tmp_path / '.venv').exists()


def test_make_installs_once(tmp_path):
  for name in ('Makefile', 'setup.py', 'constraints.txt'):
    shutil.copy(ROOT / name, tmp_path)
  assert 'pip install' in make('-n', 'run', cwd=tmp_path).stdout
  (tmp_path / '.venv').mkdir()
  (tmp_path / '.venv' / '.installed').touch()
  again = make('-n', 'run', cwd=tmp_path).stdout
  assert 'pip install' not in again and 'run_distral.py' in again
  assert 'pip install' in make('-n', 'test', cwd=tmp_path).stdout
  (tmp_path / '.venv' / '.installed-test').touch()
  assert 'pip install' not in make('-n', 'test', cwd=tmp_path).stdout
  later = (tmp_path / '.venv' / '.installed').stat().st_mtime + 10
  os.utime(tmp_path / 'constraints.txt', (later, later))
  assert 'pip install' in make('-n', 'run', cwd=tmp_path).stdout
