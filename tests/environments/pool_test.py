"""The pool's blocks, episodes and evaluations."""

import json

from distillery.environments import base
from distillery.environments import fakes
from distillery.environments import pool as pools
import numpy as np
import pool_helpers as helpers
import pytest

HORIZON = 50


def copy(block):
  return {name: array.copy() for name, array in block.items()}


def assert_equal_blocks(a, b):
  assert a.keys() == b.keys()
  for name in a:
    np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def episode_steps(episode_end):
  """What `episode_step` has to be [T, ...], if episodes begin at step 0."""
  expected = np.zeros(episode_end.shape, np.int32)
  for step in range(1, len(expected)):
    expected[step] = np.where(
        episode_end[step - 1], 0, expected[step - 1] + 1)
  return expected


def grid_parameters(suite, scale=30.):
  return {'logits': scale * np.stack([
      task.factory(0).optimal_values(0.9) for task in suite.tasks
  ]).astype(np.float32)}


def seeking_parameters(suite):
  return {'goal': np.stack([task.factory(0).goal for task in suite.tasks])}


@pytest.fixture(scope='module')
def recorded():
  """Three blocks of two tasks with three environments each, and episodes."""
  suite = fakes.point_mass_suite(2)
  with helpers.make_pool(suite, envs_per_task=3, num_workers=2) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2))
    blocks = [copy(pool.collect()) for _ in range(3)]
    return suite, blocks, pool.episodes(), pool.episodes()


def test_blocks_have_the_documented_shapes_and_types(recorded):
  _, blocks, _, _ = recorded
  steps = (40, 2, 3)
  assert {name: (array.shape, array.dtype) for name, array in
          blocks[0].items()} == {
              'observation': (steps + (2,), np.float32),
              'action': (steps + (2,), np.float32),
              'log_prob': (steps, np.float32),
              'reward': (steps, np.float32),
              'discount': (steps, np.float32),
              'episode_step': (steps, np.int32),
              'episode_end': (steps, np.bool_),
              'next_observation': (steps + (2,), np.float32),
              'success': (steps, np.bool_)}


def test_a_block_holds_what_happened(recorded):
  suite, blocks, _, _ = recorded
  long = {name: np.concatenate([block[name] for block in blocks])
          for name in blocks[0]}
  # Blocks follow on one another, and an episode's end is shown before the
  # reset.
  ends = long['episode_end']
  np.testing.assert_array_equal(
      np.flatnonzero(ends[:, 1, 2]), [HORIZON - 1, 2 * HORIZON - 1])
  goes_on = ~ends[:-1]
  np.testing.assert_array_equal(long['observation'][1:][goes_on],
                                long['next_observation'][:-1][goes_on])
  assert (long['observation'][1:] != long['next_observation'][:-1])[
      ends[:-1]].any(-1).all()
  assert (long['discount'] == 1.).all()  # A time limit is no termination.
  # The block has the action as it was drawn, not as the environment clips it.
  assert (np.abs(long['action']) > 1.).any()
  np.testing.assert_allclose(
      long['next_observation'],
      long['observation'] + 0.1 * np.clip(long['action'], -1., 1.), atol=1e-6)
  for k, task in enumerate(suite.tasks):
    distance = np.linalg.norm(
        long['next_observation'][:, k] - task.factory(0).goal, axis=-1)
    np.testing.assert_allclose(long['reward'][:, k], -distance, atol=1e-6)
    np.testing.assert_array_equal(long['success'][:, k], distance < 0.05)


def test_steps_are_counted_within_their_episodes(recorded):
  _, blocks, _, _ = recorded
  counted = np.concatenate([block['episode_step'] for block in blocks])
  np.testing.assert_array_equal(counted, np.broadcast_to(
      (np.arange(120) % HORIZON)[:, np.newaxis, np.newaxis], (120, 2, 3)))


