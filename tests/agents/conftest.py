"""Lets the tests of agents step without compiling."""

from distillery.distributed import connections
import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def run_eagerly(request):
  """Compiling takes longer than a few small steps; some tests want it.

  Those of the core and of whole runs do.
  """
  folder = request.path.parent
  compiles = (
      folder.name == 'agents'
      or 'core' in folder.parts
      or 'compiled' in request.fixturenames
  )
  tf.config.run_functions_eagerly(not compiles)
  yield
  tf.config.run_functions_eagerly(False)


@pytest.fixture
def fall_silent(monkeypatch):
  """Has every server of Reverb's be found silent from now on."""

  def check_answers(client):
    raise ConnectionError(f'{client.server_address} is silent')

  def fall():
    monkeypatch.setattr(connections, '_SILENT_S', 0.1)
    monkeypatch.setattr(connections, 'check_answers', check_answers)

  return fall


@pytest.fixture
def compiled():
  """Asked for by tests whose learners step as they do in a run."""
