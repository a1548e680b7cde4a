"""The launcher of ablations: what it refuses at once."""

import pathlib
import subprocess
import sys

import pytest

LAUNCHERS = pathlib.Path(__file__).parents[2] / 'launchers'


@pytest.mark.parametrize(
    'arguments, said',
    [
        ([], 'without: got none, want at least one'),
        (
            ['--without=a: --kl_cots=1'],
            'run_distral.py refuses --kl_cots=1: error: Unknown command line '
            "flag 'kl_cots'. Did you mean: kl_cost",
        ),
        (
            ['--without=a: --kl_cost=0', '--seeds=0,0'],
            "seeds: got '0,0', want each seed only once",
        ),
    ],
)
def test_what_it_refuses_is_one_sentence(arguments, said, tmp_path):
  result = subprocess.run(
      [
          *(sys.executable, LAUNCHERS / 'ablate.py'),
          *(f'--output_dir={tmp_path / "new"}', *arguments),
      ],
      capture_output=True,
      text=True,
      timeout=120,
  )
  assert result.returncode == 1
  assert result.stderr.startswith('error: ') and said in result.stderr
  assert len(result.stderr.splitlines()) == 1
  assert not (tmp_path / 'new').exists()
