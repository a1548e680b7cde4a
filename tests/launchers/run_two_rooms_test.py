"""The launcher of the two rooms, used as a user uses it."""

import functools
import os
import pathlib
import signal
import subprocess
import sys
import time

from distillery.agents.core.run_files import run_directory
from distillery.environments import two_rooms
from distillery.launchers.figures import two_rooms as two_rooms_figure
from helpers import launches
import pytest

LAUNCHER = launches.FOLDER / 'run_two_rooms.py'


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


def test_a_short_run_leaves_its_tables_and_picture(tmp_path):
  result = launch(
      '--num_seeds=2',
      '--num_env_steps=200',
      '--evaluate_every=100',
      '--run_dir=run',
      cwd=tmp_path,
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert 'area under the curve above' in result.stdout
  assert (tmp_path / 'run' / 'two_rooms.png').stat().st_size > 10_000
  for method in ('distral', 'separate'):
    rows = launches.rows_of(tmp_path / 'run' / f'{method}.csv')
    assert len(rows) == 2 * 3  # Seeds, evaluations.
  returns, steps, probabilities = two_rooms_figure.read(tmp_path / 'run')
  assert steps.tolist() == [0, 100, 200]
  assert returns['distral'].shape == (2, 3)
  for values in probabilities.values():
    assert values.shape == (2, 4, 4)
    assert abs(values.sum(axis=-1) - 1.0).max() < 1e-3
  launches.assert_refused(
      launch('--run_dir=run', cwd=tmp_path),
      'run_dir run holds a run with other settings .config.json: num_',
  )


def write_tables(path):
  """Returns the files of a run of two seeds."""
  for method in ('distral', 'separate'):
    run_directory.write_csv(
        path / f'{method}.csv',
        [
            {'seed': seed, 'env_steps': steps, 'return': 1.0}
            for seed in range(2)
            for steps in (0, 100)
        ],
    )
  run_directory.write_csv(
      path / 'corridor.csv',
      [
          {
              'seed': seed,
              'cell': cell,
              'previous_action': previous,
              **dict.fromkeys(two_rooms.ACTIONS, 0.25),
          }
          for seed in range(2)
          for cell in two_rooms.CORRIDOR
          for previous in ('left', 'right')
      ],
  )


@pytest.mark.parametrize(
    'name, line, text, says',
    [
        ('distral.csv', 2, 'x,0,1', 'line 2 cannot be read: seed'),
        (
            'separate.csv',
            3,
            '0,100',
            'line 3 cannot be read: got 2 columns, want 3',
        ),
        ('corridor.csv', 3, '0,1,on,1,1,1,1', "got 'on', want left or right"),
        ('distral.csv', 2, '', 'rows are missing, or occur twice'),
        ('distral.csv', 3, '0,0,1', 'rows are missing, or occur twice'),
        ('corridor.csv', 4, '', 'rows are missing, or occur twice'),
        ('corridor.csv', 1, 'a,b', 'got the columns a, b; want seed, cell'),
    ],
)
def test_damaged_tables_are_named(tmp_path, name, line, text, says):
  write_tables(tmp_path)
  two_rooms_figure.read(tmp_path)
  lines = (tmp_path / name).read_text().splitlines()
  lines[line - 1] = text
  (tmp_path / name).write_text('\n'.join(lines) + '\n')
  with pytest.raises(ValueError, match=f'{tmp_path}/{name}: .*{says}'):
    two_rooms_figure.read(tmp_path)


def test_blank_lines_lose_nothing(tmp_path):
  write_tables(tmp_path)
  path = tmp_path / 'corridor.csv'
  path.write_text(path.read_text().replace('\n', '\n\n'))
  assert two_rooms_figure.read(tmp_path)[2]['left'].shape[0] == 2


@pytest.mark.slow
def test_the_same_command_completes_an_interrupted_run(tmp_path):
  command = (
      '--num_seeds=2',
      '--num_env_steps=200',
      '--evaluate_every=100',
      '--run_dir=run',
  )
  assert launch(*command, cwd=tmp_path).returncode == 0
  path = tmp_path / 'run' / 'separate.csv'
  whole = path.read_text()
  path.unlink()
  again = launch(*command, cwd=tmp_path)
  assert (again.returncode, again.stderr) == (0, '')
  assert 'separate: 200' in again.stdout and 'distral: ' not in again.stdout
  assert path.read_text() == whole


def children_of(pid):
  path = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
  return [
      int(child)
      for child in path.read_text().split()
      if b'spawn_main' in pathlib.Path(f'/proc/{child}/cmdline').read_bytes()
  ]


def begin(tmp_path):
  """A long run whose two processes have begun to learn."""
  process = subprocess.Popen(
      [sys.executable, LAUNCHER, '--run_dir=run'],
      cwd=tmp_path,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      # A program in the background of a shell ignores Ctrl-C.
      preexec_fn=functools.partial(
          signal.signal, signal.SIGINT, signal.SIG_DFL
      ),
  )
  said = ''
  while not ('distral: ' in said and 'separate: ' in said):
    said += process.stdout.readline()
  return process, children_of(process.pid)


@pytest.mark.slow
@pytest.mark.parametrize(
    'number', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
)
def test_the_end_of_a_run_ends_its_processes(tmp_path, number):
  process, children = begin(tmp_path)
  assert len(children) == 2
  launches.assert_refused(
      launch('--run_dir=run', cwd=tmp_path), 'is in use by another process'
  )
  process.send_signal(number)
  _, stderr = process.communicate(timeout=60)
  assert process.returncode and 'Traceback' not in stderr
  deadline = time.monotonic() + 30.0
  while any(pathlib.Path(f'/proc/{child}/exe').exists() for child in children):
    assert time.monotonic() < deadline
    time.sleep(0.05)


def test_a_process_that_dies_is_named(tmp_path):
  process, children = begin(tmp_path)
  for child in children:
    os.kill(child, signal.SIGKILL)
  _, stderr = process.communicate(timeout=60)
  assert process.returncode == 1
  assert stderr.splitlines()[-1].endswith(
      'distral (exit status -9) and separate (exit status -9) ended too early; '
      'the same command makes the missing results.'
  )


def test_tables_of_something_else_are_not_overwritten(tmp_path):
  (tmp_path / 'run').mkdir()
  (tmp_path / 'run' / 'corridor.csv').write_text('years of work')
  launches.assert_refused(
      launch('--run_dir=run', cwd=tmp_path),
      'run_dir run has corridor.csv, which a run would overwrite, and holds no '
      'run of two rooms',
  )
  assert [path.name for path in (tmp_path / 'run').iterdir()] == [
      'corridor.csv'
  ]


def test_a_log_may_lie_in_the_directory(tmp_path):
  (tmp_path / 'run').mkdir()
  (tmp_path / 'run' / 'log.txt').write_text('two rooms')
  result = launch(
      '--num_seeds=1', '--num_env_steps=100', '--run_dir=run', cwd=tmp_path
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert (tmp_path / 'run' / 'log.txt').read_text() == 'two rooms'


def test_a_summary_counts_the_seeds_that_keep_their_direction(tmp_path):
  """One seed of two does, and in the mean they would not."""
  for method, value in (('distral', 1), ('separate', 0)):
    (tmp_path / f'{method}.csv').write_text(
        f'seed,env_steps,return\n0,0,{value}\n1,0,{value}\n'
    )
  rows = [
      f'{seed},{cell},{previous},{aside / 2},{aside / 2},'
      + (
          f'{kept},{1 - kept - aside}'
          if previous == 'left'
          else f'{1 - kept - aside},{kept}'
      )
      for seed, kept, aside in ((0, 0.9, 0.05), (1, 0.3, 0.4))
      for cell in range(4)
      for previous in ('left', 'right')
  ]
  (tmp_path / 'corridor.csv').write_text(
      'seed,cell,previous_action,up,down,left,right\n' + '\n'.join(rows) + '\n'
  )
  lines = two_rooms_figure.summary(tmp_path).splitlines()
  for line, previous in zip(lines[1:], ('left', 'right')):
    assert line == (
        f'in the corridor, coming by {previous}: {previous} again 0.60, up or '
        'down 0.23 in the mean; at least 0.7 and at most 0.1 in 1 of 2 seeds'
    )


def test_bad_flags_raise_one_sentence(tmp_path):
  launches.assert_refused(
      launch('--num_tasks=55', cwd=tmp_path), 'num_goals: got 55, want 1 to 54'
  )
  assert not (tmp_path / 'runs').exists()
