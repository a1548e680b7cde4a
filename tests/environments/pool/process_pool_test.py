"""The pool's blocks and episodes."""

import json

from distillery.environments import fakes
from distillery.environments.pool import environment_building
from distillery.environments.pool import process_pool
from distillery.environments.pool import seeds
from helpers import pool_helpers as helpers
import numpy as np
import pytest

HORIZON = 50


def episode_steps(episode_end):
  """Returns the right `episode_step` [T, ...] of episodes from step 0 on."""
  expected = np.zeros(episode_end.shape, np.int32)
  for step in range(1, len(expected)):
    expected[step] = np.where(episode_end[step - 1], 0, expected[step - 1] + 1)
  return expected


def grid_parameters(suite, scale=30.0):
  return {
      'logits': scale
      * np.stack(
          [task.factory(0).optimal_values(0.9) for task in suite.tasks]
      ).astype(np.float32)
  }


@pytest.fixture(scope='module')
def recorded():
  """Three blocks of two tasks with three environments each, and episodes."""
  suite = fakes.point_mass_suite(2)
  with helpers.make_pool(suite, envs_per_task=3, num_workers=2) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2))
    blocks = [helpers.copy(pool.collect()) for _ in range(3)]
    return suite, blocks, pool.episodes(), pool.episodes()


def test_blocks_have_the_documented_shapes_and_types(recorded):
  _, blocks, _, _ = recorded
  steps = (2, 40, 3)
  assert {
      name: (array.shape, array.dtype) for name, array in blocks[0].items()
  } == {
      'observation': (steps + (2,), np.float32),
      'action': (steps + (2,), np.float32),
      'log_prob': (steps, np.float32),
      'reward': (steps, np.float32),
      'discount': (steps, np.float32),
      'episode_step': (steps, np.int32),
      'episode_end': (steps, np.bool_),
      'next_observation': (steps + (2,), np.float32),
      'success': (steps, np.bool_),
  }


def test_a_block_holds_what_happened(recorded):
  suite, blocks, _, _ = recorded
  long = helpers.by_time(blocks)
  # Blocks follow on one another, and an episode's end is shown before the
  # reset.
  ends = long['episode_end']
  np.testing.assert_array_equal(
      np.flatnonzero(ends[:, 1, 2]), [HORIZON - 1, 2 * HORIZON - 1]
  )
  goes_on = ~ends[:-1]
  np.testing.assert_array_equal(
      long['observation'][1:][goes_on], long['next_observation'][:-1][goes_on]
  )
  assert (
      (long['observation'][1:] != long['next_observation'][:-1])[ends[:-1]]
      .any(-1)
      .all()
  )
  assert (long['discount'] == 1.0).all()  # A time limit is no termination.
  # The block has the action as it was drawn, not as the environment clips it.
  assert (np.abs(long['action']) > 1.0).any()
  np.testing.assert_allclose(
      long['next_observation'],
      long['observation'] + 0.1 * np.clip(long['action'], -1.0, 1.0),
      atol=1e-6,
  )
  for k, task in enumerate(suite.tasks):
    distance = np.linalg.norm(
        long['next_observation'][:, k] - task.factory(0).goal, axis=-1
    )
    np.testing.assert_allclose(long['reward'][:, k], -distance, atol=1e-6)
    np.testing.assert_array_equal(long['success'][:, k], distance < 0.05)


def test_steps_are_counted_within_their_episodes(recorded):
  _, blocks, _, _ = recorded
  counted = helpers.by_time(blocks)['episode_step']
  np.testing.assert_array_equal(
      counted,
      np.broadcast_to(
          (np.arange(120) % HORIZON)[:, np.newaxis, np.newaxis], (120, 2, 3)
      ),
  )


