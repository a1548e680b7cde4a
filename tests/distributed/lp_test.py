"""`lp` takes DeepMind's Launchpad where it is installed."""

import subprocess
import sys

_NAMES = (
    'CourierHandle',
    'CourierNode',
    'LaunchType',
    'Program',
    'ReverbNode',
    'launch',
    'register_stop_handler',
    'stop',
    'stop_event',
    'unregister_stop_handler',
    'wait_for_stop',
)


def test_names_are_those_of_launchpad_if_it_is_installed(tmp_path):
  package = tmp_path / 'launchpad'
  package.mkdir()
  (package / '__init__.py').write_text(
      ''.join(f'{name} = "launchpad.{name}"\n' for name in _NAMES)
  )
  for module in ('launch', 'flags'):
    (package / f'{module}.py').write_text('')
  program = (
      'import sys; sys.path.insert(0, sys.argv[1]); '
      'from distillery.distributed import lp; '
      'print(*(getattr(lp, name) for name in sys.argv[2:]))'
  )
  result = subprocess.run(
      [sys.executable, '-c', program, str(tmp_path), *_NAMES],
      cwd=tmp_path,
      capture_output=True,
      text=True,
      check=True,
  )
  assert result.stdout.split() == [f'launchpad.{name}' for name in _NAMES]
