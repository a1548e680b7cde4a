"""Actors: under Acme's loop on one environment, and on a pool of them."""

import types

import acme
from acme.utils import loggers
from distillery.agents.core import actors
from distillery.agents.core import specs as core_specs
from distillery.agents.core.replay import blocks
from distillery.distributed import quiet
from distillery.environments import fakes
from distillery.environments import suites
from distillery.environments.pool import process_pool
from distillery.networks.policies import columns
import dm_env
from dm_env import specs
import numpy as np
import pytest
import reverb

K = 3


class Source:
  """Stands for a learner."""

  def __init__(self, suite):
    spec = suite.action_spec
    is_discrete = hasattr(spec, 'num_values')
    self.policy = columns.ColumnPolicy(
        K,
        suite.observation_spec.shape[0],
        spec.num_values if is_discrete else spec.shape[0],
        is_discrete=is_discrete,
        architecture='two_column',
        alpha=0.5,
        hidden_sizes=(8,),
        shared_observes_task=False,
        std=columns.StdRange(0.5, 0.1, 2.0),
        min_observation_std=0.01,
        seed=0,
    )

  def get_variables(self, names):
    assert list(names) == ['policy']
    return [
        {
            name: variable.numpy()
            for name, variable in self.policy.acting_variables().items()
        }
    ]

  def change(self, seed):
    """Moves all weights to values by the seed; the three tasks' differ."""
    rng = np.random.default_rng(seed)
    for variable in (
        *self.policy.shared_variables(),
        *self.policy.task_variables(),
    ):
      variable.assign(0.5 * rng.standard_normal(variable.shape))


class Recorder(actors.PolicyActor):
  """Keeps what it saw and did."""

  def __init__(self, *args, **kwargs):
    super().__init__(*args, **kwargs)
    self.actions, self.observations = [], []

  def select_action(self, observation):
    self.observations.append(observation.copy())
    self.actions.append(super().select_action(observation))
    return self.actions[-1]


UNBOUNDED = specs.Array((2,), np.float32)


def make_actor(
    source, *, action_spec=UNBOUNDED, task_index=1, seed=0, deterministic=False
):
  return Recorder(
      source.policy.acting_policy('task'),
      source,
      action_spec=action_spec,
      task_index=task_index,
      seed=seed,
      deterministic=deterministic,
  )


def test_actions_are_within_their_bounds():
  suite = fakes.point_mass_suite(K)
  source = Source(suite)
  tight = specs.BoundedArray((2,), np.float32, -1e-3, 1e-3)
  actor = make_actor(source, action_spec=tight)
  actions = [actor.select_action(np.ones(2, np.float32)) for _ in range(50)]
  assert np.abs(actions).max() == np.float32(1e-3)


SUITES = {
    'continuous': lambda: fakes.point_mass_suite(K, horizon=20),
    'discrete': lambda: fakes.grid_suite(K, horizon=20),
    'metaworld': lambda: suites.make_suite('MT1/reach-v3', seed=0),
}


@pytest.mark.parametrize('deterministic', [True, False])
@pytest.mark.parametrize('kind', SUITES)
def test_acts_under_acmes_loop(kind, deterministic):
  suite = SUITES[kind]()
  source = Source(suite)
  source.change(seed=1)
  actor = make_actor(source, deterministic=deterministic)
  environment = suite.tasks[0].factory(0)
  spec = acme.make_environment_spec(environment)
  assert spec.observations == suite.observation_spec
  assert spec.actions == suite.action_spec
  loop = acme.EnvironmentLoop(environment, actor, logger=loggers.NoOpLogger())
  result = loop.run_episode()
  assert result['episode_length'] == len(actor.actions)
  assert np.isfinite(result['episode_return'])
  for action in actor.actions:
    assert action.shape == spec.actions.shape
    assert action.dtype == spec.actions.dtype
  # As the learner's own networks have it, for the actor's own task.
  observation = np.stack(K * [np.stack(actor.observations)])
  modes = source.policy.task(observation).mode().numpy()
  is_mode = [
      np.allclose(action, mode, rtol=0.0, atol=1e-4)
      for action, mode in zip(actor.actions, modes[1])
  ]
  assert all(is_mode) if deterministic else not all(is_mode)
  assert not np.allclose(modes[0], modes[1], atol=1e-4)


