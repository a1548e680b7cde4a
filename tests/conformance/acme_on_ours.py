"""A pytest plugin: dm-acme 0.4.0's own tests, on our Launchpad.

  PYTHONPATH=tests/conformance python -m pytest -p acme_on_ours \\
    --pyargs acme.agents.tf.d4pg.agent_distributed_test

`make test-acme` makes the environment. Beside the stand-in for `launchpad`, two
lines of Acme's adders have to be met, which were written for an older Reverb
and jax: they pass an argument that is gone, and name a class by its old name.
"""

import functools
import sys

from absl import flags
from distillery.distributed import own_launchpad
import jax
import jax.numpy as jnp
import reverb

sys.modules['launchpad'] = own_launchpad
jnp.DeviceArray = jax.Array


def _drop(method, argument):
  @functools.wraps(method)
  def called(*args, **kwargs):
    kwargs.pop(argument, None)
    return method(*args, **kwargs)

  return called


reverb.Client.trajectory_writer = _drop(
    reverb.Client.trajectory_writer, 'get_signature_timeout_ms'
)


def pytest_configure():
  flags.FLAGS.mark_as_parsed()