def test_the_policy_acts_with_its_tasks_parameters(recorded):
  _, blocks, _, _ = recorded
  policy = helpers.GaussianPolicy()
  block = helpers.by_time(blocks[:1])
  for k in range(2):
    selected = policy.select_tasks(helpers.parameters_for(2), np.array([k]))
    observation = block['observation'][:, k].reshape(1, -1, 2)
    noise = block['action'][:, k] - policy.deterministic(
        selected, observation
    ).reshape(40, 3, 2)
    np.testing.assert_allclose(
        block['log_prob'][:, k], -0.5 * np.square(noise).sum(-1), atol=1e-4
    )
    assert 0.8 < noise.std() < 1.2


def test_episodes_are_reported_once_with_their_sums(recorded):
  suite, blocks, episodes, again = recorded
  assert not again
  assert len(episodes) == 2 * 3 * 2
  long = helpers.by_time(blocks)
  reward, success = long['reward'], long['success']
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
    assert (np.abs(pool.collect()['action']) > 1.0).any()


def test_environments_and_episodes_differ(recorded):
  _, blocks, _, _ = recorded
  starts = [blocks[0]['observation'][:, 0], blocks[1]['observation'][:, 10]]
  # There are eight places to start from.
  assert len(np.unique(np.reshape(starts, (-1, 2)), axis=0)) > 4


def test_noise_differs_between_environments_and_blocks():
  still = {
      name: np.zeros_like(value)
      for name, value in helpers.parameters_for(2).items()
  }
  with helpers.make_pool(fakes.point_mass_suite(2), envs_per_task=2) as pool:
    pool.set_policy(helpers.GaussianPolicy(), still)
    noise = np.stack([helpers.copy(pool.collect())['action'] for _ in range(3)])
  drawn = np.moveaxis(noise, 2, 3).reshape(3 * 2 * 2, 40 * 2)
  assert len(np.unique(drawn, axis=0)) == 3 * 2 * 2


class ByEnvironment(helpers.GaussianPolicy):
  """A policy whose action is the index of the environment, over 10."""

  def draw_noise(self, rng, num_steps, environments):
    column = np.array(environments, np.float32)[:, np.newaxis] / 10
    return np.broadcast_to(column, (num_steps, len(column), self.action_size))

  def sample(self, selected, observation, noise):
    return noise, noise[..., 0]


def test_noise_is_drawn_for_each_environment_of_a_task():
  """A policy may act with other noise in each; see `colored_noise`."""
  with helpers.make_pool(fakes.point_mass_suite(2), envs_per_task=3) as pool:
    pool.set_policy(ByEnvironment(), helpers.parameters_for(2))
    action = pool.collect()['action']
  np.testing.assert_allclose(
      action,
      np.broadcast_to(np.arange(3)[:, np.newaxis] / 10, action.shape),
      rtol=1e-6,
  )


def test_termination_has_discount_zero():
  suite = fakes.grid_suite(2)
  with helpers.make_pool(suite, envs_per_task=2, unroll_length=200) as pool:
    pool.set_policy(helpers.TablePolicy(), grid_parameters(suite))
    block = pool.collect()
    assert block['action'].dtype == np.int32
    assert block['success'].sum() > 20
    np.testing.assert_array_equal(block['discount'] == 0.0, block['success'])
    assert block['episode_end'][block['success']].all()
    np.testing.assert_array_equal(
        block['next_observation'][block['success']].argmax(-1),
        np.nonzero(block['success'])[0] * -1 + 15,
    )  # Task k's goal is 15 - k.


def test_steps_are_counted_where_episodes_terminate():
  """In several environments at once, anywhere in a block, also at its end."""
  suite = fakes.grid_suite(3)
  with helpers.make_pool(suite, envs_per_task=3, unroll_length=7) as pool:
    pool.set_policy(helpers.TablePolicy(), grid_parameters(suite))
    for restart in (False, True):
      blocks = [
          helpers.copy(pool.collect(restart=restart and not i))
          for i in range(20)
      ]
      long = helpers.by_time(blocks)
      end, counted = long['episode_end'], long['episode_step']
      assert end.sum(0).min() > 5 and end[6::7].any() and end[0::7].any()
      np.testing.assert_array_equal(counted, episode_steps(end))