def test_the_policy_acts_with_its_tasks_parameters(recorded):
  _, blocks, _, _ = recorded
  policy = helpers.GaussianPolicy()
  block = blocks[0]
  for k in range(2):
    selected = policy.select_tasks(helpers.parameters_for(2), np.array([k]))
    observation = block['observation'][:, k].reshape(1, -1, 2)
    noise = block['action'][:, k] - policy.deterministic(
        selected, observation).reshape(40, 3, 2)
    np.testing.assert_allclose(
        block['log_prob'][:, k], -0.5 * np.square(noise).sum(-1), atol=1e-4)
    assert 0.8 < noise.std() < 1.2


def test_episodes_are_told_once_with_their_sums(recorded):
  suite, blocks, episodes, again = recorded
  assert not again
  assert len(episodes) == 2 * 3 * 2
  reward = np.concatenate([block['reward'] for block in blocks])
  success = np.concatenate([block['success'] for block in blocks])
  names = [task.name for task in suite.tasks]
  for episode in episodes:
    steps = slice(episode.episode * HORIZON, (episode.episode + 1) * HORIZON)
    column = (steps, names.index(episode.task), episode.env)
    assert episode.length == HORIZON
    assert episode.return_ == pytest.approx(reward[column].sum(), rel=1e-6)
    assert episode.success == success[column].any()


def test_environments_get_actions_within_bounds():
  with helpers.make_pool(helpers.faulty_tasks('strict')) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
    assert (np.abs(pool.collect()['action']) > 1.).any()


def test_environments_and_episodes_differ(recorded):
  _, blocks, _, _ = recorded
  starts = [blocks[0]['observation'][0], blocks[1]['observation'][10]]
  # There are eight places to start from.
  assert len(np.unique(np.reshape(starts, (-1, 2)), axis=0)) > 4


def test_noise_differs_between_environments_and_blocks():
  still = {name: np.zeros_like(value)
           for name, value in helpers.parameters_for(2).items()}
  with helpers.make_pool(fakes.point_mass_suite(2), envs_per_task=2) as pool:
    pool.set_policy(helpers.GaussianPolicy(), still)
    noise = np.stack([copy(pool.collect())['action'] for _ in range(3)])
  drawn = np.moveaxis(noise, 1, 3).reshape(3 * 2 * 2, 40 * 2)
  assert len(np.unique(drawn, axis=0)) == 3 * 2 * 2


def test_termination_has_discount_zero():
  suite = fakes.grid_suite(2)
  with helpers.make_pool(suite, envs_per_task=2, unroll_length=200) as pool:
    pool.set_policy(helpers.TablePolicy(), grid_parameters(suite))
    block = pool.collect()
    assert block['action'].dtype == np.int32
    assert block['success'].sum() > 20
    np.testing.assert_array_equal(block['discount'] == 0., block['success'])
    assert block['episode_end'][block['success']].all()
    np.testing.assert_array_equal(
        block['next_observation'][block['success']].argmax(-1),
        np.nonzero(block['success'])[1] * -1 + 15)  # Task k's goal is 15 - k.


def test_steps_are_counted_where_episodes_terminate():
  """In several environments at once, anywhere in a block, also at its end."""
  suite = fakes.grid_suite(3)
  with helpers.make_pool(suite, envs_per_task=3, unroll_length=7) as pool:
    pool.set_policy(helpers.TablePolicy(), grid_parameters(suite))
    for restart in (False, True):
      blocks = [copy(pool.collect(restart=restart and not i))
                for i in range(20)]
      end, counted = (np.concatenate([block[name] for block in blocks])
                      for name in ('episode_end', 'episode_step'))
      assert end.sum(0).min() > 5 and end[6::7].any() and end[0::7].any()
      np.testing.assert_array_equal(counted, episode_steps(end))


# What has to be equal whatever the number of workers: name -> suite, policy,
# its parameters, environments a task.
CASES = {
    'padded': lambda: (fakes.point_mass_suite(3), helpers.GaussianPolicy(),
                       helpers.parameters_for(3), 3),
    'one_task': lambda: (fakes.point_mass_suite(1), helpers.GaussianPolicy(),
                         helpers.parameters_for(1), 4),
    'discrete': lambda: (fakes.grid_suite(2), helpers.TablePolicy(),
                         grid_parameters(fakes.grid_suite(2), 5.), 2),
}


