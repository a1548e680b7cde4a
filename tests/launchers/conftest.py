"""The fixtures that the tests of several launchers need."""

import os

import pytest


@pytest.fixture(name='without_tensorflow')
def fixture_without_tensorflow(tmp_path):
  """A folder whose `tensorflow` cannot be imported: it would take seconds."""
  folder = tmp_path / 'shadow'
  folder.mkdir()
  (folder / 'tensorflow.py').write_text('raise SystemExit("was imported")')
  return dict(
      PYTHONPATH=os.pathsep.join(
          [str(folder), *filter(None, [os.environ.get('PYTHONPATH')])]
      )
  )
