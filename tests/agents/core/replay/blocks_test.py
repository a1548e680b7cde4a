"""Blocks through a Reverb server: unchanged, in order, once."""

import threading
import time
import types

from distillery.agents.core import specs as core_specs
from distillery.agents.core.replay import blocks as replay_blocks
from distillery.distributed import quiet
from dm_env import specs
import numpy as np
import pytest
import reverb
import tensorflow as tf

T, K, E, D, A = 5, 3, 2, 4, 2
OBSERVATION = specs.Array((D,), np.float32)
CONTINUOUS = specs.BoundedArray((A,), np.float32, -1.0, 1.0)
DISCRETE = specs.DiscreteArray(7)
SPEC = core_specs.AgentSpec(K, 0, OBSERVATION, CONTINUOUS)
CONFIG = types.SimpleNamespace(unroll_length=T, envs_per_task=E)


def signature(action_spec=CONTINUOUS):
  return replay_blocks.block_signature(
      unroll_length=T,
      num_tasks=K,
      envs_per_task=E,
      observation_spec=OBSERVATION,
      action_spec=action_spec,
  )


def random_block(seed, action_spec=CONTINUOUS):
  rng = np.random.default_rng(seed)
  block = {}
  for name, spec in signature(action_spec).items():
    # Any bits, NaN and infinity among them.
    size = int(np.prod(spec.shape)) * spec.dtype.size
    if spec.dtype == tf.bool:
      block[name] = rng.random(spec.shape) < 0.5
    else:
      block[name] = np.frombuffer(
          rng.bytes(size), spec.dtype.as_numpy_dtype
      ).reshape(spec.shape)
  return block


@pytest.fixture(name='make_server')
def fixture_make_server():
  servers = []

  def make_server(action_spec=CONTINUOUS, max_blocks=3):
    table = replay_blocks.make_queue(
        'task',
        SPEC._replace(action_spec=action_spec),
        CONFIG,
        max_blocks=max_blocks,
    )
    servers.append(reverb.Server([table], port=None))
    return reverb.Client(f'localhost:{servers[-1].port}')

  with quiet.quiet_native_code():
    yield make_server
    for server in servers:
      server.stop()


def same_bits(left, right):
  return left.dtype == right.dtype and left.tobytes() == right.tobytes()


@pytest.mark.parametrize('action_spec', [CONTINUOUS, DISCRETE])
def test_blocks_come_back_to_the_bit_and_in_order(make_server, action_spec):
  client = make_server(action_spec)
  blocks = [random_block(seed, action_spec) for seed in range(3)]
  writer = replay_blocks.BlockWriter(client)
  for block in blocks:
    writer('task', block)
  iterator = replay_blocks.make_iterator(client.server_address, 'task')
  for block in blocks:
    taken = next(iterator)
    assert isinstance(taken, replay_blocks.Block) and taken.state is None
    assert {*taken._fields} == {*block, 'state'}
    for name, array in block.items():
      assert same_bits(getattr(taken, name).numpy(), array), name


def test_a_state_comes_with_its_block():
  queue = replay_blocks.make_queue(
      'task', SPEC, CONFIG, max_blocks=1, state_size=6
  )
  with quiet.quiet_native_code():
    server = reverb.Server([queue], port=None)
    client = reverb.Client(f'localhost:{server.port}')
    state = np.arange(K * E * 6, dtype=np.float32).reshape(K, E, 6)
    replay_blocks.BlockWriter(client)(
        'task', {**random_block(0), 'state': state}
    )
    taken = next(replay_blocks.make_iterator(client.server_address, 'task'))
    assert same_bits(taken.state.numpy(), state)
    server.stop()


def test_samples_are_the_steps_of_a_task_by_time():
  block = replay_blocks.Block(
      **{name: tf.constant(array) for name, array in random_block(0).items()},
      state=tf.zeros([K, E, 6]),
  )
  samples = block.samples()
  assert samples.state is None
  for name, array in random_block(0).items():
    got = getattr(samples, name).numpy()
    assert got.shape == (K, T * E, *array.shape[3:])
    for k, t, e in np.ndindex(K, T, E):
      assert same_bits(got[k, t * E + e], array[k, t, e]), name


