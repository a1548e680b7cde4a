"""The pool of arrays: blocks are what was stepped, and it can go on."""

import dataclasses
import itertools

from distillery.agents.core import actors
from distillery.agents.core.run_files import loaded_policy
from distillery.environments import number_checks
from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import suite as maze_suite
from distillery.environments.pool import batch_pool
from distillery.environments.pool import errors as pool_errors
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import seeds
from distillery.networks.acting import recurrent as acting_recurrent
from dm_env import specs
from helpers import pool_helpers as helpers
import numpy as np
import pytest

K, E, T = 4, 3, 30  # 200 steps are no multiple of 30.
SUITE = maze_suite.maze_suite('NAVIGATION')
H = 5
POLICY = acting_recurrent.RecurrentPolicy(
    which='task',
    architecture='two_column',
    alpha=0.5,
    num_actions=4,
    image_shape=(),
    num_conv=0,
    num_hidden=0,
    lstm_size=H,
)


def parameters(seed=0):
  rng = np.random.default_rng(seed)
  size = maze_batch.OBSERVATION_SIZE
  shapes = {
      'lstm/w': (size + H, 4 * H),
      'lstm/b': (1, 4 * H),
      'output/w': (H, 4),
      'output/b': (1, 4),
  }
  return {
      f'{column}/{name}': rng.normal(scale=0.3, size=(num, *shape)).astype(
          np.float32
      )
      for column, num in (('shared', 1), ('task', K))
      for name, shape in shapes.items()
  }


class Forgetful:
  """A policy without a memory."""

  state_size = 0

  def select_tasks(self, parameters, task_index):
    return task_index

  def draw_noise(self, rng, num_steps, environments):
    return rng.random((num_steps, len(environments), 4))

  def sample(self, selected, observation, noise):
    return noise.argmax(-1).astype(np.int32), np.full(
        noise.shape[:-1], -np.log(4.0), np.float32
    )

  def deterministic(self, selected, observation):
    return np.zeros(observation.shape[:-1], np.int32)


def make_pool(policy=POLICY, seed=0, **options):
  pool = pool_factory.make_pool(
      SUITE,
      envs_per_task=E,
      unroll_length=T,
      num_workers=2,
      seed=seed,
      **options,
  )
  pool.set_policy(policy, parameters())
  return pool


def collect(pool, number, **kwargs):
  blocks = []
  for _ in range(number):
    blocks.append(
        {name: value.copy() for name, value in pool.collect(**kwargs).items()}
    )
  return blocks


def assert_equal(blocks, others):
  for block, other in itertools.zip_longest(blocks, others):
    assert set(block) == set(other)
    for name, value in block.items():
      np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_a_suite_of_arrays_needs_no_workers():
  assert isinstance(make_pool(), batch_pool.BatchPool)


@pytest.mark.parametrize('policy', [POLICY, Forgetful()])
def test_blocks_hang_together_and_count_episodes(policy):
  pool = make_pool(policy)
  blocks = collect(pool, 14)
  assert ('state' in blocks[0]) == (policy is POLICY)
  assert blocks[0]['reward'].shape == (K, T, E)
  whole = helpers.by_time(blocks)
  ends = whole['episode_end']
  goes_on = ~ends[:-1]
  np.testing.assert_array_equal(
      whole['next_observation'][:-1][goes_on], whole['observation'][1:][goes_on]
  )
  want_step = np.arange(14 * T) % SUITE.horizon
  assert (whole['episode_step'] == want_step[:, None, None]).all()
  assert (ends == (want_step == SUITE.horizon - 1)[:, None, None]).all()
  assert (whole['discount'] == 1.0).all()
  # The action and the reward that came of it are seen in the next step.
  seen = whole['next_observation'][..., maze_batch.IMAGE_SIZE :]
  np.testing.assert_array_equal(seen[..., :4].argmax(-1), whole['action'])
  np.testing.assert_array_equal(seen[..., 4], whole['reward'])
  episodes = pool.episodes()
  assert len(episodes) == 2 * K * E and not pool.episodes()
  for episode in episodes:
    k = [task.name for task in SUITE.tasks].index(episode.task)
    steps = slice(200 * episode.episode, 200 * (episode.episode + 1))
    assert episode.length == 200
    assert episode.return_ == pytest.approx(
        whole['reward'][steps, k, episode.env].sum(), rel=1e-5
    )
    assert episode.success == whole['success'][steps, k, episode.env].any()


