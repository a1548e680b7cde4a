"""Runs: what they leave, and that being killed changes nothing."""

import csv
import dataclasses
import errno
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from distillery.agents.core import errors
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import setup
from distillery.agents.core.running import training
from distillery.agents.distral import builder as distral_builder
from distillery.agents.distral import config as distral_config
from distillery.environments.pool import process_pool
from distillery.networks import acting
from helpers import run_helpers as helpers
from helpers.run_helpers import BLOCK
from helpers.run_helpers import INTERVAL
import numpy as np
import pytest
import tensorflow as tf

# An idle machine needs a tenth of it.
pytestmark = pytest.mark.timeout(900)
STEPS = 3 * INTERVAL


@pytest.fixture(scope='module', name='finished')
def fixture_finished(tmp_path_factory):
  path = tmp_path_factory.mktemp('runs') / 'finished'
  helpers.run(path, STEPS)
  return path


@pytest.fixture(name='run_dir')
def fixture_run_dir(finished, tmp_path):
  """A copy of a finished run, to do harm to."""
  return shutil.copytree(finished, tmp_path / 'run')


def read_csv(path):
  with open(path, newline='') as f:
    return list(csv.DictReader(f))


def without_times(rows):
  """Returns the part of a table that must be equal in a repeated run."""
  return [
      {
          name: value
          for name, value in row.items()
          if not name.endswith(('_s', '_per_s'))
      }
      for row in rows
  ]


def checkpoint_steps(path):
  return sorted(
      int(p.name) for p in (path / 'checkpoints').glob('*') if p.name.isdigit()
  )


def parameters_of(path):
  """All that the newest checkpoint holds of the learner, by name."""
  prefix = str(checkpoints.newest(path) / 'variables')
  reader = tf.train.load_checkpoint(prefix)
  return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
      if not name.startswith('_CHECKPOINTABLE')
  }


def assert_same_results(left, right):
  """Two runs ended alike: parameters to the bit, tables to the letter."""
  wanted, got = parameters_of(left), parameters_of(right)
  assert set(got) == set(wanted)
  for name, value in wanted.items():
    assert np.array_equal(value, got[name]), name
  for name in ('train.csv', 'evaluation.csv'):
    assert without_times(read_csv(right / name)) == without_times(
        read_csv(left / name)
    ), name


@pytest.mark.slow
def test_status_is_of_the_episodes_that_ended_last(tmp_path, monkeypatch):
  """Blocks of 32 steps of episodes of 50: in the third none ends."""
  shown = []
  monkeypatch.setattr(
      display.Display,
      'update',
      lambda self, env_steps, status: shown.append(status),
  )
  helpers.run(tmp_path / 'run', INTERVAL)
  assert shown[0] == 'first episodes'
  assert shown[1].startswith('training success ')
  assert shown[2] == shown[1]
  assert len(shown) == INTERVAL // BLOCK


def test_a_run_leaves_its_files(finished):
  assert {path.name for path in finished.iterdir()} == {
      '.lock',
      'config.json',
      'versions.json',
      'train.csv',
      'evaluation.csv',
      'tensorboard',
      'best',
      'checkpoints',
      'learning_curve.png',
  }
  assert list((finished / 'tensorboard').glob('events.out.tfevents.*'))
  assert (finished / 'learning_curve.png').read_bytes().startswith(b'\x89PNG')
  assert checkpoint_steps(finished) == [STEPS - INTERVAL, STEPS]


def test_config_repeats_the_run(finished):
  config = json.loads((finished / 'config.json').read_text())
  agent_config = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in config['agent_config'].items()
  }
  assert distral_config.DistralConfig(**agent_config) == helpers.AGENT
  assert config['agent'] == 'distral'
  assert config['suite'] == 'PointMass2'
  assert config['tasks'] == ['point_mass_0 (train)', 'point_mass_1 (train)']
  assert (config['seed'], config['num_env_steps']) == (3, STEPS)


