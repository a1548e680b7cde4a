"""Tests of what programs survive again and again, and for a while.

Minutes each; what they measure is printed (`make test-faults`).
"""

import os
import re
import signal
import time

from distillery.agents.core.run_files import checkpoints
from helpers import harm
import numpy as np
import psutil
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
# The time until progress after a fault; Reverb and TensorFlow start within it.
PATIENCE_S = 60.0
WARM_UP_MINUTES = 3.0
SOAK_MINUTES = 15.0
LEAST_BLOCKS = 2_000
# TensorFlow 2.15 never frees 48 bytes of each tensor that Python 3.11 was given
# (github.com/tensorflow/tensorflow/issues/62551), of which the learner needs
# some ten a block, and a checkpoint some hundreds: most of what it grows by.
# Meta-World's blocks take seconds: one a second would be 4 MiB an hour.
MOST_BYTES_A_BLOCK = {'learner/0': 1_300}
MOST_BYTES_OF_OTHERS = 300


class Assailant:
  """Does one thing after the other to a program that runs.

  Attributes:
    launcher: of the program.
  """

  def __init__(self, path, rng):
    self.launcher = None
    self._path = path
    self._rng = rng
    self._damaged = None

  def _process(self, node):
    return harm.wait_for(
        lambda: harm.process_of(self.launcher, node),
        node,
        self.launcher,
        PATIENCE_S,
    )[0]

  def kill_an_actor(self):
    self._process(f'actor/{self._rng.integers(2)}').kill()

  def kill_a_worker(self):
    """One of those that step an actor's environments."""

    def worker():
      return [
          process
          for process in self._process(
              f'actor/{self._rng.integers(2)}'
          ).children(recursive=True)
          if 'spawn_main' in ' '.join(process.cmdline())
      ]

    found, _ = harm.wait_for(worker, 'a worker', self.launcher, PATIENCE_S)
    found[0].kill()

  def kill_the_learner(self):
    self._process('learner/0').kill()

  def kill_replay(self):
    self._process('replay/0').kill()

  def kill_the_counter(self):
    self._process('counter/0').kill()

  def kill_the_evaluator(self):
    self._process('evaluator/0').kill()

  def freeze_the_learner(self):
    process = self._process('learner/0')
    process.suspend()
    time.sleep(3.0)
    process.resume()

  def damage_the_newest_checkpoint(self):
    """Cuts one of its files in two, so that an older checkpoint is used."""
    # Two are kept, and one of them has to be whole.
    harm.wait_for(
        lambda: self._damaged
        not in checkpoints.paths(self._path / 'checkpoints'),
        'new checkpoints',
        self.launcher,
    )
    self._damaged = checkpoints.newest(self._path)
    file = self._damaged / self._rng.choice(['policy.npz', 'state.json'])
    os.truncate(file, file.stat().st_size // 2)


# The faults of a round, of which the launcher's is the last.
FAULTS = (
    Assailant.kill_an_actor,
    Assailant.kill_an_actor,
    Assailant.kill_a_worker,
    Assailant.kill_the_learner,
    Assailant.kill_replay,
    Assailant.kill_the_counter,
    Assailant.kill_the_evaluator,
    Assailant.freeze_the_learner,
    Assailant.damage_the_newest_checkpoint,
)
ROUNDS = 10


def wait_for_progress(path, launcher, seconds=PATIENCE_S):
  """Until some more is learned; returns how long."""
  least = len(harm.rows_of(path))

  def learns():
    nonlocal least  # A resumed program drops rows first.
    rows = len(harm.rows_of(path))
    least = min(least, rows)
    return rows >= least + 5  # One may have been on its way already.

  return harm.wait_for(learns, 'progress', launcher, seconds)[1]


def test_a_hundred_faults(tmp_path):
  """Faults come in random order, at random moments; the run survives each."""
  path = tmp_path / 'run'
  rng = np.random.default_rng(0)
  assailant, waits = Assailant(path, rng), []
  for round_ in range(ROUNDS + 1):
    more = ('--resume',) if round_ else ()
    with harm.started('sac', path, harm.FOREVER, 'local_mp', *more) as launcher:
      harm.wait_for_checkpoint(path, launcher)
      # Here everything starts, Ray before the rest.
      took = wait_for_progress(path, launcher, 3.0 * PATIENCE_S)
      if round_:
        waits.append(took)  # Since the launcher was ended, and started again.
        print(f'\n{len(waits)} faults survived', end='', flush=True)
      if round_ == ROUNDS:
        break
      assailant.launcher = launcher
      for fault in rng.permutation(np.array(FAULTS, object)):
        time.sleep(rng.uniform(0.0, 4.0))
        fault(assailant)
        waits.append(wait_for_progress(path, launcher))
      family = harm.descendants(launcher)
      number = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)[round_ % 3]
      launcher.send_signal(number)
      launcher.wait(timeout=PATIENCE_S)
      _, left = psutil.wait_procs(family, timeout=15.0)
      assert not left
  print(
      f'; learning again after {np.median(waits):.1f} s in the median, '
      f'{max(waits):.1f} at most'
  )
  assert len(waits) == 100
  assert 'Traceback' not in harm.log_of(path)