def test_the_state_is_what_acted_and_is_forgotten_between_episodes():
  selected = POLICY.select_tasks(parameters(), np.arange(K))
  remembered = np.zeros((K, E, POLICY.state_size), np.float32)
  for collected in collect(make_pool(), 8):
    block = helpers.by_time([collected])
    remembered[block['episode_step'][0] == 0] = 0.0
    np.testing.assert_array_equal(collected['state'], remembered)
    for t in range(T):
      remembered[block['episode_step'][t] == 0] = 0.0
      logits, remembered = POLICY._logits(
          selected, block['observation'][t], remembered
      )
      log_prob = logits - np.logaddexp.reduce(logits, -1, keepdims=True)
      np.testing.assert_allclose(
          block['log_prob'][t],
          np.take_along_axis(log_prob, block['action'][t][..., None], -1)[
              ..., 0
          ],
          atol=1e-6,
      )


def test_a_restored_pool_continues_like_a_restarted_one():
  pool, other = make_pool(), make_pool()
  collect(pool, 8)
  state = pool.state()
  other.restore(state)
  assert_equal(
      collect(other, 8), [*collect(pool, 1, restart=True), *collect(pool, 7)]
  )
  assert pool.state() == other.state() != state
  with pytest.raises(ValueError, match=r'\(4, 2\), want \(4, 3\)'):
    other.restore({**state, 'episodes_begun': np.zeros((4, 2)).tolist()})


def test_steps_are_counted():
  pool = make_pool()
  collect(pool, 3)
  assert pool.num_steps == 3 * len(SUITE.train_tasks) * T * E


def test_there_are_no_random_starts():
  with pytest.raises(ValueError, match='random_start_steps: got 3, .*arrays'):
    make_pool(random_start_steps=3)


def test_tasks_cannot_rest():
  with pytest.raises(ValueError, match='stepped as arrays cannot rest'):
    make_pool().collect(resting=[0])


def test_training_episodes_may_be_cut():
  pool = make_pool(train_episode_steps=7)
  block = helpers.by_time(collect(pool, 8))
  assert block['episode_step'].max() == 6
  assert block['episode_end'][block['episode_step'] == 6].all()
  # A cut is no termination.
  assert (block['discount'][block['episode_step'] == 6] == 1.0).any()
  assert {episode.length for episode in pool.episodes()} <= set(range(1, 8))


class ByEnvironment(Forgetful):
  """A policy whose action is the index of the environment."""

  def draw_noise(self, rng, num_steps, environments):
    one_hot = np.eye(4)[list(environments)]
    return np.broadcast_to(one_hot, (num_steps, *one_hot.shape))


def test_noise_is_drawn_for_each_environment_of_a_task():
  (block,) = collect(make_pool(ByEnvironment()), 1)
  np.testing.assert_array_equal(
      block['action'], np.broadcast_to(np.arange(E), (K, T, E))
  )


def test_a_seed_is_a_run_and_another_another():
  assert_equal(collect(make_pool(), 2), collect(make_pool(), 2))
  one, two = (collect(make_pool(seed=seed), 1)[0] for seed in (0, 1))
  assert not np.array_equal(one['observation'], two['observation'])


@pytest.mark.parametrize('deterministic', [True, False])
def test_evaluation_plays_whole_episodes_and_leaves_training_alone(
    deterministic,
):
  pool, untouched = make_pool(), make_pool()
  collect(pool, 1)
  evaluate = lambda seed: pool.evaluate(
      POLICY,
      parameters(),
      episodes_per_task=5,
      seed=seed,
      deterministic=deterministic,
      until_success=False,
  )
  episodes = evaluate(3)
  assert [(e.task, e.episode, e.length) for e in episodes] == [
      (task.name, number, 200) for task in SUITE.tasks for number in range(5)
  ]
  assert episodes == evaluate(3) != evaluate(4)
  assert (
      pool.evaluate(
          Forgetful(), {}, episodes_per_task=1, seed=0, tasks=SUITE.tasks[2:]
      )[0].task
      == 'find-again'
  )
  assert_equal(collect(pool, 7), collect(untouched, 8)[1:])


def test_it_needs_a_policy_first():
  pool = pool_factory.make_pool(
      SUITE, envs_per_task=1, unroll_length=1, num_workers=1, seed=0
  )
  with pytest.raises(RuntimeError, match='call set_policy first'):
    pool.collect()
  with pytest.raises(RuntimeError, match='call set_policy first'):
    pool.set_parameters({})


