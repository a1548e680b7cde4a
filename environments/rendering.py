"""MuJoCo, and what draws the scenes that it simulates.

mujoco loads at once what the environment variable MUJOCO_GL names to draw with,
and cannot be imported where that is missing. Here it can be, since most
programs only simulate. Whatever imports mujoco, or a package that does, imports
this module before.
"""

import os
import warnings

# The library of each way to draw without a display, as Debian packages it.
_LIBRARIES = {'egl': 'libegl1', 'osmesa': 'libosmesa6'}
_OFF = ('disable', 'disabled', 'off', 'false', '0')
_chosen = os.environ.get('MUJOCO_GL', '').lower().strip()
# Why MuJoCo is not to be asked again: at the second time it aborts the process.
_defect = ''


def _load() -> None:
  """Imports mujoco, without what draws if need be."""
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
  """Makes what draws the scenes of a model.

  Args:
    model: the model, with a buffer that is large enough.
    height: the height of a picture, in pixels.
    width: the width of a picture, in pixels.

  Raises:
    OSError: if nothing can be drawn here; says what is missing.
  """
  why_not = _why_not()
  if why_not:
    raise OSError(f'cannot draw: {why_not}')
  return mujoco.Renderer(model, height, width)


def _why_not() -> str:
  """Says what is in the way of drawing; empty if nothing is."""
  global _defect
  context_class = getattr(mujoco.gl_context, 'GLContext', None)
  if context_class is None:
    return _why_no_context()
  if _defect:
    return _defect
  # One that could not be made would complain of it when it is deleted.
  context_class._context = None
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # GLFW's; the sentence says as much.
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
  """Says why mujoco has come without what draws."""
  if _chosen in _OFF:
    return f'MUJOCO_GL={_chosen} has switched it off'
  if _chosen in _LIBRARIES:
    return _of_library('its library is missing')
  if _chosen in ('', 'glfw'):
    return f'GLFW cannot be loaded; {_advice()}'
  return f'MUJOCO_GL={_chosen} is no way to draw, want egl, osmesa or glfw'


def _of_library(reason: str) -> str:
  """Says what the chosen way to draw lacks, and where that is to be had."""
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
  named = [
      f'{name}={os.environ[name]}'
      for name in ('DISPLAY', 'WAYLAND_DISPLAY')
      if os.environ.get(name)
  ]
  reason = (
      f'no window opens with {" and ".join(named)}'
      if named
      else ('there is no display')
  )
  return f'{reason}; {_advice()}'


def _advice() -> str:
  ways = ' or '.join(
      f"MUJOCO_GL={way} (Debian's {package})"
      for way, package in _LIBRARIES.items()
  )
  return f'want {ways}, set before Python starts'


def _first_line(error: Exception) -> str:
  """The first line of what an exception says."""
  lines = str(error).strip().splitlines() or [type(error).__name__]
  return lines[0].rstrip('.')
