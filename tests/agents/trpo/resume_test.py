"""A run of TRPO that was broken off ends as one that was not."""

import csv
import subprocess
import sys
import time

from distillery.agents.core.run_files import checkpoints
from helpers import trpo_runs
from helpers.trpo_runs import BLOCK
from helpers.trpo_runs import INTERVAL
import numpy as np
import pytest
import tensorflow as tf

# Compiled and not, a step differs in its last bits. As for the time: an idle
# machine needs a tenth of it.
pytestmark = [pytest.mark.usefixtures('compiled'), pytest.mark.timeout(900)]


def rows_of(path, name):
  """Returns the part of a table that must be equal in a repeated run."""
  with open(path / name, newline='') as f:
    return [
        {
            key: value
            for key, value in row.items()
            if not key.endswith(('_s', '_per_s'))
        }
        for row in csv.DictReader(f)
    ]


def assert_same_results(left, right):
  """All that the learner consists of to the bit, tables to the letter."""
  wanted, got = (
      tf.train.load_checkpoint(str(checkpoints.newest(path) / 'variables'))
      for path in (left, right)
  )
  names = [
      name
      for name in wanted.get_variable_to_shape_map()
      if not name.startswith('_CHECKPOINTABLE')
  ]
  assert any(name.startswith('critic/') for name in names)
  for name in names:
    np.testing.assert_array_equal(
        got.get_tensor(name), wanted.get_tensor(name), err_msg=name
    )
  for name in ('train.csv', 'evaluation.csv'):
    assert rows_of(left, name) == rows_of(right, name)


def kill_between_checkpoints(path):
  process = subprocess.Popen(
      [sys.executable, trpo_runs.__file__, path, '1000000000'],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
  )
  with process:
    try:
      steps = 0
      while steps < INTERVAL or steps % INTERVAL != BLOCK:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
        if (path / 'train.csv').exists():
          steps = int(rows_of(path, 'train.csv')[-1]['env_steps'])
    finally:
      process.kill()


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path):
  """With all that a critic has: Adam's moments, and statistics of targets."""
  killed, unbroken = tmp_path / 'killed', tmp_path / 'unbroken'
  kill_between_checkpoints(killed)
  steps = int(checkpoints.newest(killed).name) + INTERVAL
  trpo_runs.run(killed, steps, resume=True)
  trpo_runs.run(unbroken, steps)
  assert_same_results(unbroken, killed)


@pytest.mark.slow
def test_a_linear_critic_is_taken_up_where_it_was(tmp_path):
  broken, unbroken = tmp_path / 'broken', tmp_path / 'unbroken'
  trpo_runs.run(broken, INTERVAL, baseline='linear')
  trpo_runs.run(broken, 2 * INTERVAL, baseline='linear', resume=True)
  trpo_runs.run(unbroken, 2 * INTERVAL, baseline='linear')
  assert_same_results(unbroken, broken)