def test_train_table_has_a_row_a_block(finished):
  rows = read_csv(finished / 'train.csv')
  assert [int(row['env_steps']) for row in rows] == list(
      range(BLOCK, STEPS + 1, BLOCK)
  )
  assert [int(row['learner_steps']) for row in rows] == list(
      range(1, STEPS // BLOCK + 1)
  )
  assert {
      'wall_s',
      'episodes',
      'episode_return',
      'episode_success',
      'steps_per_s',
      'collect_steps_per_s',
      'kl_to_shared',
      'entropy',
  } <= set(rows[0])
  # 4 environments, episodes of 50 steps; each checkpoint cuts them short.
  assert sum(int(row['episodes']) for row in rows) == 3 * 4 * (4 * 32 // 50)


def test_evaluation_table_has_a_row_a_policy_and_task(finished):
  rows = read_csv(finished / 'evaluation.csv')
  assert (
      tuple(rows[0])
      == run_directory.EVALUATION_COLUMNS
      == (
          'env_steps',
          'wall_s',
          'policy',
          'task',
          'split',
          'episodes',
          'success',
          'return',
      )
  )
  assert [
      (int(row['env_steps']), row['policy'], row['task']) for row in rows
  ] == [
      (step, policy, f'point_mass_{task}')
      for step in range(0, STEPS + 1, INTERVAL)
      for policy in ('task', 'shared')
      for task in range(2)
  ]
  assert {row['episodes'] for row in rows} == {'2'}
  assert {row['split'] for row in rows} == {'train'}


def test_events_hold_what_the_tables_hold(finished):
  (path,) = (finished / 'tensorboard').iterdir()
  found = {}
  for record in tf.compat.v1.train.summary_iterator(str(path)):
    for value in record.summary.value:
      found[value.tag, record.step] = value.simple_value
  row = read_csv(finished / 'train.csv')[-1]
  assert found['train/entropy', STEPS] == pytest.approx(float(row['entropy']))
  row = read_csv(finished / 'evaluation.csv')[-1]
  assert found['evaluation_shared/point_mass_1', STEPS] == pytest.approx(
      float(row['success'])
  )


def test_training_moved_the_parameters(finished):
  with np.load(finished / 'checkpoints' / f'{STEPS:012d}' / 'policy.npz') as b:
    last = dict(b)
  with np.load(
      finished / 'checkpoints' / f'{STEPS - INTERVAL:012d}' / 'policy.npz'
  ) as a:
    for name, value in a.items():
      if name != 'task/max_log_std':  # A bound, which does not narrow here.
        assert not np.array_equal(value, last[name]), name


def test_the_number_of_workers_changes_nothing(finished, tmp_path):
  helpers.run(tmp_path / 'run', STEPS, num_workers=1)
  assert_same_results(finished, tmp_path / 'run')


@pytest.mark.slow
def test_the_seed_changes_everything(finished, tmp_path):
  helpers.run(tmp_path / 'run', INTERVAL, seed=4)
  first, other = (
      read_csv(path / 'train.csv')[0] for path in (finished, tmp_path / 'run')
  )
  for name in ('reward', 'entropy', 'value_loss'):
    assert first[name] != other[name]


def children_of(pid):
  found = []
  for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
    try:
      fields = path.read_text().rpartition(')')[2].split()
    except OSError:  # It ended meanwhile.
      continue
    if int(fields[1]) == pid:
      found.append(int(path.parent.name))
  return found


def is_running(pid):
  try:
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except OSError:
    return False
  return stat.rpartition(')')[2].split()[0] != 'Z'


def wait_until(condition, process=None):
  while not condition():
    assert process is None or process.poll() is None, process.stderr.read()
    time.sleep(0.05)


def interrupt(path, signal_number, *arguments):
  """Starts or resumes a run, and interrupts it between two checkpoints."""
  before = max(checkpoint_steps(path), default=0) if path.exists() else 0

  def is_between_checkpoints():
    if max(checkpoint_steps(path), default=0) <= before:
      return False
    rows = read_csv(path / 'train.csv')
    return int(rows[-1]['env_steps']) % INTERVAL not in (0, INTERVAL - BLOCK)

  process = subprocess.Popen(
      [sys.executable, helpers.__file__, path, '1000000000', *arguments],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
      # A program in the background of a shell ignores Ctrl-C.
      preexec_fn=functools.partial(
          signal.signal, signal.SIGINT, signal.SIG_DFL
      ),
  )
  with process:
    try:
      wait_until(is_between_checkpoints, process)
      workers = children_of(process.pid)
      assert len(workers) >= 2
      process.send_signal(signal_number)
      process.wait()
    finally:
      process.kill()
  wait_until(lambda: not any(is_running(pid) for pid in workers))
  return process.returncode


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path):
  """And leaves no process behind."""
  killed, unbroken = tmp_path / 'killed', tmp_path / 'unbroken'
  assert interrupt(killed, signal.SIGKILL) == -signal.SIGKILL
  assert interrupt(killed, signal.SIGKILL, '--resume') == -signal.SIGKILL
  steps = checkpoint_steps(killed)[-1] + 2 * INTERVAL
  assert int(read_csv(killed / 'train.csv')[-1]['env_steps']) < steps
  helpers.run(killed, steps, resume=True)
  helpers.run(unbroken, steps)
  assert checkpoint_steps(killed) == checkpoint_steps(unbroken)
  assert_same_results(unbroken, killed)


@pytest.mark.slow
def test_a_run_that_is_stopped_saves_all_it_has_done(tmp_path):
  path, number_of_rows = tmp_path / 'run', 0
  for number, more in (
      (signal.SIGTERM, ()),
      (signal.SIGUSR1, ('--resume',)),
      (signal.SIGINT, ('--resume',)),
  ):
    assert interrupt(path, number, *more) == 128 + number
    rows = read_csv(path / 'train.csv')
    assert checkpoint_steps(path)[-1] == int(rows[-1]['env_steps'])
    assert len(rows) > number_of_rows
    number_of_rows = len(rows)
  # No row was dropped, or made twice.
  steps = [int(row['env_steps']) for row in rows]
  assert steps == list(range(BLOCK, steps[-1] + 1, BLOCK))


def test_a_stopped_run_leaves_the_handlers_as_they_were(tmp_path, monkeypatch):
  monkeypatch.setattr(
      display.Display,
      'update',
      lambda *_: signal.raise_signal(signal.SIGUSR1),
  )
  with pytest.raises(SystemExit) as end:
    helpers.run(tmp_path / 'run', STEPS)
  assert end.value.code == 128 + signal.SIGUSR1
  assert checkpoint_steps(tmp_path / 'run') == [BLOCK]
  assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
  assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_signal_in_an_evaluation_saves_what_was_learned(
    tmp_path, monkeypatch
):
  evaluate = training.Training._evaluate

  def signalled(self, shown):
    if self._env_steps:
      signal.raise_signal(signal.SIGTERM)
    return evaluate(self, shown)

  monkeypatch.setattr(training.Training, '_evaluate', signalled)
  with pytest.raises(SystemExit):
    helpers.run(tmp_path / 'run', STEPS, checkpoint_every=2 * STEPS)
  assert checkpoint_steps(tmp_path / 'run') == [INTERVAL]


def test_a_checkpoint_by_time_does_not_change_the_run(
    finished, tmp_path, monkeypatch
):
  saved = []
  save = training.Training._save
  monkeypatch.setattr(
      training.Training,
      '_save',
      lambda self, restart: (saved.append(restart), save(self, restart)),
  )
  helpers.run(tmp_path / 'run', STEPS, checkpoint_minutes=1e-9)
  assert saved == 3 * [False, False, False, True]
  assert_same_results(finished, tmp_path / 'run')


@pytest.mark.slow
def test_without_a_checkpoint_a_run_begins_again(finished, run_dir, capfd):
  shutil.rmtree(run_dir / 'checkpoints')
  helpers.run(run_dir, STEPS, resume=True)
  assert_same_results(finished, run_dir)
  said = capfd.readouterr().out
  assert (
      f'there is no checkpoint in {run_dir}; the run starts from the beginning'
      in said
  )
  assert (
      f'dropped {STEPS // BLOCK} rows of train.csv and 16 rows of '
      'evaluation.csv from after 0 steps'
  ) in said
  assert ' 0 steps: resuming from here' in said


@pytest.mark.parametrize(
    'table, line, damaged',
    [
        ('train.csv', 3, 'x'),
        ('train.csv', 13, '1,2'),
        ('evaluation.csv', 2, '0,1.0,task'),
        ('evaluation.csv', 9, '"'),
    ],
)
def test_a_damaged_table_is_named_before_anything_is_touched(
    run_dir, table, line, damaged
):
  lines = (run_dir / table).read_text().splitlines()
  lines[line - 1] = damaged
  (run_dir / table).write_text('\n'.join(lines) + '\n')
  before = {path: path.read_bytes() for path in run_dir.glob('*.*')}
  with pytest.raises(
      ValueError,
      match=(
          f'{run_dir}/{table}: line {line} cannot be read: .*; correct the line or'
      ),
  ):
    helpers.run(run_dir, STEPS, resume=True)
  assert {path: path.read_bytes() for path in run_dir.glob('*.*')} == before


def test_blank_lines_in_tables_change_nothing(finished, run_dir):
  for table in ('train.csv', 'evaluation.csv'):
    text = (run_dir / table).read_text()
    (run_dir / table).write_text(text.replace('\n', '\n\n', 3) + '\n')
  helpers.run(run_dir, STEPS, resume=True)
  assert_same_results(finished, run_dir)


@pytest.mark.parametrize(
    'name, content, says',
    [
        ('versions.json', '[]', "got '.*want the JSON that the run wrote"),
        ('versions.json', '{"resumed": 3}', 'resumed is 3; want the list'),
        ('config.json', 'null', 'want the JSON that the run wrote'),
        (
            'config.json',
            '{"agent_config": 3}',
            'agent_config is 3; want the dict',
        ),
        ('config.json', '{', 'Expecting'),
    ],
)
def test_damaged_notes_are_named(run_dir, name, content, says):
  (run_dir / name).write_text(content)
  with pytest.raises(
      ValueError, match=f'cannot read {run_dir}/{name}: .*{says}'
  ):
    helpers.run(run_dir, STEPS, resume=True)


@pytest.mark.slow
def test_a_file_that_cannot_be_written_does_not_end_a_run(
    tmp_path, monkeypatch, capfd
):
  def fail(self, rows):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(run_directory.CsvFile, 'append', fail)
  rows = helpers.run(tmp_path / 'run', INTERVAL)
  assert {row['task'] for row in rows} == {'point_mass_0', 'point_mass_1'}
  assert checkpoint_steps(tmp_path / 'run') == [INTERVAL]
  said = capfd.readouterr().out
  for name in ('train.csv', 'evaluation.csv', 'learning_curve.png'):
    assert said.count(f'warning: cannot write {tmp_path}/run/{name}: ') == 1
  monkeypatch.undo()
  helpers.run(tmp_path / 'run', INTERVAL, resume=True)
  said = capfd.readouterr().out
  assert f'run/train.csv has no rows from 0 to {INTERVAL:,} steps' in said
  assert f'run/evaluation.csv has no rows from 0 to {INTERVAL:,} steps' in said


@pytest.mark.slow
def test_names_of_users_end_no_run(tmp_path, capfd):
  suite = helpers.make_suite()
  names = r'price $\frac$1', '_[/red]\n'
  suite = dataclasses.replace(
      suite,
      name='$\\frac$ [/]',
      tasks=tuple(
          dataclasses.replace(task, name=name)
          for task, name in zip(suite.tasks, names)
      ),
  )
  helpers.run(tmp_path / 'run', BLOCK, suite=suite)
  assert 'warning' not in capfd.readouterr().out
  assert {
      row['task'] for row in read_csv(tmp_path / 'run' / 'evaluation.csv')
  } == set(names)
  assert (tmp_path / 'run' / 'learning_curve.png').exists()


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_what_came_after_the_one_before(
    finished, run_dir, capfd
):
  (run_dir / 'checkpoints' / f'{STEPS:012d}' / 'variables.index').unlink()
  with pytest.warns(UserWarning, match='variables.index is missing'):
    helpers.run(run_dir, STEPS, resume=True)
  assert_same_results(finished, run_dir)
  assert (
      f'{STEPS - INTERVAL:,} steps: resuming from here'
      in capfd.readouterr().out
  )


def test_with_all_checkpoints_damaged_nothing_is_touched(run_dir):
  for path in (run_dir / 'checkpoints').iterdir():
    (path / 'policy.npz').write_bytes(b'')
  before = (run_dir / 'train.csv').read_bytes()
  with pytest.warns(UserWarning):
    with pytest.raises(ValueError, match='all checkpoints in .* of 2.$'):
      helpers.run(run_dir, STEPS, resume=True)
  assert (run_dir / 'train.csv').read_bytes() == before


@pytest.mark.slow
def test_a_policy_that_cannot_be_loaded_back_is_refused_before_any_step(
    tmp_path, monkeypatch
):
  monkeypatch.setattr(acting, '_POLICIES', dict(acting._POLICIES))
  with pytest.raises(
      ValueError,
      match="OwnPolicy could not be .*unknown policy 'OwnPolicy'; "
      r'known.*networks\.acting\.register',
  ):
    helpers.run(tmp_path / 'refused', BLOCK, make_builder=helpers.OwnBuilder)
  assert not (tmp_path / 'refused' / 'train.csv').exists()
  acting.register(helpers.OwnPolicy)
  helpers.run(tmp_path / 'run', BLOCK, make_builder=helpers.OwnBuilder)
  loaded = checkpoints.load_policy(tmp_path / 'run')
  assert isinstance(loaded.policy, helpers.OwnPolicy)


def test_a_finished_run_cannot_be_resumed(finished, run_dir):
  assert helpers.run(run_dir, STEPS, resume=True) == []
  assert_same_results(finished, run_dir)


@pytest.mark.slow
def test_versions_record_each_resumption(run_dir):
  before = json.loads((run_dir / 'versions.json').read_text())
  for more in (0, BLOCK):
    helpers.run(run_dir, STEPS + more, resume=True)
  after = json.loads((run_dir / 'versions.json').read_text())
  resumed = after.pop('resumed')
  assert after == before
  assert [entry['num_env_steps'] for entry in resumed] == [STEPS, STEPS + BLOCK]
  assert resumed[0]['git_revision'] == before['git_revision']


@pytest.mark.parametrize(
    'name, value, words',
    [
        ('evaluate_every', 0, 'evaluate_every must be positive, got 0'),
        ('checkpoint_every', -1, 'checkpoint_every must be positive, got -1'),
        ('num_workers', 0, 'num_workers must be positive, got 0'),
        ('seed', -1, r'seed must be in \[0, 2\*\*32\), got -1'),
    ],
)
def test_an_experiment_out_of_range_is_refused(tmp_path, name, value, words):
  settings = dict(
      agent='distral',
      agent_config=helpers.AGENT,
      make_builder=distral_builder.DistralBuilder,
      suite=helpers.make_suite(),
      seed=3,
      num_env_steps=STEPS,
      num_workers=2,
      evaluate_every=INTERVAL,
      evaluation_episodes=2,
      checkpoint_every=INTERVAL,
      run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=False),
  )
  with pytest.raises(ValueError, match=words):
    setup.ExperimentConfig(**{**settings, name: value})


