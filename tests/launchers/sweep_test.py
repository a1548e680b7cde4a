"""The launcher of sweeps: what it refuses at once."""

import pathlib
import subprocess
import sys

import pytest

LAUNCHERS = pathlib.Path(__file__).parents[2] / 'launchers'


def run(*arguments):
  return subprocess.run(
      [sys.executable, LAUNCHERS / 'sweep.py', *arguments],
      capture_output=True,
      text=True,
      timeout=120,
  )


@pytest.mark.parametrize(
    'arguments, said',
    [
        ([], 'search: got none, want at least one'),
        (
            ['--search=kl_cots=1 2'],
            'run_distral.py refuses --kl_cots=1: error: Unknown command line '
            "flag 'kl_cots'. Did you mean: kl_cost",
        ),
        (['--search=kl_cost=0.1', '--seeds=a'], "seeds: got 'a', want whole"),
        (['--search=kl_cost=0.1..1'], 'kl_cost has a range, and a grid needs'),
    ],
)
def test_what_it_refuses_is_one_sentence(arguments, said, tmp_path):
  result = run(f'--output_dir={tmp_path}', *arguments)
  assert result.returncode == 1
  assert result.stderr.startswith('error: ') and said in result.stderr
  assert len(result.stderr.splitlines()) == 1


def test_without_optuna_it_says_how_to_install_it(tmp_path):
  (tmp_path / 'sitecustomize.py').write_text(
      'import sys\nsys.modules["optuna"] = None\n'
  )
  result = subprocess.run(
      [sys.executable, LAUNCHERS / 'sweep.py', '--search=kl_cost=1'],
      capture_output=True,
      text=True,
      timeout=120,
      env={'PYTHONPATH': str(tmp_path), 'PATH': '/usr/bin:/bin'},
  )
  assert result.returncode == 1 and 'sweep.py needs Optuna' in result.stderr