class Counter:
  """A user's simulator: continuous actions, and a new array in each step."""

  def __init__(self, num, broken_at):
    self.observation = np.zeros((num, 1), np.float32)
    self.success = np.zeros(num, bool)
    self.actions = []
    self._broken_at = broken_at

  def reset(self, row, seed):
    self.observation = self.observation.copy()
    self.observation[row] = 0.0

  def step(self, action):
    self.actions.append(action)
    self.observation = self.observation + 1.0
    reward = np.zeros(len(self.observation), np.float32)
    if len(self.actions) == self._broken_at:
      reward[1] = np.nan
    return reward, np.ones_like(reward), self.observation[:, 0] >= 5.0


class Strong(Forgetful):
  """Acts far out of bounds."""

  def sample(self, selected, observation, noise):
    action = np.full((*observation.shape[:2], 1), 7.0, np.float32)
    return action, np.zeros(observation.shape[:2], np.float32)


def user_pool(broken_at=0):
  batches = []

  def make_batch(tasks):
    batches.append(Counter(len(tasks), broken_at))
    return batches[-1]

  suite = dataclasses.replace(
      SUITE,
      make_batch=make_batch,
      observation_spec=specs.Array((1,), np.float32),
      action_spec=specs.BoundedArray((1,), np.float32, -1.0, 1.0),
  )
  pool = pool_factory.make_pool(
      suite, envs_per_task=E, unroll_length=7, num_workers=1, seed=0
  )
  pool.set_policy(Strong(), {})
  return pool, batches[0]


def test_a_user_s_simulator_gets_what_it_was_promised():
  pool, batch = user_pool()
  block = pool.collect()
  assert (block['action'] == 7.0).all()
  assert all((action == 1.0).all() for action in batch.actions)
  assert block['observation'][0, :, 0, 0].tolist() == [0, 1, 2, 3, 4, 0, 1]
  assert block['next_observation'][0, :, 0, 0].tolist() == [1, 2, 3, 4, 5, 1, 2]


def test_a_simulator_that_breaks_is_named():
  pool, _ = user_pool(broken_at=3)
  seed = seeds.episode_seed(0, 0, 1, 0)
  with pytest.raises(
      pool_errors.PoolError,
      match=(
          rf"Task 'collect' \(environment 1, episode 0, seed {seed}, step 2\) "
          'failed: .* reward that is not finite'
      ),
  ) as raised:
    pool.collect()
  assert (raised.value.environment, raised.value.seed) == (1, seed)


class Lost(Strong):
  """In the third step, one task's numbers are lost."""

  def __init__(self, what):
    self._what, self._step = what, 0

  def sample(self, selected, observation, noise):
    out = dict(
        zip(
            ('action', 'log_prob'), super().sample(selected, observation, noise)
        )
    )
    if self._step == 2:
      out[self._what][2, 1] = np.nan
    self._step += 1
    return tuple(out.values())

  def deterministic(self, selected, observation):
    return self.sample(selected, observation, None)[0]


@pytest.mark.parametrize('what', ['action', 'log_prob'])
def test_no_simulator_gets_a_policy_s_nan(what):
  pool, batch = user_pool()
  pool.set_policy(Lost(what), {})
  with pytest.raises(
      pool_errors.PoolError,
      match=(
          f"Task '{SUITE.tasks[2].name}' .environment 1, .* step 2. failed: "
          'the policy .* not finite'
      ),
  ):
    pool.collect()
  assert len(batch.actions) == 2


def test_an_evaluation_says_where_a_policy_went_wrong():
  pool, _ = user_pool()
  seed = seeds.evaluation_seed(5, 3, 1)  # Of the fourth of all tasks.
  with pytest.raises(
      pool_errors.PoolError,
      match=(
          f"Evaluation of task '{SUITE.tasks[3].name}' .environment 0, episode 1, "
          f'seed {seed}, step 2. failed: the policy chose'
      ),
  ):
    pool.evaluate(
        Lost('action'), {}, episodes_per_task=3, seed=5, tasks=SUITE.tasks[1:]
    )


class Uneven(Counter):
  """Row i ends after i + 2 steps, or never, and is solved in its second."""

  def __init__(self, num, ends=True):
    super().__init__(num, broken_at=0)
    self._end = np.arange(num) + 2 if ends else np.inf

  def step(self, action):
    assert (self.observation[:, 0] < self._end).all(), 'it has ended'
    super().step(action)
    steps = self.observation[:, 0]
    self.success = steps == 2
    reward = np.ones(len(steps), np.float32)
    return reward, reward, steps >= self._end