# The cases whose blocks do not depend on the number of workers: suite, policy,
# its parameters, environments a task.
CASES = {
    'padded': lambda: (
        fakes.point_mass_suite(3),
        helpers.GaussianPolicy(),
        helpers.parameters_for(3),
        3,
    ),
    'one_task': lambda: (
        fakes.point_mass_suite(1),
        helpers.GaussianPolicy(),
        helpers.parameters_for(1),
        4,
    ),
    'discrete': lambda: (
        fakes.grid_suite(2),
        helpers.TablePolicy(),
        grid_parameters(fakes.grid_suite(2), 5.0),
        2,
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_results_do_not_depend_on_the_number_of_workers(case):
  suite, policy, parameters, envs_per_task = CASES[case]()
  results = []
  for num_workers in (1, 2, 3):
    with helpers.make_pool(
        suite, envs_per_task=envs_per_task, num_workers=num_workers, seed=5
    ) as pool:
      pool.set_policy(policy, parameters)
      blocks = [helpers.copy(pool.collect()) for _ in range(2)]
      results.append(
          (
              blocks,
              pool.episodes(),
              [
                  pool.evaluate(
                      policy,
                      parameters,
                      episodes_per_task=4,
                      seed=3,
                      deterministic=deterministic,
                  )
                  for deterministic in (True, False)
              ],
          )
      )
  for blocks, episodes, evaluations in results[1:]:
    for a, b in zip(blocks, results[0][0]):
      helpers.assert_equal_blocks(a, b)
    assert episodes == results[0][1]
    assert evaluations == results[0][2]


def test_the_seed_decides_everything():
  suite = fakes.point_mass_suite(2)
  results = []
  for seed in (3, 3, 4):
    with helpers.make_pool(suite, seed=seed) as pool:
      pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2))
      results.append(helpers.copy(pool.collect()))
  helpers.assert_equal_blocks(results[0], results[1])
  assert (results[0]['action'] != results[2]['action']).any(-1).all()


def test_fresh_parameters_act_in_the_next_block():
  suite = fakes.point_mass_suite(2)
  still = {
      name: np.zeros_like(value)
      for name, value in helpers.parameters_for(2).items()
  }
  with helpers.make_pool(suite) as pool, helpers.make_pool(suite) as other:
    pool.set_policy(helpers.GaussianPolicy(), still)
    other.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2, 1))
    first = pool.collect()['action'].copy()
    assert (first != other.collect()['action']).any()
    pool.set_parameters(helpers.parameters_for(2, 1))
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2, 1))
    helpers.assert_equal_blocks(
        pool.collect(restart=True), other.collect(restart=True)
    )
    pool.set_parameters(still)
    noise_only = pool.collect()['action']
    assert abs(noise_only.mean()) < 0.3
    assert (noise_only != other.collect()['action']).any(-1).all()


@pytest.mark.parametrize('num_workers', [1, 2])
def test_a_restored_pool_continues_like_an_uninterrupted_one(num_workers):
  suite, parameters = fakes.point_mass_suite(2), helpers.parameters_for(2)
  policy = helpers.GaussianPolicy()
  with helpers.make_pool(suite, envs_per_task=2) as unbroken:
    unbroken.set_policy(policy, parameters)
    for _ in range(2):
      unbroken.collect()
    state = json.loads(json.dumps(unbroken.state()))
    unbroken.episodes()
    expected = [
        helpers.copy(unbroken.collect(restart=True)),
        helpers.copy(unbroken.collect()),
    ]
    expected_episodes = unbroken.episodes()
  with helpers.make_pool(
      suite, envs_per_task=2, num_workers=num_workers
  ) as restored:
    restored.restore(state)
    restored.set_policy(policy, parameters)
    for number, block in enumerate(expected):
      np.testing.assert_array_equal(
          block['episode_step'][1, :, 1], (np.arange(40) + 40 * number) % 50
      )
      helpers.assert_equal_blocks(block, restored.collect())
    assert restored.episodes() == expected_episodes
    # And back again, in a pool that has already gone on.
    restored.restore(state)
    helpers.assert_equal_blocks(expected[0], restored.collect())