@pytest.mark.parametrize('case', CASES)
def test_results_do_not_depend_on_the_number_of_workers(case):
  suite, policy, parameters, envs_per_task = CASES[case]()
  results = []
  for num_workers in (1, 2, 3):
    with helpers.make_pool(suite, envs_per_task=envs_per_task,
                           num_workers=num_workers, seed=5) as pool:
      pool.set_policy(policy, parameters)
      blocks = [copy(pool.collect()) for _ in range(2)]
      results.append((blocks, pool.episodes(), [
          pool.evaluate(policy, parameters, episodes_per_task=4, seed=3,
                        deterministic=deterministic)
          for deterministic in (True, False)]))
  for blocks, episodes, evaluations in results[1:]:
    for a, b in zip(blocks, results[0][0]):
      assert_equal_blocks(a, b)
    assert episodes == results[0][1]
    assert evaluations == results[0][2]


def test_the_seed_decides_everything():
  suite = fakes.point_mass_suite(2)
  results = []
  for seed in (3, 3, 4):
    with helpers.make_pool(suite, seed=seed) as pool:
      pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2))
      results.append(copy(pool.collect()))
  assert_equal_blocks(results[0], results[1])
  assert (results[0]['action'] != results[2]['action']).any(-1).all()


def test_fresh_parameters_act_in_the_next_block():
  suite = fakes.point_mass_suite(2)
  still = {name: np.zeros_like(value)
           for name, value in helpers.parameters_for(2).items()}
  with helpers.make_pool(suite) as pool, helpers.make_pool(suite) as other:
    pool.set_policy(helpers.GaussianPolicy(), still)
    other.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2, 1))
    first = pool.collect()['action'].copy()
    assert (first != other.collect()['action']).any()
    pool.set_parameters(helpers.parameters_for(2, 1))
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2, 1))
    assert_equal_blocks(pool.collect(restart=True),
                        other.collect(restart=True))
    pool.set_parameters(still)
    noise_only = pool.collect()['action']
    assert abs(noise_only.mean()) < 0.3
    assert (noise_only != other.collect()['action']).any(-1).all()


@pytest.mark.parametrize('num_workers', [1, 2])
def test_a_restored_pool_goes_on_like_an_unbroken_one(num_workers):
  suite, parameters = fakes.point_mass_suite(2), helpers.parameters_for(2)
  policy = helpers.GaussianPolicy()
  with helpers.make_pool(suite, envs_per_task=2) as unbroken:
    unbroken.set_policy(policy, parameters)
    for _ in range(2):
      unbroken.collect()
    state = json.loads(json.dumps(unbroken.state()))
    unbroken.episodes()
    expected = [copy(unbroken.collect(restart=True)),
                copy(unbroken.collect())]
    expected_episodes = unbroken.episodes()
  with helpers.make_pool(
      suite, envs_per_task=2, num_workers=num_workers) as restored:
    restored.restore(state)
    restored.set_policy(policy, parameters)
    for number, block in enumerate(expected):
      np.testing.assert_array_equal(
          block['episode_step'][:, 1, 1], (np.arange(40) + 40 * number) % 50)
      assert_equal_blocks(block, restored.collect())
    assert restored.episodes() == expected_episodes
    # And back again, in a pool that has already gone on.
    restored.restore(state)
    assert_equal_blocks(expected[0], restored.collect())


def test_restart_begins_new_episodes():
  with helpers.make_pool(fakes.point_mass_suite(1)) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
    last = pool.collect()['next_observation'][-1, 0, 0].copy()
    block = pool.collect(restart=True)
    assert (block['observation'][0, 0, 0] != last).any()
    assert not block['episode_end'].any()
    assert block['episode_step'][:, 0, 0].tolist() == list(range(40))
    block = pool.collect()
    assert block['episode_step'][:, 0, 0].tolist() == [
        *range(40, HORIZON), *range(30)]
    (episode,) = pool.episodes()
    assert (episode.episode, episode.length) == (1, HORIZON)