@pytest.mark.parametrize(
    'changes, words',
    [
        (dict(seed=5), 'seed is 5 and was 3'),
        (
            dict(agent=dataclasses.replace(helpers.AGENT, learning_rate=0.5)),
            'learning_rate is 0.5 and was 0.0003',
        ),
        (
            dict(agent=dataclasses.replace(helpers.AGENT, hidden_sizes=(8, 8))),
            r'hidden_sizes is \[8, 8\] and was \[8\]',
        ),
        (
            dict(suite=helpers.make_spoilt_suite(0.0, 0)),
            "suite is 'Spoilt' and was 'PointMass2'; tasks is",
        ),
    ],
)
def test_another_config_is_not_resumed(run_dir, changes, words):
  with pytest.raises(ValueError, match=f'with another config: {words}'):
    helpers.run(run_dir, STEPS, resume=True, **changes)


def test_a_run_older_than_a_field_had_its_default(run_dir):
  config = json.loads((run_dir / 'config.json').read_text())
  del config['agent_config']['min_advantage_std']
  (run_dir / 'config.json').write_text(json.dumps(config))
  other = dataclasses.replace(helpers.AGENT, min_advantage_std=0.5)
  with pytest.raises(ValueError, match='min_advantage_std is 0.5 and was 0.00'):
    helpers.run(run_dir, STEPS, resume=True, agent=other)
  helpers.run(run_dir, STEPS, resume=True)


