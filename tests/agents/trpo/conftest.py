"""Lets these tests import their helpers by name, and step without compiling."""

import pathlib
import sys

import pytest
import tensorflow as tf

_HERE = str(pathlib.Path(__file__).parent)
if _HERE not in sys.path:
  sys.path.insert(0, _HERE)


@pytest.fixture(autouse=True)
def run_eagerly(request):
  """Compiling takes longer than a few small steps; some tests want it."""
  tf.config.run_functions_eagerly('compiled' not in request.fixturenames)
  yield
  tf.config.run_functions_eagerly(False)


@pytest.fixture
def compiled():
  """Asked for by tests whose learners step as they do in a run."""
