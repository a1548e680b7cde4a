"""The launcher of Distral, used as a user uses it."""

import re
import shutil
import signal
import subprocess
import time

from helpers import launches
from helpers import pool_helpers
import psutil
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launches.FOLDER / 'run_distral.py'
# Two blocks of two episodes' halves, an evaluation and a checkpoint after each.
TINY = (
    '--suite=MT1/reach-v3',
    '--num_env_steps=1000',
    '--unroll_length=250',
    '--evaluate_every=500',
    '--evaluation_episodes=1',
    '--checkpoint_every=500',
    '--num_workers=2',
    '--num_epochs=2',
    '--seed=1',
)
# Point masses instead of Meta-World, and one of them may spoil its rewards.
ON_POINTS = """
import runpy
from helpers import run_helpers
import sys
from distillery.environments import suites

suites.make_suite = lambda *unused, **unused_too: (
    run_helpers.make_spoilt_suite(float('{reward}'), after_episodes=0))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


@pytest.fixture(scope='module', name='result')
def fixture_result(tmp_path_factory):
  """A tiny run on Meta-World."""
  folder = tmp_path_factory.mktemp('launcher')
  result = launch(*TINY, '--run_dir=run', cwd=folder)
  result.run_dir = folder / 'run'
  return result


def test_a_run_says_how_it_gets_on_and_what_it_reached(result):
  assert (result.returncode, result.stderr) == (0, '')
  lines = result.stdout.splitlines()
  for steps in ('0', '500', '1,000'):
    assert any(
        line.lstrip().startswith(f'{steps} steps: task policy ')
        for line in lines
    )
  assert any(line.startswith('500 of 1,000 steps, ') for line in lines)
  words = [line.split() for line in lines]
  at = words.index(['success', 'task', 'shared'])
  assert [row[0] for row in words[at + 1 : at + 3]] == ['reach-v3', 'mean']
  assert lines[-1] == 'Results are in run'


def test_a_run_leaves_its_files(result):
  assert {path.name for path in result.run_dir.iterdir()} == {
      '.lock',
      'flags.cfg',
      'config.json',
      'versions.json',
      'train.csv',
      'evaluation.csv',
      'tensorboard',
      'best',
      'checkpoints',
      'learning_curve.png',
  }
  rows = launches.rows_of(result.run_dir / 'evaluation.csv')
  assert [(row['env_steps'], row['policy']) for row in rows] == [
      (steps, policy)
      for steps in ('0', '500', '1000')
      for policy in ('task', 'shared')
  ]


@pytest.mark.slow
def test_its_flags_repeat_a_run(result, tmp_path):
  flagfile = f'--flagfile={result.run_dir / "flags.cfg"}'
  again = launch(flagfile, f'--run_dir={tmp_path / "again"}', cwd=tmp_path)
  assert (again.returncode, again.stderr) == (0, '')
  launches.assert_same_policy(result.run_dir, tmp_path / 'again')


WRONG = {
    '--suite=MT11': "suite: got 'MT11', want one of MT10, .*Did you mean 'MT1",
    '--suite=MT1/raech-v3': "suite: got 'MT1/raech-v3'.*Did you mean 'MT1/rea",
    '--num_env_steps=0': 'num_env_steps must be positive, got 0',
    '--evaluate_every=-5': 'evaluate_every must be positive, got -5',
    '--evaluation_episodes=0': 'evaluation_episodes must be positive, got 0',
    '--checkpoint_every=0': 'checkpoint_every must be positive, got 0',
    '--num_workers=-1': 'num_workers must not be negative, got -1',
    '--envs_per_task=0': 'envs_per_task must be positive, got 0',
    '--unroll_length=-1': 'unroll_length must be positive, got -1',
    '--num_minibatches=7': 'num_minibatches=7 does not divide the',
    '--learning_rate=nan': 'learning_rate=nan: got nan, want a finite number',
    '--learning_rate=fast': 'learning_rate',
    '--hidden_sizes=128;128': 'hidden_sizes.*want whole numbers with commas',
    '--architecture=two_colum': 'architecture.*two_column',
    '--num_epoch=3': "Unknown command line flag 'num_epoch'. Did you mean",
    '--seed=-1': 'seed must be in .0, 2..32., got -1',
    '--reward_function_version=v3': 'reward_function_version',
    '--flagfile=absent.cfg': 'absent.cfg',
    'MT10': "unexpected argument 'MT10', want only --flags",
    '--resume': 'resume',
}


@pytest.mark.parametrize('argument', WRONG)
def test_wrong_flags_raise_one_sentence(tmp_path, without_tensorflow, argument):
  run_dir = () if argument == '--resume' else ('--run_dir=run',)
  result = launch(*run_dir, argument, cwd=tmp_path, **without_tensorflow)
  launches.assert_refused(result, WRONG[argument])
  assert [path.name for path in tmp_path.iterdir()] == ['shadow']


@pytest.mark.parametrize(
    'arguments, words',
    [
        (TINY, 'run_dir run is not empty; give --resume'),
        (
            (*TINY, '--resume', '--seed=2'),
            'another config: seed is 2 and was 1',
        ),
        ((*TINY, '--resume', '--kl_cost=0.5'), 'kl_cost is 0.5 and was 0.005'),
        (('--resume', '--seed=2'), 'another config: seed is 2 and was 1.'),
        ((*TINY, '--resume', '--run_dir=runn'), 'run_dir runn holds no run to'),
    ],
)
def test_a_directory_in_use_is_left_alone(
    result, tmp_path, without_tensorflow, arguments, words
):
  shutil.copytree(result.run_dir, tmp_path / 'run')
  before = {
      path: path.read_bytes()
      for path in (tmp_path / 'run').rglob('*')
      if path.is_file()
  }
  refused = launch(
      '--run_dir=run', *arguments, cwd=tmp_path, **without_tensorflow
  )
  launches.assert_refused(refused, words)
  assert before == {
      path: path.read_bytes()
      for path in (tmp_path / 'run').rglob('*')
      if path.is_file()
  }
  assert not (tmp_path / 'runn').exists()


@pytest.fixture(name='started_on_points')
def fixture_started_on_points(tmp_path):
  def started_on_points(*arguments, reward=0.0, before=(), **environment):
    program = tmp_path / 'on_points.py'
    program.write_text(ON_POINTS.format(reward=reward))
    return launches.started(
        *TINY,
        '--unroll_length=50',
        '--hidden_sizes=8',
        '--run_dir=run',
        *arguments,
        cwd=tmp_path,
        program=(*before, program, LAUNCHER),
        **environment,
    )

  return started_on_points


@pytest.mark.slow
@pytest.mark.parametrize(
    'arguments, reward, words',
    [
        (
            (),
            'nan',
            r"Task 'spoilt' \(environment \d, episode \d, seed \d+, step 0"
            r'\) failed: the environment returned a reward that is not finite: nan',
        ),
        (
            ('--learning_rate=1e30',),
            0.0,
            '(is (nan|inf|-inf) in learner step|'
            'the policy chose an action that is not finite)',
        ),
    ],
)
def test_numbers_that_are_not_finite_are_one_sentence(
    tmp_path, started_on_points, arguments, reward, words
):
  with started_on_points(*arguments, reward=reward) as process:
    _, stderr = process.communicate()
  assert process.returncode == 1
  # The output of the worker, if there is one, comes before the sentence.
  launches.assert_one_sentence(stderr.splitlines(keepends=True)[-1], words)
  assert not list((tmp_path / 'run' / 'checkpoints').glob('*'))


@pytest.mark.slow
def test_a_proxy_keeps_no_run_from_its_reverb(started_on_points):
  nobody = 'http://127.0.0.1:9'
  with started_on_points(
      http_proxy=nobody, https_proxy=nobody, no_proxy='corp.org'
  ) as process:
    _, stderr = process.communicate()
  assert (process.returncode, stderr) == (0, '')


@pytest.mark.skipif(
    shutil.which('unshare') is None
    or subprocess.run(['unshare', '-rn', 'true']).returncode,
    reason='network namespaces are not allowed',
)
@pytest.mark.parametrize(
    'arguments, words',
    [
        (
            (),
            r"Reverb's server at localhost:\d+ does not answer within 10 s \(.*"
            r'unreachable\); look at the loopback device \(`ip link set lo up`\), at',
        ),
        (
            ('--lp_launch_type=local_mp',),
            r'this machine does not reach itself at 127.0.0.1 \(.*unreachable\)',
        ),
    ],
)
def test_a_run_that_cannot_reach_its_parts_is_one_sentence(
    tmp_path, started_on_points, arguments, words
):
  unshared = (
      '-c',
      'import os, sys; os.execvp("unshare", '
      '["unshare", "-rn", sys.executable, *sys.argv[1:]])',
  )
  with started_on_points(*arguments, before=unshared) as process:
    _, stderr = process.communicate()
  assert process.returncode == 1
  launches.assert_one_sentence(stderr, words)
  assert not (tmp_path / 'run' / 'replay.tmp').exists()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_after_its_block(
    started_on_points, tmp_path, number
):
  with started_on_points('--num_env_steps=1000000000') as process:
    wait_for_steps(process)
    process.send_signal(number)
    stdout, stderr = process.communicate()
  assert (process.returncode, stderr) == (128 + number, '')
  (steps,) = re.findall(
      f'stopped by {signal.Signals(number).name} at ([0-9,]+) steps, and '
      'saved; --run_dir=run --resume goes on.',
      stdout,
  )
  steps = int(steps.replace(',', ''))
  saved = [path.name for path in (tmp_path / 'run/checkpoints').iterdir()]
  assert steps in map(int, saved)


@pytest.mark.parametrize(
    'number, status, said',
    [
        (signal.SIGINT, 130, 'stopped by Ctrl-C\n'),
        (signal.SIGTERM, -signal.SIGTERM, ''),
    ],
)
def test_a_second_signal_ends_a_run_at_once(
    started_on_points, tmp_path, number, status, said
):
  with started_on_points('--num_env_steps=1000000000') as process:
    wait_for_steps(process)
    # It cannot get on while its workers are stopped.
    workers = [
        psutil.Process(pid) for pid in pool_helpers.workers_of(process.pid)
    ]
    assert workers
    for worker in workers:
      worker.suspend()
    for _ in range(2):
      process.send_signal(number)
      time.sleep(0.3)
    _, stderr = process.communicate(timeout=60)
  assert (process.returncode, stderr) == (status, said)
  assert not psutil.wait_procs(workers, timeout=60)[1]


def wait_for_steps(process):
  line = ' '
  while not re.match(' +[1-9].* steps: ', line):
    assert line, process.stderr.read()
    line = process.stdout.readline()
