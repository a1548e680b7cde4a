"""The benchmarks run, as `make bench` runs them, and write their tables."""

import csv
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def run_benchmark(name, *arguments):
  return subprocess.run(
      [sys.executable, ROOT / 'benchmarks' / name, *arguments],
      capture_output=True,
      text=True,
      timeout=280,
  )


def measured(tmp_path, name, *arguments):
  """The figures in the table of a benchmark that ended well."""
  path = tmp_path / 'figures.csv'
  result = run_benchmark(name, *arguments, f'--output={path}')
  assert result.returncode == 0, result.stderr
  with open(path, newline='') as f:
    return {row['figure']: float(row['median']) for row in csv.DictReader(f)}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_collection(tmp_path):
  found = measured(
      tmp_path,
      'collection.py',
      '--repetitions=1',
      '--unroll_length=20',
  )
  assert found['pool, 2 workers'] > 0 and found['make_vec, async'] > 0
  assert found['pool, 1 worker: PSS of a worker'] > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_end_to_end(tmp_path):
  found = measured(
      tmp_path,
      'end_to_end.py',
      '--bench_env_steps=100000',
  )
  assert found['training, end to end'] > 0
  assert 0 < found['command to first environment step'] < 60
  assert 0 < found['end to end : collecting'] < 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_off_policy(tmp_path):
  found = measured(
      tmp_path,
      'off_policy.py',
      '--repetitions=1',
      '--updates=1',
      '--agents=2',
      '--train_blocks=3',
      '--transitions=2000',
  )
  assert found['MT-SAC update, batch 1,280'] > 0
  assert found['update : matrix products'] > 0
  assert found['end to end : update alone'] > 0
  # Two observations, action, reward and discount, as float32.
  assert found['memory of a transition'] > 4 * (39 + 39 + 4 + 2)
  assert found["replay : Acme's adder"] > 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_distral_learner(tmp_path):
  found = measured(
      tmp_path,
      'distral_learner.py',
      '--repetitions=1',
      '--envs_per_task=1',
      '--num_epochs=2',
      '--num_minibatches=2',
  )
  assert found['learner alone'] > 0
  assert found['learner : matrix products'] > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_meta_learning(tmp_path):
  found = measured(
      tmp_path,
      'meta_learning.py',
      '--repetitions=1',
      '--updates=2',
      '--unroll_length=10',
  )
  assert found['collecting DAMSEL'] > 0 and found['DAMSEL : MT10'] > 0
  for agent in ('DAMSEL', 'PEARL'):
    assert found[f'{agent}, 1,000 meta-updates'] == pytest.approx(
        1000 / found[f'{agent}, meta-updates'], rel=0.01
    )


def test_a_run_that_fails_is_one_sentence(tmp_path):
  result = run_benchmark(
      'end_to_end.py',
      '--run_flagfile=nowhere.cfg',
      f'--output={tmp_path / "a.csv"}',
  )
  assert result.returncode == 1
  *details, sentence = result.stderr.strip().split('\n')
  assert sentence == 'error: the run ended with exit status 1'
  assert 'nowhere.cfg' in '\n'.join(details)
  assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_programs(tmp_path):
  found = measured(
      tmp_path,
      'programs.py',
      '--repetitions=1',
      '--seconds=3',
      '--kills=1',
      '--transitions=1000',
  )
  assert found['on Ray : one process'] > 0
  assert 0 < found['an actor killed: until another process'] < 60