def test_training_episodes_may_be_cut_and_evaluations_are_not():
  suite = fakes.point_mass_suite(2)
  with helpers.make_pool(
      suite, envs_per_task=2, num_workers=2, train_episode_steps=15
  ) as pool:
    policy, parameters = helpers.GaussianPolicy(), helpers.parameters_for(2)
    pool.set_policy(policy, parameters)
    blocks = [helpers.copy(pool.collect()) for _ in range(2)]
    episodes = pool.episodes()
    evaluated = pool.evaluate(
        policy, parameters, episodes_per_task=1, seed=0, until_success=False
    )
  long = helpers.by_time(blocks)
  steps = np.arange(80)[:, np.newaxis, np.newaxis]
  every = (80, 2, 2)
  # The fifth to the seventh episode of 15 steps go on in the second block.
  np.testing.assert_array_equal(
      long['episode_step'], np.broadcast_to(steps % 15, every)
  )
  np.testing.assert_array_equal(
      long['episode_end'], np.broadcast_to(steps % 15 == 14, every)
  )
  assert (long['discount'] == 1.0).all()  # As at any time limit.
  begins = (long['observation'][1:] != long['next_observation'][:-1]).any(-1)
  np.testing.assert_array_equal(begins, long['episode_end'][:-1])
  assert [episode.length for episode in episodes] == [15] * (5 * 4)
  assert [episode.length for episode in evaluated] == [HORIZON] * 2


def random_start(task, env, episode, limit):
  """The displacement of a point mass, and the number of random steps."""
  rng = seeds.random_start_generator(0, task, env, episode)
  spec = fakes.PointMass((0.0, 0.0), seed=0).action_spec()
  action = environment_building.random_action(spec, rng)
  num_steps = rng.integers(limit + 1)
  return fakes.PointMass.STEP_SIZE * num_steps * action, num_steps


def test_every_second_environment_may_start_randomly():
  suite = fakes.point_mass_suite(2)
  policy, parameters = helpers.GaussianPolicy(), helpers.parameters_for(2)
  options = dict(envs_per_task=3, num_workers=2, train_episode_steps=20)

  def collect(**more):
    with helpers.make_pool(suite, **options, **more) as pool:
      pool.set_policy(policy, parameters)
      block = helpers.copy(pool.collect())
      return block, pool.num_steps, pool.episodes()

  plain, num_plain, plain_episodes = collect()
  block, num_steps, episodes = collect(random_start_steps=7)
  assert num_plain == 2 * 40 * 3
  for name, array in plain.items():
    np.testing.assert_array_equal(block[name][:, :, ::2], array[:, :, ::2])
  # The first two episodes of each environment, at the steps 0 and 20.
  np.testing.assert_array_equal(block['episode_step'], plain['episode_step'])
  moved = block['observation'][:, ::20, 1] - plain['observation'][:, ::20, 1]
  starts = [
      [random_start(task, 1, episode, 7) for episode in range(3)]
      for task in range(2)
  ]
  for task, episode in np.ndindex(2, 2):
    np.testing.assert_allclose(
        moved[task, episode], starts[task][episode][0], atol=1e-5
    )
  # The third episode has begun too, for the next block.
  taken = [[number for _, number in each] for each in starts]
  assert num_steps == num_plain + np.sum(taken)
  assert len(set(np.ravel(taken))) > 1
  assert [e.length for e in episodes] == [e.length for e in plain_episodes]


def test_an_episode_that_random_steps_end_begins_after_the_reset():
  suite = fakes.point_mass_suite(1, horizon=1)
  policy, parameters = helpers.GaussianPolicy(), helpers.parameters_for(1)
  blocks = []
  for random_start_steps in (0, 9):
    with helpers.make_pool(
        suite, envs_per_task=2, random_start_steps=random_start_steps
    ) as pool:
      pool.set_policy(policy, parameters)
      blocks.append(helpers.copy(pool.collect()))
      extra = pool.num_steps - 2 * 40
  # Nine of ten episodes have had one random step.
  assert 20 < extra < 41
  helpers.assert_equal_blocks(*blocks)