class Broken(fakes.PointMass):
  """In the fourth step of the second episode, something is wrong."""

  def __init__(self, changes):
    super().__init__((0.5, 0.5), seed=0, horizon=6)
    self._changes = changes
    self._num_steps = 0

  def step(self, action):
    self._num_steps += 1
    timestep = super().step(action)
    if self._num_steps == 10:
      return timestep._replace(**self._changes)
    return timestep


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'observation': np.ones(1, np.float32)}, r'shape \(1,\), want \(2,\)'),
        ({'observation': np.ones(3, np.float32)}, r'shape \(3,\), want \(2,\)'),
        ({'observation': np.full(2, np.nan)}, 'observation that is not finite'),
        ({'reward': np.ones(1, np.float32)}, 'as reward, want a real number'),
        ({'reward': np.nan}, 'reward that is not finite'),
        ({'discount': None}, 'None as discount'),
        ({'discount': 2.0}, r'discount 2.0, want one in \[0, 1\]'),
        ({'step_type': dm_env.StepType.FIRST}, 'FIRST: 0> as step_type, want'),
    ],
)
def test_bad_values_of_an_environment_are_refused_under_acmes_loop(
    changes, words
):
  actor = make_actor(Source(fakes.point_mass_suite(K)), task_index=2, seed=7)
  loop = acme.EnvironmentLoop(
      Broken(changes), actor, logger=loggers.NoOpLogger()
  )
  with pytest.raises(
      ValueError,
      match=(
          r"^task 2 \(episode 1, the actor's seed 7, step 3\) failed: the "
          f'environment returned .*{words}|^task 2 .*step 3.* failed: step '
          f'returned .*{words}'
      ),
  ):
    loop.run(num_episodes=3)


@pytest.mark.parametrize(
    'observation',
    [np.float32(1.0), np.ones((2, 1)), np.array(['a', 'b']), None],
)
def test_bad_values_of_a_reset_are_refused_under_acmes_loop(observation):
  actor = make_actor(Source(fakes.point_mass_suite(K)))
  with pytest.raises(
      ValueError,
      match=(
          r'^task 1 .*step 0\) failed: the environment returned .* as observation, '
          r'want real numbers of shape \[D\]'
      ),
  ):
    actor.observe_first(dm_env.restart(observation))


def test_the_seed_fixes_the_samples():
  suite = fakes.point_mass_suite(K)
  source = Source(suite)
  observation = np.ones(2, np.float32)
  first, same, other = (
      make_actor(source, seed=seed).select_action(observation)
      for seed in (5, 5, 6)
  )
  assert np.array_equal(first, same)
  assert not np.array_equal(first, other)


def test_samples_are_of_the_policys_distribution():
  source = Source(fakes.point_mass_suite(K))
  source.change(seed=1)
  actor = make_actor(source)
  observation = np.array([0.3, -0.4], np.float32)
  actions = np.stack([actor.select_action(observation) for _ in range(2000)])
  wanted = source.policy.task(np.broadcast_to(observation, (K, 1, 2)))
  mean, std = wanted.mean().numpy()[1, 0], wanted.stddev().numpy()[1, 0]
  # Five standard errors.
  np.testing.assert_allclose(actions.mean(0), mean, atol=5 * std.max() / 44.0)
  np.testing.assert_allclose(actions.std(0), std, rtol=5 / 63.0)


def test_update_fetches_what_was_learned():
  suite = fakes.point_mass_suite(K)
  source = Source(suite)
  actor = make_actor(source, deterministic=True)
  observation = np.ones(2, np.float32)
  before = actor.select_action(observation)
  source.change(seed=1)
  assert np.array_equal(actor.select_action(observation), before)
  actor.update()
  assert not np.allclose(actor.select_action(observation), before)


