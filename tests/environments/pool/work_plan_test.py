"""How work is cut up, assigned and seeded."""

import itertools

from distillery.environments.pool import seeds as pool_seeds
from distillery.environments.pool import work_plan
import numpy as np
import pytest


@pytest.mark.parametrize(
    'envs_per_task, chunks',
    [
        (1, [(0,)]),
        (2, [(0, 1)]),
        (5, [(0, 1), (2, 3), (4,)]),
    ],
)
def test_units_cover_every_environment_once(envs_per_task, chunks):
  assert work_plan.make_units(2, envs_per_task) == [
      work_plan.Unit(task, chunk) for task in range(2) for chunk in chunks
  ]
  assert work_plan.rows_per_unit(envs_per_task) == len(chunks[0])


def test_the_assignment_balances_costs():
  costs = [3.0, 1.0, 1.0, 1.0, 2.9, 0.9]
  assigned = work_plan.assign(costs, 2)
  assert sorted(sum(assigned, [])) == list(range(6))
  loads = [sum(costs[i] for i in items) for items in assigned]
  assert max(loads) < 1.1 * sum(costs) / 2.0
  # Not by count: in turns, the loads would be 4.9 and 4.9 only by luck.
  assert work_plan.assign([10.0, 1.0, 1.0, 1.0], 2) == [[0], [1, 2, 3]]


def test_more_workers_than_work():
  assert work_plan.assign([1.0], 3) == [[0], [], []]
  assert work_plan.assign([0.0, 0.0, 0.0], 2) is not None


@pytest.mark.parametrize(
    'num_tasks, num_workers', [(1, 1), (1, 3), (2, 3), (3, 2), (5, 2), (4, 4)]
)
def test_evaluation_episodes_are_assigned_once_and_evenly(
    num_tasks, num_workers
):
  assigned = work_plan.assign_episodes(num_tasks, 6, num_workers)
  found = sorted(
      (task, episode)
      for by_task in assigned
      for task, episodes in by_task.items()
      for episode in episodes
  )
  assert found == list(itertools.product(range(num_tasks), range(6)))
  loads = [sum(map(len, by_task.values())) for by_task in assigned]
  assert max(loads) <= 6 * -(-num_tasks // num_workers)
  assert num_tasks < num_workers or all(assigned)
  if num_tasks < num_workers:
    assert all(loads)


def test_fewer_episodes_than_sharers():
  assert work_plan.assign_episodes(1, 1, 3) == [{0: (0,)}, {}, {}]


def test_seeds_differ_between_streams_and_places():
  places = list(itertools.product(range(2), range(3), range(3)))
  seeds = [pool_seeds.episode_seed(7, *place) for place in places]
  seeds += [
      pool_seeds.environment_seed(7, task, env)
      for task in range(2)
      for env in range(3)
  ]
  seeds += [
      pool_seeds.evaluation_seed(7, task, episode)
      for task in range(2)
      for episode in range(3)
  ]
  seeds += [
      pool_seeds.evaluation_environment_seed(7, task) for task in range(2)
  ]
  seeds += [pool_seeds.episode_seed(8, *place) for place in places]
  assert len(set(seeds)) == len(seeds)
  assert all(0 <= seed < 2**31 for seed in seeds)
  assert seeds[0] == pool_seeds.episode_seed(7, 0, 0, 0)


def test_noise_differs_between_places():
  drawn = [
      pool_seeds.noise_generator(1, *place).standard_normal(2)
      for place in itertools.product(range(2), repeat=3)
  ]
  drawn += [
      pool_seeds.evaluation_noise_generator(1, *place).standard_normal(2)
      for place in itertools.product(range(2), repeat=2)
  ]
  assert len({value.tobytes() for value in drawn}) == len(drawn)
  np.testing.assert_array_equal(
      drawn[0], pool_seeds.noise_generator(1, 0, 0, 0).standard_normal(2)
  )