def test_a_block_is_taken_once(make_server):
  client = make_server()
  replay_blocks.BlockWriter(client)('task', random_block(0))
  next(replay_blocks.make_iterator(client.server_address, 'task'))
  assert client.server_info()['task'].current_size == 0


def test_blocks_are_not_taken_ahead(make_server):
  client = make_server(max_blocks=6)
  writer = replay_blocks.BlockWriter(client)
  for seed in range(6):
    writer('task', random_block(seed))
  iterator = replay_blocks.make_iterator(client.server_address, 'task')
  next(iterator)
  time.sleep(1.0)
  # One is here, and Reverb may have another on its way.
  assert client.server_info()['task'].current_size >= 4


def test_a_full_queue_makes_the_writer_wait(make_server):
  client = make_server(max_blocks=1)
  writer = replay_blocks.BlockWriter(client)
  writer('task', random_block(0))
  second = threading.Thread(
      target=writer, args=('task', random_block(1)), daemon=True
  )
  second.start()
  second.join(timeout=1.0)
  assert second.is_alive()
  iterator = replay_blocks.make_iterator(client.server_address, 'task')
  first = next(iterator).observation.numpy()
  assert same_bits(first, random_block(0)['observation'])
  second.join(timeout=60.0)
  assert not second.is_alive()


def test_a_silent_server_ends_every_wait(make_server, fall_silent):
  client = make_server(max_blocks=1)
  writer, another = replay_blocks.BlockWriter(
      client
  ), replay_blocks.BlockWriter(client)
  iterator = replay_blocks.make_iterator(client.server_address, 'task')
  writer('task', random_block(0))
  next(iterator)
  fall_silent()
  with pytest.raises(ConnectionError, match='localhost:.* is silent'):
    next(iterator)
  with pytest.raises(ConnectionError, match='localhost:.* is silent'):
    for _ in range(4):  # The iterator waits for one, and asks for another.
      another('task', random_block(0))


def test_the_end_of_a_stream_is_not_waited_for_in_vain(monkeypatch):
  monkeypatch.setattr(replay_blocks, '_CLOSE_S', 0.1)
  closes = threading.Event()

  def close(retry_on_unavailable):
    closes.set()
    threading.Event().wait()

  replay_blocks._close(types.SimpleNamespace(close=close))
  assert closes.is_set()


def test_the_block_may_be_overwritten_once_it_is_inserted(make_server):
  """The pool's arrays are views that its next unroll writes to."""
  client = make_server()
  writer = replay_blocks.BlockWriter(client)
  block = {name: array.copy() for name, array in random_block(0).items()}
  for seed in range(2):
    for name, array in random_block(seed).items():
      block[name][...] = array
    writer('task', block)
  for array in block.values():
    array[...] = 0
  iterator = replay_blocks.make_iterator(client.server_address, 'task')
  for seed in range(2):
    taken = next(iterator)
    for name, array in random_block(seed).items():
      assert same_bits(getattr(taken, name).numpy(), array), name


def wrong_shape(block):
  block['reward'] = block['reward'][:-1]


def wrong_type(block):
  block['reward'] = block['reward'].astype(np.float64)


def without_a_part(block):
  del block['success']


@pytest.mark.parametrize('num_before', [0, 1])
@pytest.mark.parametrize('spoil', [wrong_shape, wrong_type, without_a_part])
def test_a_block_of_another_layout_is_refused(make_server, spoil, num_before):
  client = make_server()
  writer = replay_blocks.BlockWriter(client)
  for _ in range(num_before):
    writer('task', random_block(0))
  block = random_block(0)
  spoil(block)
  with pytest.raises(ValueError, match='signature|incompatible'):
    writer('task', block)
  assert client.server_info()['task'].current_size == num_before