@pytest.mark.parametrize('num_workers', [1, 3])
def test_tasks_rest_and_their_part_of_the_block_stays(num_workers):
  suite = fakes.point_mass_suite(2)
  options = dict(envs_per_task=3, num_workers=num_workers)
  policy, parameters = helpers.GaussianPolicy(), helpers.parameters_for(2)
  with helpers.make_pool(suite, **options) as pool:
    pool.set_policy(policy, parameters)
    whole = [helpers.copy(pool.collect()) for _ in range(3)]
  with helpers.make_pool(suite, **options) as pool:
    pool.set_policy(policy, parameters)
    # No task rests in the first block, as there is nothing that could stay.
    first = helpers.copy(pool.collect(resting=[1]))
    assert not pool.episodes()
    assert pool.num_steps == 2 * 40 * 3
    second = helpers.copy(pool.collect(resting=[1]))
    assert pool.num_steps == 3 * 40 * 3
    assert {episode.task for episode in pool.episodes()} == {
        suite.tasks[0].name
    }
    third = helpers.copy(pool.collect())
  for name, array in first.items():
    np.testing.assert_array_equal(array, whole[0][name])
    np.testing.assert_array_equal(second[name][1], array[1])
    # The task that does not rest gets on as if the other one did not either.
    np.testing.assert_array_equal(second[name][0], whole[1][name][0])
    np.testing.assert_array_equal(third[name][0], whole[2][name][0])
  # The task that has rested begins new episodes.
  np.testing.assert_array_equal(
      third['episode_step'][1],
      np.broadcast_to(np.arange(40)[:, np.newaxis], (40, 3)),
  )
  assert (third['observation'][1, 0] != first['observation'][1, 0]).any()


def test_no_task_rests_in_the_first_block_after_a_restore():
  suite = fakes.point_mass_suite(2)
  with helpers.make_pool(suite) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(2))
    before = helpers.copy(pool.collect())
    pool.restore(pool.state())
    after = pool.collect(resting=[0, 1])
    assert (
        (after['observation'] != before['observation'])
        .any(axis=(1, 2, 3))
        .all()
    )


def test_restart_begins_new_episodes():
  with helpers.make_pool(fakes.point_mass_suite(1)) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
    last = pool.collect()['next_observation'][0, -1, 0].copy()
    block = pool.collect(restart=True)
    assert (block['observation'][0, 0, 0] != last).any()
    assert not block['episode_end'].any()
    assert block['episode_step'][0, :, 0].tolist() == list(range(40))
    block = pool.collect()
    assert block['episode_step'][0, :, 0].tolist() == [
        *range(40, HORIZON),
        *range(30),
    ]
    (episode,) = pool.episodes()
    assert (episode.episode, episode.length) == (1, HORIZON)


def test_blocks_are_read_only_and_outlive_the_pool():
  with helpers.make_pool(fakes.point_mass_suite(1)) as pool:
    pool.set_policy(helpers.GaussianPolicy(), helpers.parameters_for(1))
    block = pool.collect()
    with pytest.raises(ValueError, match='read-only'):
      block['reward'][0] = 0.0
  assert np.isfinite(block['reward']).all()


def test_two_pools_at_once():
  suite, parameters = fakes.point_mass_suite(1), helpers.parameters_for(1)
  with helpers.make_pool(suite) as a, helpers.make_pool(suite, seed=1) as b:
    for pool in (a, b):
      pool.set_policy(helpers.GaussianPolicy(), parameters)
    first = helpers.copy(a.collect())
    assert (first['action'] != b.collect()['action']).any()
    a.close()
    b.collect()


def test_public_names():
  assert issubclass(process_pool.PoolError, RuntimeError)
  assert process_pool.Episode._fields == (
      'task',
      'env',
      'episode',
      'return_',
      'length',
      'success',
  )
