"""Lets the tests of agents step without compiling."""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def run_eagerly(request):
  """Compiling takes longer than a few small steps; some tests want it.

  Those of the core and of whole runs do.
  """
  compiles = (request.path.parent.name in ('agents', 'core')
              or 'compiled' in request.fixturenames)
  tf.config.run_functions_eagerly(not compiles)
  yield
  tf.config.run_functions_eagerly(False)


@pytest.fixture
def compiled():
  """Asked for by tests whose learners step as they do in a run."""