def test_a_checkpoint_of_another_network_is_refused(run_dir):
  """One that was copied into the directory, say."""
  config = json.loads((run_dir / 'config.json').read_text())
  config['agent_config']['hidden_sizes'] = [16]
  (run_dir / 'config.json').write_text(json.dumps(config))
  other = dataclasses.replace(helpers.AGENT, hidden_sizes=(16,))
  with pytest.raises(
      ValueError, match='belongs to another network: .* there and'
  ):
    helpers.run(run_dir, STEPS, resume=True, agent=other)


# An environment begins three episodes before the first checkpoint, and the
# fourth right after it.
@pytest.mark.parametrize(
    'reward, error, words',
    [
        (
            np.nan,
            process_pool.PoolError,
            "^Task 'spoilt' .* step 0\\) failed: the environment returned a reward "
            'that is not finite: nan',
        ),
        pytest.param(
            3e38,
            errors.NonFiniteError,
            'is (nan|inf|-inf) in learner step 4;',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_numbers_that_are_not_finite_end_a_run_at_its_last_checkpoint(
    finished, tmp_path, reward, error, words
):
  del finished  # Only so that Python's own helper processes have been started.
  before = children_of(os.getpid())
  suite = helpers.make_spoilt_suite(reward, after_episodes=3)
  with pytest.raises(error, match=words):
    helpers.run(tmp_path / 'run', STEPS, suite=suite)
  assert children_of(os.getpid()) == before
  assert checkpoint_steps(tmp_path / 'run') == [INTERVAL]
  for value in parameters_of(tmp_path / 'run').values():
    assert np.isfinite(value).all()


@pytest.mark.slow
def test_a_full_disk_ends_a_run_at_its_last_checkpoint(
    finished, tmp_path, monkeypatch
):
  true_fsync = os.fsync

  def fsync(descriptor):
    name = os.readlink(f'/proc/self/fd/{descriptor}')
    if f'{STEPS - INTERVAL:012d}' in name:
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    true_fsync(descriptor)

  monkeypatch.setattr(os, 'fsync', fsync)
  with pytest.raises(OSError, match='cannot write checkpoint .* No space left'):
    helpers.run(tmp_path / 'run', STEPS)
  assert os.listdir(tmp_path / 'run' / 'checkpoints') == [f'{INTERVAL:012d}']
  monkeypatch.undo()  # There is room again.
  helpers.run(tmp_path / 'run', STEPS, resume=True)
  assert_same_results(finished, tmp_path / 'run')
