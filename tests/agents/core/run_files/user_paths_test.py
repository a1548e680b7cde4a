"""Paths as users write them."""

import pathlib

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import user_paths
from distillery.agents.damsel import experts
from distillery.launchers.common import trained_suites
import pytest


@pytest.mark.parametrize(
    'given, wanted',
    [
        ('~', '/my/place'),
        ('~/a/', '/my/place/a/'),
        (pathlib.Path('~/a'), '/my/place/a'),
        ('a/~', 'a/~'),
        ('./~', './~'),
        ('', ''),
        ('/a', '/a'),
    ],
)
def test_only_a_leading_tilde_is_a_home(monkeypatch, given, wanted):
  monkeypatch.setenv('HOME', '/my/place')
  assert user_paths.expand(given) == wanted


def test_an_unknown_user_raises_one_sentence():
  with pytest.raises(
      ValueError,
      match=(
          r"^the path '~nobody.here/a' begins with the home of 'nobody.here', and "
          r"there is no such user; want './~nobody.here/a' for a folder of that"
      ),
  ):
    user_paths.expand('~nobody.here/a')


@pytest.mark.filterwarnings('ignore:checkpoint')
@pytest.mark.parametrize(
    'read',
    [
        checkpoints.load_policy,
        checkpoints.train_task_names,
        curves.flat_config,
        trained_suites.read,
        experts.read,
        experts.digest,
    ],
)
def test_a_home_directory_is_expanded_for_reading(tmp_path, monkeypatch, read):
  """There is a damaged one of each; its message says where."""
  monkeypatch.setenv('HOME', str(tmp_path))
  folder = tmp_path / 'run'
  (folder / 'checkpoints' / '0').mkdir(parents=True)
  for name in ('config.json', 'versions.json', 'experts.json'):
    (folder / name).write_text('damaged')
  (folder / 'experts.npz').write_bytes(b'')
  failures = []
  for path in (str(folder), '~/run'):
    try:
      failures.append(read(path))
    except ValueError as error:
      failures.append(str(error))
  assert failures[0] == failures[1]


def test_experts_are_written_to_the_home(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  monkeypatch.chdir(tmp_path)
  with experts.held('~/experts'):
    assert not experts.exist('~/experts')
  assert [path.name for path in tmp_path.iterdir()] == ['home']