def uneven_pool(**settings):
  suite = dataclasses.replace(
      SUITE,
      make_batch=lambda tasks: Uneven(len(tasks), **settings),
      observation_spec=specs.Array((1,), np.float32),
      action_spec=specs.DiscreteArray(4),
  )
  return pool_factory.make_pool(
      suite, envs_per_task=E, unroll_length=7, num_workers=1, seed=0
  )


@pytest.mark.parametrize(
    'until_success, lengths', [(False, [2, 3, 4, 5]), (True, [2, 2, 2, 2])]
)
def test_ended_episodes_start_again_and_are_not_counted(until_success, lengths):
  episodes = uneven_pool().evaluate(
      Forgetful(), {}, episodes_per_task=1, seed=0, until_success=until_success
  )
  assert [e.length for e in episodes] == lengths
  assert [e.return_ for e in episodes] == lengths
  assert all(e.success for e in episodes)


def test_an_evaluation_without_a_time_limit_ends(monkeypatch):
  monkeypatch.setattr(number_checks, '_MAX_EPISODE_STEPS', 50)
  with pytest.raises(
      ValueError,
      match=('has not ended after 50 steps: give the environment a time limit'),
  ):
    uneven_pool(ends=False).evaluate(
        Forgetful(), {}, episodes_per_task=1, seed=0, until_success=False
    )


def test_acme_s_loop_can_act_with_a_memory():
  class Source:

    def get_variables(self, names):
      del names
      return [parameters()]

  environment = SUITE.tasks[1].factory(0)
  actor = actors.PolicyActor(
      POLICY,
      Source(),
      action_spec=SUITE.action_spec,
      task_index=1,
      seed=0,
      deterministic=True,
  )
  selected = POLICY.select_tasks(parameters(), np.array([1]))
  for _ in range(2):  # Episodes.
    timestep = environment.reset(seed=4)
    actor.observe_first(timestep)
    state = np.zeros((1, 1, POLICY.state_size), np.float32)
    for _ in range(20):
      action = actor.select_action(timestep.observation)
      want, state = POLICY.deterministic(
          selected, timestep.observation[None, None], state
      )
      assert action == want[0, 0]
      timestep = environment.step(action)
  loaded = loaded_policy.LoadedPolicy(POLICY, parameters(), 0, 0.0)
  with pytest.raises(ValueError, match='this policy remembers'):
    loaded.act(timestep.observation[None], np.array([1]))


def test_bad_calls_are_refused():
  pool, good = make_pool(), parameters()
  before = collect(pool, 1)
  name = 'shared/lstm/b'
  for bad, words in (
      ([1.0], 'parameters: got a list'),
      ({}, 'got other names than those of set_policy'),
      ({**good, name: good[name][..., :1]}, "shared/lstm/b'.: got shape"),
      ({**good, name: good[name] + 1j}, "shared/lstm/b'.: got dtype complex"),
  ):
    with pytest.raises(ValueError, match=words):
      pool.set_parameters(bad)
  for bad in ([1.0], {**good, name: good[name].astype(str)}):
    with pytest.raises(ValueError, match='^parameters.*: got '):
      pool.set_policy(POLICY, bad)
    with pytest.raises(ValueError, match='^parameters.*: got '):
      pool.evaluate(POLICY, bad, episodes_per_task=1, seed=0)
  with pytest.raises(ValueError, match='tasks: got none'):
    pool.evaluate(POLICY, good, episodes_per_task=1, seed=0, tasks=[])
  for state in (
      {},
      {'num_blocks': -1, 'episodes_begun': [[0] * E] * K},
      {'num_blocks': 1, 'episodes_begun': [[0.5] * E] * K},
  ):
    with pytest.raises(ValueError, match='^BatchPool.restore: got '):
      pool.restore(state)
  # None of this did any harm.
  other = make_pool()
  assert_equal([*before, *collect(pool, 1)], collect(other, 2))


def test_arrays_that_the_caller_changes_do_not_change_the_policy():
  pool, other = make_pool(), make_pool()
  mine = parameters(1)
  other.set_parameters(parameters(1))
  pool.set_parameters(mine)
  for array in mine.values():
    array[...] = 0.0
  assert_equal(collect(pool, 1), collect(other, 1))
