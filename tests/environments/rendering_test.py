"""Simulating where nothing can be drawn, and what is said of pictures there."""

from helpers import headless
import pytest

# Every simulator of ours, and a user's own; the workers import them again.
SIMULATE = """
import gymnasium
from distillery.environments.pool import factory as making_pools
from distillery.environments import suites
from distillery.environments import adapters

def cheetah(seed):
  return gymnasium.make('HalfCheetah-v5')

if __name__ == '__main__':
  mine = adapters.suite_from_factories('Mine', {'run': cheetah})
  for suite in (mine, *(suites.make_suite(name, seed=0) for name in (
      'HALF_CHEETAH', 'DAMSEL', 'MT1/reach-v3'))):
    environment = suite.train_tasks[0].factory(0)
    environment.reset(seed=0)
    environment.step(suite.action_spec.generate_value())
  with making_pools.make_pool(
      suite, envs_per_task=1, unroll_length=1, num_workers=1, seed=0):
    pass
  print('simulated')
"""

# The second try used to abort the process.
DRAW = """
from distillery.environments import suites
environment = suites.make_suite('{}', seed=0).train_tasks[0].factory(0)
environment.reset()
for _ in range(2):
  try:
    environment.render(height=8, width=8)
  except OSError as error:
    print(error)
environment.close()
"""


def run_python(code, tmp_path, **environment):
  """Returns what a program prints if PyOpenGL finds no libraries."""
  (tmp_path / 'OpenGL').mkdir()
  (tmp_path / 'OpenGL' / '__init__.py').write_text('None.glGetError')
  (tmp_path / 'program.py').write_text(code)
  return headless.run(
      'program.py', cwd=tmp_path, PYTHONPATH=str(tmp_path), **environment
  )


@pytest.mark.slow
@pytest.mark.parametrize('value', ['osmesa', 'egl', 'foo'])
def test_simulating_needs_nothing_that_draws(tmp_path, value):
  assert run_python(SIMULATE, tmp_path, MUJOCO_GL=value) == ['simulated']


ADVICE = (
    "want MUJOCO_GL=egl (Debian's libegl1) or MUJOCO_GL=osmesa (Debian's "
    'libosmesa6), set before Python starts'
)


@pytest.mark.parametrize(
    'suite, variables, says',
    [
        (
            'MT1/reach-v3',
            {},
            'there is no display, and neither EGL nor OSMesa works; install '
            "Debian's package libegl1 or libosmesa6",
        ),
        (
            'DAMSEL',
            {'DISPLAY': ':7654'},
            f'no window opens with DISPLAY=:7654; {ADVICE}',
        ),
        (
            'DAMSEL',
            {'MUJOCO_GL': 'osmesa'},
            'MUJOCO_GL=osmesa: its library is missing; Debian has the library in the '
            'package libosmesa6',
        ),
        (
            'MT1/reach-v3',
            {'MUJOCO_GL': 'egl'},
            'MUJOCO_GL=egl: its library is missing; Debian has the library in the '
            'package libegl1',
        ),
        (
            'DAMSEL',
            {'MUJOCO_GL': 'egl', 'PYOPENGL_PLATFORM': 'osmesa'},
            'MUJOCO_GL=egl and PYOPENGL_PLATFORM=osmesa exclude each other; want the '
            'second unset',
        ),
        (
            'DAMSEL',
            {'MUJOCO_GL': 'foo'},
            'MUJOCO_GL=foo is no way to draw, want egl, osmesa or glfw',
        ),
        ('DAMSEL', {'MUJOCO_GL': 'off'}, 'MUJOCO_GL=off has switched it off'),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_one_sentence(
    tmp_path, suite, variables, says
):
  assert run_python(DRAW.format(suite), tmp_path, **variables) == 2 * [
      f'cannot draw: {says}'
  ]


DRAW_ALL = """
from distillery.environments import suites
import numpy as np

def draw(environment):
  spec = environment.action_spec()
  action = np.full(spec.shape, spec.maximum, spec.dtype)
  environment.reset(seed=0)
  pictures = []
  for _ in range(2):
    for _ in range(10):
      environment.step(action)
    pictures.append(environment.render(height=66, width=88))
  assert pictures[0].dtype == 'uint8' and pictures[0].std() > 10
  assert (pictures[0] != pictures[1]).any()
  environment.close()
  return pictures[0].shape

for name in ('HALF_CHEETAH', 'DAMSEL/families', 'MT1/reach-v3', 'MAZES'):
  suite = suites.make_suite(name, seed=0)
  print(name, *draw(suite.tasks[0].factory(0)))
"""


@pytest.mark.slow
def test_every_suite_is_drawn_without_a_display():
  assert headless.run('-c', DRAW_ALL) == [
      'HALF_CHEETAH 66 88 3',
      'DAMSEL/families 66 88 3',
      'MT1/reach-v3 66 88 3',
      'MAZES 66 66 3',
  ]


LATER = """
from distillery.environments import rendering as drawing
import mujoco
tried = []

def fail(*args):
  tried.append(args)
  raise mujoco.FatalError('OpenGL is too old.\\nIndeed.')

class Context:

  def __init__(self, width, height):
    self._context = 1

  def make_current(self):
    pass

  free = make_current

mujoco.gl_context.GLContext, mujoco.MjrContext = Context, fail
for _ in range(2):
  try:
    drawing.open_renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8)
  except OSError as error:
    print(error)
print(len(tried))
"""


def test_mujoco_is_not_asked_a_second_time(tmp_path):
  said, again, tries = run_python(LATER, tmp_path)
  assert said == again and tries == '1'
  assert said.startswith('cannot draw: OpenGL is too old; want MUJOCO_GL=egl')


FALL_BACK = """
import os
import sys
import types
from distillery.environments import rendering
import mujoco

class Context:

  def __init__(self, width, height):
    self._context = 1

  def make_current(self):
    pass

  free = make_current

def load(name):
  os.environ['PYOPENGL_PLATFORM'] = name.rpartition('.')[2]
  sys.modules['OpenGL.' + name] = types
  if name == 'mujoco.egl':
    raise ImportError('no device')
  assert not [key for key in sys.modules if key.startswith('OpenGL.mujoco.egl')]
  return types.SimpleNamespace(GLContext=Context)

rendering.importlib.import_module = load
rendering._draw_without_a_display()
print(mujoco.gl_context.GLContext is Context, rendering._chosen)
print(os.environ['PYOPENGL_PLATFORM'])
"""


def test_osmesa_draws_where_egl_fails(tmp_path):
  assert run_python(FALL_BACK, tmp_path) == ['True osmesa', 'osmesa']
