"""Transitions: what is stepped is what is sampled, of each task as much."""

import threading

from distillery.agents.core import baselines
from distillery.agents.core import specs
from distillery.agents.core.replay import transitions
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.distributed import quiet
from distillery.environments import fakes
from distillery.environments.pool import process_pool
import numpy as np
import pytest
import reverb

K, E, T = 3, 2, 30
SUITE = fakes.point_mass_suite(K)
SPEC = specs.AgentSpec(K, 0, SUITE.observation_spec, SUITE.action_spec)


@pytest.fixture(name='serve')
def fixture_serve():
  servers = []

  def serve(tables=None, max_size=1000):
    tables = tables or transitions.make_tables(
        SPEC, max_size=max_size, min_size=1
    )
    with quiet.quiet_native_code():
      servers.append(reverb.Server(tables, port=None))
    return reverb.Client(f'localhost:{servers[-1].port}')

  yield serve
  for server in servers:
    server.stop()


@pytest.fixture(name='blocks', scope='module')
def fixture_blocks():
  """Three blocks; episodes of 50 steps end within the second."""
  with process_pool.Pool(
      SUITE.tasks,
      envs_per_task=E,
      unroll_length=T,
      num_workers=1,
      seed=0,
      observation_spec=SUITE.observation_spec,
      action_spec=SUITE.action_spec,
  ) as pool:
    pool.set_policy(baselines.random_policy(SUITE.action_spec), {})
    return [
        {name: array.copy() for name, array in pool.collect().items()}
        for _ in range(3)
    ]


def as_set(rows):
  return {row.tobytes() for row in np.asarray(rows, np.float32)}


def stepped(blocks, task):
  """Every transition of a task, one by one as the environments made them."""
  return as_set(
      [
          np.concatenate(
              [
                  block['observation'][task, t, e],
                  block['action'][task, t, e],
                  [block['reward'][task, t, e], block['discount'][task, t, e]],
                  block['next_observation'][task, t, e],
              ]
          )
          for block in blocks
          for t in range(T)
          for e in range(E)
      ]
  )


def sample(client, num_samples, num_batches=4):
  iterator = transitions.make_iterator(
      client.server_address, num_tasks=K, batch_size=8, num_batches=num_batches
  )
  taken = [next(iterator).numpy() for _ in range(num_samples)]
  assert {x.shape for x in taken} == {(num_batches, K, 8, 2 * 2 + 2 + 2)}
  return np.concatenate(taken).transpose(1, 0, 2, 3).reshape(K, -1, 8)


def test_sampled_transitions_are_the_inserted_ones(serve, blocks):
  """Over the ends of blocks and episodes, and each in its task's batch."""
  client = serve()
  insert = transitions.Inserter(client, K)
  for block in blocks:
    insert('task', block)
  sampled = sample(client, 120)  # 3,840 of the 180 of each task.
  for task in range(K):
    assert as_set(sampled[task]) == stepped(blocks, task)
  ends = blocks[1]['episode_end']
  assert ends.any() and (blocks[1]['discount'][ends] == 1.0).all()
  # The observation after an end is the next episode's, and no row holds it as
  # what came next.
  starts = blocks[1]['observation'][:, 1:][ends[:, :-1]]
  next_observations = transitions.pack(blocks[1])[..., -2:].reshape(-1, 2)
  assert not as_set(starts) & as_set(next_observations)


def test_unpack_takes_apart_what_pack_puts_together(blocks):
  packed = transitions.pack(blocks[0])
  assert packed.dtype == np.float32
  parts = transitions.unpack(packed, SPEC)
  for name, part in parts._asdict().items():
    expected = np.swapaxes(blocks[0][name], 1, 2)
    np.testing.assert_array_equal(
        part, expected.reshape(K, E * T, *expected.shape[3:]), name
    )


