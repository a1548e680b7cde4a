"""Tests of what is refused before Ray starts."""

import os

from distillery.distributed import ray_checks
import pytest
from ray._private import utils


@pytest.mark.parametrize('variable', ['TMPDIR', 'RAY_TMPDIR'])
def test_a_long_name_of_the_folder_is_refused_as_ray_would(
    monkeypatch, variable
):
  for name in ('TMPDIR', 'RAY_TMPDIR'):
    monkeypatch.delenv(name, raising=False)
  ray_checks.check('')  # /tmp is short enough.
  verdicts = set()
  for length in range(30, 60):
    folder = '/' + (length - 1) * 'a'
    monkeypatch.setenv(variable, folder)
    socket = (
        f'{folder}/ray/session_2026-11-29_05-40-57_197000_{os.getpid()}/'
        'sockets/plasma_store'
    )
    try:
      utils.validate_socket_filepath(socket)
      refused = False
      longest = length
    except OSError:
      refused = True
    verdicts.add(refused)
    if not refused:
      ray_checks.check('')
      continue
    with pytest.raises(ValueError) as error:
      ray_checks.check('')
    assert str(error.value) == (
        f"{variable}: got {folder!r}, below which the names of Ray's sockets "
        f'have {len(socket)} bytes, and Unix allows 107; want a directory '
        f'whose name has {longest} bytes at most. For Ray alone, set '
        'RAY_TMPDIR, such as RAY_TMPDIR=/tmp.'
    )
  assert verdicts == {False, True}


def test_bytes_count_and_not_letters(monkeypatch):
  monkeypatch.delenv('RAY_TMPDIR', raising=False)
  monkeypatch.setenv('TMPDIR', '/' + 30 * 'ä')
  with pytest.raises(ValueError, match='^TMPDIR: '):
    ray_checks.check('')
