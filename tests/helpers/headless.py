"""Programs where there is no display."""

import os
import subprocess
import sys

_UNSET = ('DISPLAY', 'WAYLAND_DISPLAY', 'MUJOCO_GL', 'PYOPENGL_PLATFORM')


def run(*arguments, cwd=None, **variables):
  """Returns what Python prints, which ends well and reports no error."""
  kept = {
      name: value for name, value in os.environ.items() if name not in _UNSET
  }
  result = subprocess.run(
      [sys.executable, *arguments],
      capture_output=True,
      text=True,
      timeout=200,
      cwd=cwd,
      env={**kept, **variables},
  )
  assert (result.returncode, result.stderr) == (0, '')
  return result.stdout.splitlines()