def test_f7_runs_that_were_interrupted_end_as_others_do(tmp_path):
  """Five seeds, killed never, once and three times on their way."""
  num_env_steps, rng = 4_000, np.random.default_rng(0)
  finals = {}
  for interruptions in (0, 1, 3):
    for seed in range(5):
      path = tmp_path / f'{interruptions}_{seed}'
      more = [f'--seed={seed}']
      for at in sorted(rng.uniform(0.2, 0.8, interruptions)):
        with harm.started(
            'learning', path, num_env_steps, 'local_mt', *more
        ) as launcher:
          harm.wait_for_steps(
              path, launcher, at * num_env_steps - harm.steps(path)
          )
          family = harm.descendants(launcher)
          launcher.kill()
          launcher.wait()
          assert not psutil.wait_procs(family, timeout=15.0)[1]
        more = [f'--seed={seed}', '--resume']
      with harm.started(
          'learning', path, num_env_steps, 'local_mt', *more
      ) as launcher:
        harm.wait_for_end(launcher, path)
      # No step is counted twice: none goes back, the end is where it was asked.
      counted, learned = np.array(
          [
              (int(row['env_steps']), int(row['learner_steps']))
              for row in harm.rows_of(path)
          ]
      ).T
      assert (np.diff(counted) >= 0).all() and (np.diff(learned) > 0).all()
      assert num_env_steps <= counted[-1] < num_env_steps + 500
      rows = harm.rows_of(path, 'evaluation.csv')
      finals.setdefault(interruptions, []).append(
          np.mean(
              [
                  float(row['return'])
                  for row in rows
                  if row['env_steps'] == rows[-1]['env_steps']
              ]
          )
      )
  print()
  intervals = {}
  for interruptions, found in finals.items():
    half = 2.776 * np.std(found, ddof=1) / np.sqrt(5)  # Student's t, 95 %.
    intervals[interruptions] = np.mean(found) - half, np.mean(found) + half
    print(
        f'{interruptions} interruptions: return {np.mean(found):.2f} +- '
        f'{half:.2f}'
    )
    assert min(found) > -6.0  # Untrained, it is below -12.
    assert abs(np.mean(found) - np.mean(finals[0])) < 1.0
  for low, high in intervals.values():
    assert low <= intervals[0][1] and high >= intervals[0][0]


def test_f15_environments_hang(tmp_path):
  """Five times their actor is ended, and another takes its place."""
  path = tmp_path / 'run'
  with harm.started('hanging', path, harm.FOREVER) as launcher:

    def failures():
      return len(
          re.findall(
              r"actor/\d failed .*has given no sign of life.* task 'point_mass_",
              harm.log_of(path),
          )
      )

    harm.wait_for(lambda: failures() >= 5, 'five that hang', launcher)
    # Each of them is there again.
    for node in ('actor/0', 'actor/1'):
      harm.wait_for(
          lambda node=node: harm.process_of(launcher, node), node, launcher
      )
    harm.wait_for_steps(path, launcher, 20)
    assert launcher.poll() is None and failures() >= 5


def test_f23_nothing_grows(tmp_path):
  """Memory, threads and files of each node's own process, for minutes."""
  path, nodes = tmp_path / 'run', (
      'learner/0',
      'replay/0',
      'actor/0',
      'actor/1',
      'evaluator/0',
      'counter/0',
  )
  found = {node: [] for node in nodes}
  with harm.started('soak', path, harm.FOREVER) as launcher:
    harm.wait_for_checkpoint(path, launcher)
    time.sleep(60.0 * WARM_UP_MINUTES)
    processes = {
        node: harm.wait_for(
            lambda node=node: harm.process_of(launcher, node), node, launcher
        )[0]
        for node in nodes
    }
    first, begin = len(harm.rows_of(path)), time.monotonic()
    while time.monotonic() - begin < 60.0 * SOAK_MINUTES:
      blocks = len(harm.rows_of(path)) - first
      for node, process in processes.items():
        found[node].append(
            (
                blocks,
                process.memory_full_info().uss,
                process.num_threads(),
                process.num_fds(),
            )
        )
      time.sleep(5.0)
  print(f'\n{blocks:,} blocks')
  assert blocks > LEAST_BLOCKS
  found = {node: np.array(rows).T for node, rows in found.items()}
  slopes = {}
  for node, (block, size, threads, files) in found.items():
    slopes[node] = np.polyfit(block, size, 1)[0]
    print(
        f'{node}: {size[-1] / 2**20:.0f} MiB, {slopes[node]:+.0f} bytes a '
        f'block, {threads[-1]:.0f} threads, {files[-1]:.0f} files'
    )
  for node, slope in slopes.items():
    assert slope < MOST_BYTES_A_BLOCK.get(node, MOST_BYTES_OF_OTHERS), node
  for _, _, *counts in found.values():
    for count in counts:
      half = len(count) // 2
      # The threads of a checkpoint or an evaluation come and go.
      assert count[half:].max() <= count[:half].max() + 1