def test_evaluation_of_the_optimum_is_the_optimum():
  suite = fakes.point_mass_suite(3)
  parameters = seeking_parameters(suite)
  with helpers.make_pool(suite, num_workers=2) as pool:
    episodes = pool.evaluate(
        helpers.SeekingPolicy(), parameters, episodes_per_task=10, seed=0)
  assert [(e.task, e.episode) for e in episodes] == [
      (task.name, i) for task in suite.tasks for i in range(10)]
  for episode in episodes:
    environment = dict((t.name, t.factory) for t in suite.tasks)[
        episode.task](0)
    start = environment.reset(variation=episode.episode % 8).observation
    gap = np.abs(start - environment.goal).max()
    # It ends at the first success; what is left of the optimal return is small.
    assert episode.success
    assert gap / 0.1 - 1 <= episode.length <= gap / 0.1 + 1
    assert episode.return_ == pytest.approx(
        environment.optimal_return(start), abs=0.06)


def test_evaluation_leaves_training_alone():
  suite, parameters = fakes.point_mass_suite(2), helpers.parameters_for(2)
  blocks = []
  for evaluates in (False, True):
    with helpers.make_pool(suite, num_workers=2) as pool:
      if evaluates:
        pool.evaluate(helpers.SeekingPolicy(), seeking_parameters(suite),
                      episodes_per_task=1, seed=0)
      pool.set_policy(helpers.GaussianPolicy(), parameters)
      pool.collect()
      if evaluates:
        pool.evaluate(helpers.SeekingPolicy(), seeking_parameters(suite),
                      episodes_per_task=2, seed=0, deterministic=False)
      blocks.append(copy(pool.collect()))
      assert len(pool.episodes()) == 2
  assert_equal_blocks(*blocks)


def test_evaluation_samples_if_told_to_and_goes_by_its_seed():
  suite, parameters = fakes.point_mass_suite(1), helpers.parameters_for(1)
  with helpers.make_pool(suite) as pool:
    def returns(**options):
      return [e.return_ for e in pool.evaluate(
          helpers.GaussianPolicy(), parameters, episodes_per_task=9, **options)]
    mode = returns(seed=0)
    assert mode[0] == mode[8]  # The same variation, and nothing random.
    assert mode == returns(seed=1)
    sampled = returns(seed=0, deterministic=False)
    assert sampled[0] != sampled[8]
    assert sampled == returns(seed=0, deterministic=False)
    assert sampled != returns(seed=1, deterministic=False)


def test_some_tasks_are_evaluated_as_among_all():
  suite, parameters = fakes.point_mass_suite(3), helpers.parameters_for(3)
  with helpers.make_pool(suite, num_workers=2) as pool:
    def evaluate(tasks):
      return pool.evaluate(helpers.GaussianPolicy(), parameters, tasks=tasks,
                           episodes_per_task=3, seed=0, deterministic=False)
    assert evaluate([suite.tasks[2]]) == evaluate(None)[6:]


def test_test_tasks_are_indexed_within_their_split():
  train = fakes.point_mass_suite(2).tasks
  test = [base.Task(task.name, task.family, 'test', task.factory)
          for task in train]
  goals = {'goal': np.stack([task.factory(0).goal for task in train])}
  with helpers.make_pool(train) as pool:
    episodes = pool.evaluate(
        helpers.SeekingPolicy(), goals, tasks=[*train, *reversed(test)],
        episodes_per_task=2, seed=0)
  # The test tasks are reversed, so that each is sent to the other one's goal.
  assert [e.success for e in episodes] == [True] * 4 + [False] * 4


def test_blocks_are_read_only_and_outlive_the_pool():
  with helpers.make_pool(fakes.point_mass_suite(1)) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
    block = pool.collect()
    with pytest.raises(ValueError, match='read-only'):
      block['reward'][0] = 0.
  assert np.isfinite(block['reward']).all()


def test_two_pools_at_once():
  suite, parameters = fakes.point_mass_suite(1), helpers.parameters_for(1)
  with helpers.make_pool(suite) as a, helpers.make_pool(suite, seed=1) as b:
    for pool in (a, b):
      pool.set_policy(helpers.GaussianPolicy(), parameters)
    first = copy(a.collect())
    assert (first['action'] != b.collect()['action']).any()
    a.close()
    b.collect()


