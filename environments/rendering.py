"""Imports MuJoCo safely and opens renderers, with or without a display.

On import, mujoco loads the graphics library that the environment variable
MUJOCO_GL names. If the library is missing, the import fails. Most programs only
simulate and never draw, so this module then imports mujoco without a library.
Every module that imports mujoco, or a package that does, imports this module
first. Where MUJOCO_GL is not set and there is no display, the first renderer
takes EGL, or OSMesa where EGL fails.
"""

import importlib
import os
import sys
from typing import List
import warnings

# The Debian package of each library that draws without a display.
_LIBRARIES = {'egl': 'libegl1', 'osmesa': 'libosmesa6'}
_OFF = ('disable', 'disabled', 'off', 'false', '0')
_chosen = os.environ.get('MUJOCO_GL', '').lower().strip()
# The reason why no context could be made. It is kept, because MuJoCo aborts the
# process at the second attempt.
_defect = ''


def _load() -> None:
  """Imports mujoco, without a graphics library if that one is missing."""
  try:
    import mujoco  # noqa: F401
  except Exception:
    set_to = os.environ.get('MUJOCO_GL')
    os.environ['MUJOCO_GL'] = 'disabled'
    try:
      import mujoco  # noqa: F401
    finally:
      del os.environ['MUJOCO_GL']
      if set_to is not None:
        os.environ['MUJOCO_GL'] = set_to


_load()
import mujoco  # noqa: E402


def open_renderer(
    model: mujoco.MjModel, height: int, width: int
) -> mujoco.Renderer:
  """Makes a renderer that draws the scenes of a model.

  Args:
    model: the model. Its offscreen buffer is made large enough.
    height: the height of a picture, in pixels.
    width: the width of a picture, in pixels.

  Returns:
    The renderer.

  Raises:
    OSError: if nothing can be drawn on this machine. The message says what is
      missing.
  """
  if not _chosen and not _displays():
    _draw_without_a_display()
  why_not = _why_not()
  if why_not:
    raise OSError(f'cannot draw: {why_not}')
  # Where no GPU draws, shadows and smooth edges take seven eighths of the time.
  model.vis.quality.shadowsize = 0
  model.vis.quality.offsamples = 0
  screen = model.vis.global_
  screen.offheight = max(height, screen.offheight)
  screen.offwidth = max(width, screen.offwidth)
  return mujoco.Renderer(model, height, width)


def _draw_without_a_display() -> None:
  """Makes mujoco draw with the first library that works here, if one does."""
  global _chosen
  before = os.environ.get('PYOPENGL_PLATFORM')
  for way in _LIBRARIES:
    try:
      context_class = importlib.import_module(f'mujoco.{way}').GLContext
      context_class(1, 1).free()
    except Exception:
      # PyOpenGL keeps the platform of its first import.
      for name in [*sys.modules]:
        if name.partition('.')[0] == 'OpenGL' or name == f'mujoco.{way}':
          del sys.modules[name]
      if before is None:
        os.environ.pop('PYOPENGL_PLATFORM', None)
    else:
      mujoco.gl_context.GLContext = context_class
      _chosen = way
      return


def _why_not() -> str:
  """Returns the reason why nothing can be drawn; empty if there is none."""
  global _defect
  context_class = getattr(mujoco.gl_context, 'GLContext', None)
  if context_class is None:
    return _why_no_context()
  if _defect:
    return _defect
  # A context that could not be made needs the attribute when it is deleted.
  context_class._context = None
  try:
    with warnings.catch_warnings():
      # GLFW warns of the error that the returned reason describes.
      warnings.simplefilter('ignore')
      context = context_class(1, 1)
  except Exception as error:
    return _of_library(_first_line(error))
  if not context._context:
    return _of_display()
  try:
    context.make_current()
    mujoco.MjrContext(
        mujoco.MjModel.from_xml_string('<mujoco/>'),
        mujoco.mjtFontScale.mjFONTSCALE_50.value,
    ).free()
  except Exception as error:
    _defect = _of_library(_first_line(error))
  finally:
    context.free()
  return _defect


def _why_no_context() -> str:
  """Returns the reason why mujoco has no graphics library."""
  if _chosen in _OFF:
    return f'MUJOCO_GL={_chosen} has switched it off'
  if _chosen in _LIBRARIES:
    return _of_library('its library is missing')
  if _chosen in ('', 'glfw'):
    return f'GLFW cannot be loaded; {_advice()}'
  return f'MUJOCO_GL={_chosen} is no way to draw, want egl, osmesa or glfw'


def _of_library(reason: str) -> str:
  """Returns a reason with the package that has the chosen library."""
  if _chosen not in _LIBRARIES:
    return f'{reason}; {_advice()}'
  platform = os.environ.get('PYOPENGL_PLATFORM', _chosen)
  if platform.lower() != _chosen:
    return (
        f'MUJOCO_GL={_chosen} and PYOPENGL_PLATFORM={platform} exclude '
        'each other; want the second unset'
    )
  where = (
      ''
      if 'environment variable' in reason
      else (f'; Debian has the library in the package {_LIBRARIES[_chosen]}')
  )
  return f'MUJOCO_GL={_chosen}: {reason}{where}'


def _of_display() -> str:
  """Returns the reason why no window can be opened."""
  named = _displays()
  if named:
    return f'no window opens with {" and ".join(named)}; {_advice()}'
  return (
      'there is no display, and neither EGL nor OSMesa works; install '
      f"Debian's package {' or '.join(_LIBRARIES.values())}"
  )


def _displays() -> List[str]:
  """Returns the environment variables that name a display."""
  return [
      f'{name}={os.environ[name]}'
      for name in ('DISPLAY', 'WAYLAND_DISPLAY')
      if os.environ.get(name)
  ]


def _advice() -> str:
  """Returns what to set so that drawing works without a display."""
  ways = ' or '.join(
      f"MUJOCO_GL={way} (Debian's {package})"
      for way, package in _LIBRARIES.items()
  )
  return f'want {ways}, set before Python starts'


def _first_line(error: Exception) -> str:
  """Returns the first line of an exception's message."""
  lines = str(error).strip().splitlines() or [type(error).__name__]
  return lines[0].rstrip('.')
