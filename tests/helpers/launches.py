"""Starts launchers as a user does, and reads what they leave."""

import contextlib
import csv
import functools
import os
import pathlib
import re
import signal
import subprocess
import sys

from absl import flags
from distillery.agents.core import specs
from distillery.agents.core.run_files import checkpoints
from distillery.environments import suites
from distillery.launchers.common import flag_utils
import numpy as np

_PATIENCE_S = 400.0  # With a launcher.
# Not imported: two launchers in one process would define the same flags.
FOLDER = pathlib.Path(flag_utils.__file__).parents[1]


@contextlib.contextmanager
def started(*arguments, cwd, program, **environment):
  """A launcher's process, which ends with the context."""
  process = subprocess.Popen(
      [sys.executable, *program, *arguments],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      cwd=cwd,
      # jax, if a test has loaded it here, has set TensorFlow's verbosity.
      env={
          **{
              name: value
              for name, value in os.environ.items()
              if name != 'TF_CPP_MIN_LOG_LEVEL'
          },
          **environment,
      },
      # A program in the background of a shell ignores Ctrl-C.
      preexec_fn=functools.partial(
          signal.signal, signal.SIGINT, signal.SIG_DFL
      ),
  )
  with process:
    try:
      yield process
    finally:
      process.kill()


def launch(*arguments, **kwargs):
  """The output of a launcher, and its exit status.

  Without Reverb's line about a replay that it has written. One that hangs is
  aborted, and what it said ends with where its threads were.
  """
  with started(*arguments, PYTHONFAULTHANDLER='1', **kwargs) as process:
    try:
      stdout, stderr = process.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
      process.send_signal(signal.SIGABRT)
      stdout, stderr = process.communicate()
  stderr = ''.join(
      line
      for line in stderr.splitlines(keepends=True)
      if 'Stored checkpoint to' not in line
  )
  return subprocess.CompletedProcess(
      process.args, process.returncode, stdout, stderr
  )


def assert_one_sentence(text, words):
  assert re.fullmatch(rf'error: [^\n]*{words}[^\n]*\n', text), text


def assert_refused(result, words):
  """It ended at once with one sentence, before anything was printed."""
  assert (result.returncode, result.stdout) == (1, '')
  assert_one_sentence(result.stderr, words)


def read_flagfile(path, config_class, others=()):
  """Reads a flagfile: the agent's config, the run's options and its tasks.

  Flags of other names than `others` have to be of the config or the run.
  """
  flag_values = flags.FlagValues()
  config, run = (
      flag_utils.define(kind, flag_values)
      for kind in (config_class, flag_utils.RunOptions)
  )
  for name in others:
    flags.DEFINE_string(name, '', '', flag_values=flag_values)
  assert not flag_values(['launcher', f'--flagfile={path}'])[1:]
  run = run.value()
  suite = suites.make_suite(run.suite, seed=run.seed)
  return (
      config.value(),
      run,
      specs.AgentSpec(
          num_tasks=len(suite.train_tasks),
          num_test_tasks=len(suite.test_tasks),
          observation_spec=suite.observation_spec,
          action_spec=suite.action_spec,
          horizon=suite.horizon,
      ),
  )


def rows_of(path):
  with open(path, newline='') as f:
    return list(csv.DictReader(f))


def assert_same_policy(run_dir, other):
  """The newest checkpoints of two runs hold the same numbers."""
  paths = [checkpoints.newest(path) / 'policy.npz' for path in (run_dir, other)]
  with np.load(paths[0]) as wanted, np.load(paths[1]) as got:
    assert set(got) == set(wanted)
    for name, value in wanted.items():
      assert np.array_equal(value, got[name]), name
