"""Checkpoints: exact, whole or not at all, and harmless to read."""

import errno
import hashlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys

from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import checkpoints
from distillery.networks.policies import columns
import numpy as np
import pytest
import tensorflow as tf

K, D, A = 3, 4, 2
STATE = {'env_steps': 7, 'wall_s': 0.1 + 0.2, 'counts': {'env_steps': 7}}


class Agent:
  """A policy and its optimiser, with values that nothing begins with."""

  def __init__(self, seed=0, hidden_sizes=(8,), is_discrete=False):
    self.policy = columns.ColumnPolicy(
        K,
        D,
        A,
        is_discrete=is_discrete,
        architecture='two_column',
        alpha=0.5,
        hidden_sizes=hidden_sizes,
        shared_observes_task=False,
        std=columns.StdRange(1.0, 0.1, 2.0),
        min_observation_std=0.01,
        seed=seed,
    )
    self.optimizer = tf.keras.optimizers.Adam(1e-3)
    self.optimizer.build(self.policy.shared_variables())
    self.checkpointables = {'policy': self.policy, 'optimizer': self.optimizer}
    rng = np.random.default_rng(seed)
    for variable in self.variables:
      if variable.dtype.is_floating:
        variable.assign(rng.standard_normal(variable.shape))
      else:
        variable.assign(seed + 5)

  @property
  def variables(self):
    return [*self.policy.variables, *self.optimizer.variables]

  def values(self):
    return [variable.numpy() for variable in self.variables]

  @property
  def parameters(self):
    return {
        name: variable.numpy()
        for name, variable in self.policy.acting_variables().items()
    }

  def save_best(self, run_dir, env_steps):
    checkpoint_writing.write_best(
        run_dir,
        env_steps,
        {'task': self.policy.acting_policy('task')},
        self.parameters,
        {**STATE, 'env_steps': env_steps},
    )

  def save(self, run_dir, env_steps=7, state=None):
    return checkpoint_writing.finish(
        checkpoint_writing.begin(
            run_dir,
            env_steps,
            self.checkpointables,
            {
                name: self.policy.acting_policy(name)
                for name in ('task', 'shared')
            },
            self.parameters,
            state or STATE,
        )
    )


def names(run_dir):
  return sorted(path.name for path in (run_dir / 'checkpoints').iterdir())


def equal(left, right):
  return all(np.array_equal(a, b) for a, b in zip(left, right))


@pytest.fixture(scope='module', name='template')
def fixture_template(tmp_path_factory):
  run_dir = tmp_path_factory.mktemp('template')
  agent = Agent()
  for env_steps in (1, 2):
    agent.save(run_dir, env_steps)
  return run_dir


@pytest.fixture(name='run_dir')
def fixture_run_dir(template, tmp_path):
  """A run's directory with two checkpoints."""
  return shutil.copytree(template, tmp_path / 'run')


def two_checkpoints(run_dir):
  return sorted((run_dir / 'checkpoints').iterdir())


def test_comes_back_to_the_bit(tmp_path):
  saved, other = Agent(seed=1), Agent(seed=2)
  path = saved.save(tmp_path)
  assert not equal(saved.values(), other.values())
  assert checkpoints.newest(tmp_path) == path
  assert checkpoints.restore(path, other.checkpointables) == STATE
  assert equal(saved.values(), other.values())


def test_keeps_the_newest_two(tmp_path):
  agent = Agent()
  for env_steps in (5, 90, 1000):
    agent.save(tmp_path, env_steps)
  assert names(tmp_path) == ['000000000090', '000000001000']
  assert checkpoints.newest(tmp_path).name == '000000001000'


def test_a_damaged_one_beyond_keeps_no_place(tmp_path):
  agent = Agent()
  for env_steps in (500, 1003):
    agent.save(tmp_path, env_steps)
  (tmp_path / 'checkpoints' / f'{1003:012d}' / 'manifest.json').unlink()
  agent.save(tmp_path, 1000)  # Of the run that went on from 500.
  assert names(tmp_path) == [f'{500:012d}', f'{1000:012d}']


def test_without_any_there_is_none(tmp_path):
  assert checkpoints.newest(tmp_path) is None
  with pytest.raises(ValueError, match='no checkpoint'):
    checkpoints.load_policy(tmp_path)


def test_saving_again_at_the_same_step_replaces(tmp_path):
  Agent(seed=1).save(tmp_path)
  agent, other = Agent(seed=2), Agent(seed=3)
  checkpoints.restore(agent.save(tmp_path), other.checkpointables)
  assert equal(agent.values(), other.values())