@pytest.mark.parametrize('options, words', [
    ({'envs_per_task': 0}, 'envs_per_task: got 0'),
    ({'unroll_length': -1}, 'unroll_length: got -1'),
    ({'num_workers': 0}, 'num_workers: got 0'),
    ({'num_workers': 1.5}, 'num_workers: got 1.5'),
    ({'num_workers': True}, 'num_workers: got True'),
    ({'seed': -1}, 'seed: got -1'),
    ({'seed': None}, 'seed: got None'),
    ({'tasks': []}, 'tasks: got none'),
    ({'tasks': fakes.point_mass_suite(1).tasks * 2}, 'more than once'),
    ({'env_timeout_s': 0.}, 'env_timeout_s: got 0'),
    ({'observation_spec': fakes.Grid(0, seed=0).action_spec()},
     'observation_spec: got'),
    ({'action_spec': fakes.PointMass((0., 0.), seed=0).action_spec().replace(
        dtype=np.float64)}, 'action_spec: got'),
])
def test_bad_arguments_are_refused(options, words):
  options = dict(options)
  tasks = options.pop('tasks', fakes.point_mass_suite(1).tasks)
  with helpers.leaves_nothing(), pytest.raises(ValueError, match=words):
    helpers.make_pool(tasks, **options)


def test_a_task_that_cannot_be_pickled_is_refused():
  task = base.Task('lambda', 'f', 'train', lambda seed: None)
  with helpers.leaves_nothing(), pytest.raises(
      ValueError, match='a task cannot be sent to a worker'):
    helpers.make_pool([task])


def test_bad_calls_are_refused():
  parameters = helpers.parameters_for(1)
  policy = helpers.GaussianPolicy()
  with helpers.leaves_nothing():
    pool = helpers.make_pool(fakes.point_mass_suite(1))
    with pytest.raises(RuntimeError, match='call set_policy first'):
      pool.collect()
    with pytest.raises(RuntimeError, match='call set_policy first'):
      pool.set_parameters(parameters)
    with pytest.raises(ValueError, match='the policy cannot be sent'):
      pool.set_policy(lambda: None, parameters)
    with pytest.raises(ValueError, match='got dtype object, want numbers'):
      pool.set_policy(policy, {'first': [None]})
    pool.set_policy(policy, parameters)
    with pytest.raises(ValueError, match=r"'first'\]: got shape \(1, 2, 3\)"):
      pool.set_parameters(parameters | {'first': np.zeros((1, 2, 3))})
    with pytest.raises(ValueError, match=r"missing \['second'\], unknown"):
      pool.set_parameters({'first': parameters['first'], 'third': 0.})
    with pytest.raises(ValueError, match='episodes_per_task: got 0'):
      pool.evaluate(policy, parameters, episodes_per_task=0, seed=0)
    with pytest.raises(ValueError, match='seed: got -2'):
      pool.evaluate(policy, parameters, episodes_per_task=1, seed=-2)
    with pytest.raises(ValueError, match='tasks: got none'):
      pool.evaluate(policy, parameters, episodes_per_task=1, seed=0, tasks=[])
    with pytest.raises(ValueError, match=r'got the state of'):
      pool.restore({'num_blocks': 1, 'episodes_begun': [[1], [1]]})
    pool.collect()  # None of this did any harm.
    pool.close()
    pool.close()
    for call in (pool.collect, pool.state, pool.wait_until_ready,
                 lambda: pool.set_parameters(parameters),
                 lambda: pool.set_policy(policy, parameters),
                 lambda: pool.restore({}),
                 lambda: pool.evaluate(
                     policy, parameters, episodes_per_task=1, seed=0)):
      with pytest.raises(RuntimeError, match='the pool is closed'):
        call()


def test_public_names():
  assert issubclass(pools.PoolError, RuntimeError)
  assert pools.Episode._fields == (
      'task', 'env', 'episode', 'return_', 'length', 'success')