def test_the_oldest_go_first(serve, blocks):
  client = serve(max_size=E * T)
  insert = transitions.Inserter(client, K)
  for block in blocks[:2]:
    insert('task', block)
  sampled = sample(client, 60)
  for task in range(K):
    assert as_set(sampled[task]) == stepped(blocks[1:2], task)


def test_samples_are_uniform(serve, blocks):
  client = serve()
  transitions.Inserter(client, K)('task', blocks[0])
  sampled = sample(client, 200)[0]  # 6,400 of 60: 107 each, deviation 10.
  _, counts = np.unique(sampled, axis=0, return_counts=True)
  assert len(counts) == E * T
  assert 50 < counts.min() and counts.max() < 170


def test_half_written_blocks_stop_nobody(serve, blocks):
  """Blocks of killed or waiting actors: the first task has more transitions."""
  config = sac_config.SACConfig(
      envs_per_task=E,
      unroll_length=T,
      batch_size=K,
      updates_per_step=1,
      samples_per_insert=1.0 / (E * T),
      random_steps=E * T,
  )
  client = serve(sac_builder.SACBuilder(config, SPEC).make_tables(apart=True))
  half = transitions.Inserter(client, 1)

  def insert():
    for _ in range(40):
      half('task', {name: x[:1] for name, x in blocks[0].items()})
    transitions.Inserter(client, K)('task', blocks[1])
    next(
        transitions.make_iterator(
            client.server_address, num_tasks=K, batch_size=1, num_batches=1
        )
    )

  thread = threading.Thread(target=insert, daemon=True)
  thread.start()
  thread.join(30.0)
  assert not thread.is_alive()


@pytest.mark.parametrize('samples_per_insert', [1.0, 4.0])
def test_the_side_that_is_ahead_waits(serve, blocks, samples_per_insert):
  """Sampled as often as it should be, but for the buffer of SAC's tables."""
  config = sac_config.SACConfig(
      envs_per_task=E,
      unroll_length=T,
      batch_size=K * 6,
      updates_per_step=2,
      samples_per_insert=samples_per_insert,
      random_steps=E * T,
  )
  buffer = 2.0 * E * T * samples_per_insert + 8.0 * 6 * 2
  client = serve(sac_builder.SACBuilder(config, SPEC).make_tables(apart=True))
  insert = transitions.Inserter(client, K)
  insert('task', blocks[0])

  def insert_the_rest():
    for block in blocks[1:] * 3:
      insert('task', block)

  writer = threading.Thread(target=insert_the_rest, daemon=True)
  writer.start()
  writer.join(1.0)
  assert writer.is_alive()  # There is no sampler, so it waits.
  iterator = transitions.make_iterator(
      client.server_address, num_tasks=K, batch_size=6, num_batches=2
  )
  while writer.is_alive():
    next(iterator)
  for task in range(K):
    info = client.server_info()[f'transitions_{task}']
    inserted = info.rate_limiter_info.insert_stats.completed
    sampled = info.rate_limiter_info.sample_stats.completed
    due = samples_per_insert * (inserted - E * T)
    assert inserted == 7 * E * T
    # The last table makes them wait; of others more may be sampled ahead.
    ahead = 0 if task == K - 1 else 8.0 * 6 * 2
    assert abs(sampled - due) <= buffer + samples_per_insert + ahead


def test_a_silent_server_ends_every_wait(serve, blocks, fall_silent):
  client = serve(
      transitions.make_tables(
          SPEC,
          max_size=1000,
          min_size=1,
          last_limiter=reverb.rate_limiters.Queue(1),
      )
  )
  insert = transitions.Inserter(client, K)
  iterator = transitions.make_iterator(
      client.server_address, num_tasks=K, batch_size=4, num_batches=1
  )
  fall_silent()
  with pytest.raises(ConnectionError, match='localhost:.* is silent'):
    next(iterator)
  with pytest.raises(ConnectionError, match='localhost:.* is silent'):
    insert('task', blocks[0])
