"""The pool's evaluations."""

from distillery.environments import base
from distillery.environments import fakes
from helpers import pool_helpers as helpers
import numpy as np
import pytest


def test_evaluation_of_the_optimum_is_the_optimum():
  suite = fakes.point_mass_suite(3)
  parameters = helpers.seeking_parameters(suite)
  with helpers.make_pool(suite, num_workers=2) as pool:
    episodes = pool.evaluate(
        helpers.SeekingPolicy(), parameters, episodes_per_task=10, seed=0
    )
  assert [(e.task, e.episode) for e in episodes] == [
      (task.name, i) for task in suite.tasks for i in range(10)
  ]
  for episode in episodes:
    environment = dict((t.name, t.factory) for t in suite.tasks)[episode.task](
        0
    )
    start = environment.reset(variation=episode.episode % 8).observation
    gap = np.abs(start - environment.goal).max()
    # It ends at the first success; what is left of the optimal return is small.
    assert episode.success
    assert gap / 0.1 - 1 <= episode.length <= gap / 0.1 + 1
    assert episode.return_ == pytest.approx(
        environment.optimal_return(start), abs=0.06
    )


def test_an_episode_is_played_to_its_end_if_it_is_wanted():
  suite = fakes.point_mass_suite(1)
  with helpers.make_pool(suite) as pool:
    episodes = pool.evaluate(
        helpers.SeekingPolicy(),
        helpers.seeking_parameters(suite),
        episodes_per_task=3,
        seed=0,
        until_success=False,
    )
  assert [(e.length, e.success) for e in episodes] == 3 * [(50, True)]


def test_evaluation_leaves_training_alone():
  suite, parameters = fakes.point_mass_suite(2), helpers.parameters_for(2)
  blocks = []
  for evaluates in (False, True):
    with helpers.make_pool(suite, num_workers=2) as pool:
      if evaluates:
        pool.evaluate(
            helpers.SeekingPolicy(),
            helpers.seeking_parameters(suite),
            episodes_per_task=1,
            seed=0,
        )
      pool.set_policy(helpers.GaussianPolicy(), parameters)
      pool.collect()
      if evaluates:
        pool.evaluate(
            helpers.SeekingPolicy(),
            helpers.seeking_parameters(suite),
            episodes_per_task=2,
            seed=0,
            deterministic=False,
        )
      blocks.append(helpers.copy(pool.collect()))
      assert len(pool.episodes()) == 2
  helpers.assert_equal_blocks(*blocks)


def test_evaluation_samples_on_request_by_its_seed():
  suite, parameters = fakes.point_mass_suite(1), helpers.parameters_for(1)
  with helpers.make_pool(suite) as pool:

    def returns(**options):
      return [
          e.return_
          for e in pool.evaluate(
              helpers.GaussianPolicy(),
              parameters,
              episodes_per_task=9,
              **options,
          )
      ]

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
      return pool.evaluate(
          helpers.GaussianPolicy(),
          parameters,
          tasks=tasks,
          episodes_per_task=3,
          seed=0,
          deterministic=False,
      )

    assert evaluate([suite.tasks[2]]) == evaluate(None)[6:]


def test_test_tasks_are_indexed_within_their_split():
  train = fakes.point_mass_suite(2).tasks
  test = [
      base.Task(task.name, task.family, 'test', task.factory) for task in train
  ]
  goals = {'goal': np.stack([task.factory(0).goal for task in train])}
  with helpers.make_pool(train) as pool:
    episodes = pool.evaluate(
        helpers.SeekingPolicy(),
        goals,
        tasks=[*train, *reversed(test)],
        episodes_per_task=2,
        seed=0,
    )
  # The test tasks are reversed, so that each is sent to the other one's goal.
  assert [e.success for e in episodes] == [True] * 4 + [False] * 4