@pytest.mark.parametrize('names', [('task',), ('task', 'shared')])
def test_unrolls_of_a_pool_reach_the_queues(names, monkeypatch):
  suite = fakes.point_mass_suite(K)
  source = Source(suite)
  spec = core_specs.AgentSpec(K, 0, suite.observation_spec, suite.action_spec)
  config = types.SimpleNamespace(unroll_length=4, envs_per_task=2)
  with (
      quiet.quiet_native_code(),
      process_pool.Pool(
          suite.tasks,
          envs_per_task=2,
          unroll_length=4,
          num_workers=1,
          seed=0,
          observation_spec=suite.observation_spec,
          action_spec=suite.action_spec,
      ) as pool,
  ):
    collected = []
    collect = pool.collect
    monkeypatch.setattr(
        pool,
        'collect',
        lambda **kwargs: collected.append(
            {k: v.copy() for k, v in collect(**kwargs).items()}
        )
        or collected[-1],
    )
    server = reverb.Server(
        [blocks.make_queue(name, spec, config, max_blocks=1) for name in names],
        port=None,
    )
    client = reverb.Client(f'localhost:{server.port}')
    queues = {
        name: blocks.make_iterator(client.server_address, name)
        for name in names
    }
    actor = actors.UnrollActor(
        {name: source.policy.acting_policy(name) for name in names},
        source,
        pool,
        blocks.BlockWriter(client),
    )
    for seed in (1, 2):
      del collected[:]
      assert actor.collect() == len(names) * 4 * K * 2
      for name, block in zip(names, collected):
        taken = next(queues[name])
        for part, array in block.items():
          assert np.array_equal(getattr(taken, part).numpy(), array), part
        assert_acted(source.policy, name, block)
        # One policy continues its episodes; several begin their own.
        assert (block['episode_step'][:, 0] == 0).all() == (
            len(names) > 1 or seed == 1
        )
      source.change(seed)
      actor.update()
    server.stop()


def assert_acted(policy, name, block):
  observation, action = (
      block[part].reshape(K, 8, 2) for part in ('observation', 'action')
  )
  log_prob = block['log_prob'].reshape(K, 8)
  np.testing.assert_allclose(
      getattr(policy, name)(observation).log_prob(action).numpy(),
      log_prob,
      rtol=0.0,
      atol=1e-4,
  )


class SolvedPool:
  """Two tasks with ten environments; the tests say which are solved."""

  def __init__(self):
    self.solved = np.zeros((2, 10), bool)
    self.rested = []
    self.num_steps = 0

  def set_policy(self, policy, parameters):
    pass

  def collect(self, *, restart, resting):
    self.rested.append(list(resting))
    self.num_steps += (2 - len(resting)) * 50
    success = np.zeros((2, 5, 10), bool)
    success[:, 2] = self.solved
    return {'reward': np.zeros((2, 5, 10), np.float32), 'success': success}


def test_a_solved_task_rests_and_its_steps_are_not_counted():
  pool, inserted = SolvedPool(), []
  source = types.SimpleNamespace(get_variables=lambda names: [{}])
  actor = actors.UnrollActor(
      {'task': None},
      source,
      pool,
      lambda name, block: inserted.append(block),
      rest_blocks=2,
  )
  assert actor.collect() == 100
  pool.solved[1, :9] = True
  pool.solved[0, :8] = True  # Too few.
  assert actor.collect() == 100
  assert [actor.collect() for _ in range(4)] == [50, 50, 100, 50]
  assert pool.rested == [[], [], [1], [1], [], [1]]
  # With a restart, as after a checkpoint, no task rests.
  assert actor.collect(restart=True) == 100
  pool.solved[:] = False
  assert [actor.collect() for _ in range(4)] == [50, 50, 100, 100]
  assert len(inserted) == 11
  # If both were solved, there would be nothing to do.
  pool.solved[:] = True
  assert [actor.collect() for _ in range(3)] == [100, 100, 100]