def flip_a_byte(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def cut_in_half(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    'flipped': flip_a_byte,
    'cut': cut_in_half,
    'empty': lambda path: path.write_bytes(b''),
    'missing': lambda path: path.unlink(),
}
FILES = (
    'manifest.json',
    'policies.json',
    'policy.npz',
    'state.json',
    'variables.data-00000-of-00001',
    'variables.index',
)


@pytest.mark.parametrize('damage', DAMAGES)
@pytest.mark.parametrize('name', FILES)
def test_a_damaged_one_falls_back_to_the_one_before(run_dir, name, damage):
  older, newer = two_checkpoints(run_dir)
  assert sorted(path.name for path in newer.iterdir()) == sorted(FILES)
  DAMAGES[damage](newer / name)
  with pytest.warns(UserWarning) as warnings:
    assert checkpoints.newest(run_dir) == older
  (warning,) = warnings
  # A flipped byte of the manifest may show in any of the names or sums in it.
  assert str(newer) in str(warning.message)
  if name != 'manifest.json' or damage != 'flipped':
    assert name in str(warning.message)


@pytest.mark.parametrize('manifest', ['{}', '[]', 'null', '{"policy.npz": ""}'])
def test_a_manifest_that_vouches_for_nothing_is_a_fault(run_dir, manifest):
  older, newer = two_checkpoints(run_dir)
  (newer / 'manifest.json').write_text(manifest)
  with pytest.warns(UserWarning, match='manifest.json'):
    assert checkpoints.newest(run_dir) == older


def test_all_damaged_is_an_error(run_dir):
  for path in two_checkpoints(run_dir):
    flip_a_byte(path / 'policy.npz')
  with pytest.warns(UserWarning):
    with pytest.raises(
        ValueError,
        match='all checkpoints in .* are damaged: policy.npz is not what .* of 2',
    ):
      checkpoints.newest(run_dir)


def test_one_of_another_network_is_refused(tmp_path):
  path = Agent(hidden_sizes=(8,)).save(tmp_path)
  other = Agent(hidden_sizes=(16,))
  before = other.values()
  with pytest.raises(ValueError, match='belongs to another network') as error:
    checkpoints.restore(path, other.checkpointables)
  assert '(1, 4, 8) there and (1, 4, 16) here' in str(error.value)
  assert equal(before, other.values())


def test_one_with_another_number_of_layers_is_refused(tmp_path):
  path = Agent(hidden_sizes=(8,)).save(tmp_path)
  with pytest.raises(ValueError, match='is absent there and'):
    checkpoints.restore(path, Agent(hidden_sizes=(8, 8)).checkpointables)


def no_space(*unused):
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def savez_until_full(file, **arrays):
  pathlib.Path(file).write_bytes(b'half')
  no_space()


@pytest.fixture(name='limit_file_size')
def fixture_limit_file_size():
  """Files cannot grow past a limit; as on a full disk, writing fails."""
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
  resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize('fault', ['variables', 'policy', 'sync', 'rename'])
def test_a_full_disk_costs_no_earlier_checkpoint(
    run_dir, monkeypatch, limit_file_size, fault
):
  agent = Agent()
  before = two_checkpoints(run_dir)
  with monkeypatch.context() as patch:
    if fault == 'variables':
      limit_file_size(300)  # of TensorFlow's own writing
    elif fault == 'policy':
      patch.setattr(np, 'savez', savez_until_full)
    elif fault == 'sync':
      patch.setattr(os, 'fsync', no_space)
    else:
      patch.setattr(os, 'rename', no_space)
    with pytest.raises(OSError, match='cannot write checkpoint .*0003'):
      agent.save(run_dir, 3)
    limit_file_size(resource.RLIM_INFINITY)
  assert two_checkpoints(run_dir) == before
  assert checkpoints.newest(run_dir) == before[-1]
  # Once there is room again, all is as it was.
  assert checkpoints.newest(run_dir) != agent.save(run_dir, 3)


def test_litter_of_a_killed_run_is_removed(tmp_path):
  litter = tmp_path / 'checkpoints' / '000000000005.tmp'
  litter.mkdir(parents=True)
  (litter / 'variables.index').write_text('half')
  assert checkpoints.newest(tmp_path) is None
  path = Agent().save(tmp_path)
  assert names(tmp_path) == [path.name]


def test_policies_act_as_the_trained_ones_do(tmp_path):
  agent = Agent()
  agent.save(tmp_path)
  observation = (
      np.random.default_rng(0).standard_normal([K, 5, D]).astype(np.float32)
  )
  rows = observation.reshape([K * 5, D])
  for which in ('task', 'shared'):
    loaded = checkpoints.load_policy(tmp_path, which)
    wanted = getattr(agent.policy, which)(observation).mode().numpy()
    action = loaded.act(rows, np.repeat(np.arange(K), 5))
    assert action.dtype == np.float32
    np.testing.assert_allclose(
        action.reshape([K, 5, A]), wanted, rtol=0, atol=1e-5
    )
    # Other tasks in some of the rows: other weights.
    np.testing.assert_allclose(
        loaded.act(rows, np.arange(15) // 5 % 2)[:10].reshape([2, 5, A]),
        wanted[:2],
        rtol=0,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        loaded.act(observation[0], np.zeros(5, int)),
        wanted[0],
        rtol=0,
        atol=1e-5,
    )
    again = loaded.act(rows, np.full(15, 2)).reshape([K, 5, A])
    np.testing.assert_allclose(again[2], wanted[2], rtol=0, atol=1e-5)


def test_discrete_policies_act_as_the_trained_ones_do(tmp_path):
  agent = Agent(is_discrete=True)
  agent.save(tmp_path)
  observation = (
      np.random.default_rng(0).standard_normal([K, 20, D]).astype(np.float32)
  )
  action = checkpoints.load_policy(tmp_path).act(
      observation.reshape([K * 20, D]), np.repeat(np.arange(K), 20)
  )
  wanted = agent.policy.task(observation).mode().numpy()
  assert action.dtype == np.int32
  assert len(set(action)) == A
  assert np.array_equal(action.reshape([K, 20]), wanted)


def test_an_unknown_policy_is_refused(run_dir):
  with pytest.raises(ValueError, match=r"\['shared', 'task'\].*got 'tsak'"):
    checkpoints.load_policy(run_dir, 'tsak')


def test_loading_a_policy_needs_no_tensorflow(run_dir):
  code = (
      'import sys\n'
      'import numpy as np\n'
      'from distillery.agents.core.run_files import checkpoints\n'
      f'policy = checkpoints.load_policy({str(run_dir)!r})\n'
      f'print(policy.act(np.zeros([2, {D}]), np.array([0, 1])).shape)\n'
      'assert not {"tensorflow", "acme", "reverb"} & set(sys.modules)\n'
  )
  result = subprocess.run(
      [sys.executable, '-c', code], capture_output=True, text=True, timeout=100
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout == f'(2, {A})\n'


class Payload:
  """Makes a file when it is unpickled."""

  def __init__(self, marker):
    self.marker = marker

  def __reduce__(self):
    return pathlib.Path.touch, (self.marker,)


def test_reading_runs_no_code(tmp_path):
  agent = Agent()
  path = agent.save(tmp_path)
  marker = tmp_path / 'marker'
  parameters = agent.parameters
  parameters['shared/b0'] = np.array([Payload(marker)], object)
  np.savez(path / 'policy.npz', **parameters)
  manifest = json.loads((path / 'manifest.json').read_text())
  manifest['policy.npz'] = hashlib.sha256(
      (path / 'policy.npz').read_bytes()
  ).hexdigest()
  (path / 'manifest.json').write_text(json.dumps(manifest))
  with pytest.raises(ValueError, match='allow_pickle=False'):
    checkpoints.load_policy(tmp_path)
  assert not marker.exists()


def test_a_checkpoint_is_chosen(run_dir):
  Agent(seed=3).save_best(run_dir, 5)
  Agent(seed=4).save_best(run_dir, 9)
  assert [path.name for path in (run_dir / 'best').iterdir()] == [f'{9:012d}']
  seeds = {'last': 0, 'best': 4, '1': 0, '2': 0, '9': 4}
  for checkpoint, seed in seeds.items():
    found = checkpoints.load_policy(run_dir, 'task', checkpoint)
    for name, value in Agent(seed=seed).parameters.items():
      np.testing.assert_array_equal(found.parameters[name], value)
  assert checkpoints.load_policy(run_dir, 'task', 'best').env_steps == 9
  with pytest.raises(
      ValueError, match="'3', want last, best or, in .*, 1, 2, 9\\."
  ):
    checkpoints.load_policy(run_dir, 'task', '3')
  # A run is never resumed from it.
  assert checkpoints.newest(run_dir).name == f'{2:012d}'


def test_there_may_be_no_best_checkpoint(run_dir):
  with pytest.raises(ValueError, match='^no evaluation in .* yet'):
    checkpoints.load_policy(run_dir, 'task', 'best')
  Agent().save_best(run_dir, 9)
  path = run_dir / 'best' / f'{9:012d}' / 'policy.npz'
  path.write_bytes(path.read_bytes()[:-1])
  with pytest.raises(ValueError, match='is damaged: policy.npz is not what'):
    checkpoints.load_policy(run_dir, 'task', '9')
  with (
      pytest.warns(UserWarning, match='is damaged'),
      pytest.raises(ValueError, match='^all checkpoints in .*best are damaged'),
  ):
    checkpoints.load_policy(run_dir, 'task', 'best')


def test_a_best_checkpoint_of_later_steps_is_dropped(run_dir):
  Agent().save_best(run_dir, 9)
  checkpoint_writing.drop_best_after(run_dir, 9)
  assert checkpoints.load_policy(run_dir, 'task', 'best').env_steps == 9
  checkpoint_writing.drop_best_after(run_dir, 8)
  assert not list((run_dir / 'best').iterdir())
