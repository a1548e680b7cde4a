"""The partition of one task's initial states into contexts."""

import ast
import dataclasses
import functools
import pickle

from distillery.environments import base
from distillery.environments import fakes
from distillery.environments import suites
from distillery.environments.pool import process_pool
from distillery.environments.suites import context_environments
from distillery.environments.suites import contexts
import dm_env
from helpers import pool_helpers as helpers
import numpy as np
import pytest

NUM_CONTEXTS = 3


class JitteryPointMass(fakes.PointMass):
  """Begins near the place of its variation, but not on it."""

  def __init__(self, *, spread: float, seed: int, num_variations: int):
    super().__init__((0.0, 0.0), seed=seed, num_variations=num_variations)
    self._spread = spread

  def reset(self, **options):
    timestep = super().reset(**options)
    self._position += np.float32(self._spread) * self._rng.uniform(
        -1.0, 1.0, size=2
    ).astype(np.float32)
    return timestep._replace(observation=self._position.copy())


def make_jittery(seed, **options):
  return JitteryPointMass(seed=seed, **options)


def jittery_suite(**options):
  return dataclasses.replace(
      fakes.point_mass_suite(1),
      tasks=(
          base.Task(
              'jittery',
              'f',
              'train',
              functools.partial(make_jittery, **options),
          ),
      ),
  )


def make_held_out():
  """Two families, each with a task to train on and one to test."""
  suite = fakes.point_mass_suite(2)
  return dataclasses.replace(
      suite,
      info={'version': '7'},
      tasks=tuple(
          dataclasses.replace(task, family=task.name, split=split)
          for split in base.SPLITS
          for task in suite.tasks
      ),
  )


# name -> suite, index of its task, number of contexts.
CASES = {
    'point_mass': lambda: (fakes.point_mass_suite(2), 1, 3),
    'grid': lambda: (fakes.grid_suite(1), 0, 4),
    'jittery': lambda: (jittery_suite(spread=0.2, num_variations=8), 0, 3),
    'one_variation': lambda: (
        jittery_suite(spread=1.0, num_variations=1),
        0,
        4,
    ),
    'metaworld': lambda: (suites.make_suite('MT1/reach-v3', seed=0), 0, 4),
}


@pytest.fixture(name='case', scope='module', params=CASES)
def fixture_case(request):
  """(The whole task, its contexts)."""
  suite, index, num_contexts = CASES[request.param]()
  return suite.tasks[index], contexts.partition(
      suite, index, num_contexts, seed=3
  )


def distances(factory, observation):
  """Returns the distance of an observation [D] to every centroid."""
  point = observation[list(factory.coordinates)].astype(np.float64)
  return [
      np.linalg.norm(point - np.array(centroid))
      for centroid in factory.centroids
  ]


def test_every_reset_begins_in_its_own_context(case):
  _, suite = case
  for i, task in enumerate(suite.tasks):
    environment = task.factory(7)
    action = environment.action_spec().generate_value()
    resets = (
        [{}, {}]
        + [{'seed': seed} for seed in range(10)]
        + [{'variation': v} for v in range(environment.num_variations)]
    )
    for options in resets:
      timestep = environment.reset(**options)
      assert timestep.first() and not environment.success
      assert np.argmin(distances(task.factory, timestep.observation)) == i
      assert not environment.step(action).first()
    environment.close()


def test_the_contexts_have_every_variation_once(case):
  whole, suite = case
  num_variations = whole.factory(0).num_variations
  dealt = [task.factory.variations for task in suite.tasks]
  assert all(dealt)
  if num_variations == 1:
    assert dealt == [(0,)] * len(suite.tasks)
    return
  assert sorted(sum(dealt, ())) == list(range(num_variations))
  # And variation j of a context is what it is in the whole task.
  environment = whole.factory(0)
  for task in suite.tasks:
    own = task.factory(1)
    assert own.num_variations == len(task.factory.variations)
    if whole.name != 'jittery':
      for j, variation in enumerate(task.factory.variations):
        np.testing.assert_array_equal(
            own.reset(variation=j).observation,
            environment.reset(variation=variation).observation,
        )


def test_a_partition_is_a_function_of_its_seed(case):
  """And neither reads nor moves NumPy's global random numbers."""
  whole, suite = case
  source = dataclasses.replace(suite, tasks=(whole,), info={})
  partitions = []
  for global_seed, seed in ((1, 3), (2, 3), (1, 4)):
    np.random.seed(global_seed)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    partitions.append(
        contexts.partition(
            source, 0, len(suite.tasks), seed=seed, num_resets=200
        )
    )
    assert before == np.random.get_state()[1].tolist()  # noqa: NPY002
  assert pickle.dumps(partitions[0].tasks) == pickle.dumps(partitions[1].tasks)
  assert partitions[0].info == partitions[1].info
  # Ordered, so that the same clusters have the same numbers.
  for partition in partitions:
    centroids = partition.tasks[0].factory.centroids
    assert list(centroids) == sorted(centroids)


def test_episodes_are_functions_of_their_seed(case):
  _, suite = case
  firsts = [
      [
          task.factory(factory_seed).reset(seed=seed).observation
          for task in suite.tasks
          for seed in range(5)
      ]
      for factory_seed in (1, 2)
  ]
  np.testing.assert_array_equal(*firsts)
  assert len(np.unique(firsts[0], axis=0)) > len(suite.tasks)


def test_centroids_are_means_of_their_clusters():
  task, *others = contexts.partition(
      fakes.point_mass_suite(1), 'point_mass_0', 3, seed=0
  ).tasks
  whole = fakes.point_mass_suite(1).tasks[0].factory(0)
  starts = np.array([whole.reset(variation=v).observation for v in range(8)])
  assert task.factory.coordinates == (0, 1)
  for i, context in enumerate([task, *others]):
    np.testing.assert_allclose(
        task.factory.centroids[i],
        starts[list(context.factory.variations)].mean(0),
        atol=1e-6,
    )


def test_only_coordinates_that_vary_count():
  """In reach-v3, only the object and the goal vary of 39 coordinates."""
  reach = suites.make_suite('MT1/reach-v3', seed=0)
  task = contexts.partition(reach, 'reach-v3', 2, seed=0).tasks[0]
  assert {36, 37, 38} <= set(task.factory.coordinates)
  assert not {0, 1, 2, 3} & set(task.factory.coordinates)


def test_the_suite_says_what_it_is():
  held_out = make_held_out()
  suite = contexts.partition(held_out, 'point_mass_1', 3, seed=5)
  assert suite.name == 'PointMass2, point_mass_1 in 3 contexts'
  assert [(t.name, t.family, t.split) for t in suite.tasks] == [
      (f'point_mass_1-context{i}', 'point_mass_1', 'train') for i in range(3)
  ] + [('point_mass_1', 'point_mass_1', 'test')]
  shares = suite.info['context_shares'].split()
  assert suite.info == {
      'version': '7',
      'partitioned_suite': 'PointMass2',
      'partitioned_task': 'point_mass_1',
      'num_contexts': '3',
      'partition_seed': '5',
      'partition_resets': '1000',
      'context_shares': ' '.join(shares),
  }
  assert [float(share) for share in shares] == [
      len(task.factory.variations) / 8 for task in suite.train_tasks
  ]
  assert suite.observation_spec == held_out.observation_spec


def test_episodes_end_and_begin_within_the_context():
  suite = contexts.partition(
      jittery_suite(spread=1.0, num_variations=1), 'jittery', 4, seed=0
  )
  environment = suite.tasks[2].factory(0)
  action = np.array([1.0, 1.0], np.float32)
  for _ in range(5):
    timestep = environment.step(action)  # As dm_env has it, also at first.
    assert timestep.step_type == dm_env.StepType.FIRST
    assert (
        np.argmin(distances(suite.tasks[2].factory, timestep.observation)) == 2
    )
    steps = [environment.step(action) for _ in range(50)]
    assert [step.last() for step in steps] == [False] * 49 + [True]
    assert environment.success == environment.environment.success


def collect(suite, num_workers, policy, parameters):
  with helpers.make_pool(
      suite, envs_per_task=2, unroll_length=60, num_workers=num_workers
  ) as pool:
    pool.set_policy(policy, parameters)
    blocks = [
        {name: array.copy() for name, array in pool.collect().items()}
        for _ in range(2)
    ]
    return blocks, pool.evaluate(
        policy, parameters, episodes_per_task=4, seed=0
    )


def test_contexts_in_a_pool():
  suite = contexts.partition(
      jittery_suite(spread=0.3, num_variations=8), 0, NUM_CONTEXTS, seed=0
  )
  results = [
      collect(
          suite,
          num_workers,
          helpers.GaussianPolicy(),
          helpers.parameters_for(NUM_CONTEXTS),
      )
      for num_workers in (1, 2)
  ]
  for one, two in zip(results[0][0], results[1][0]):
    for name in one:
      np.testing.assert_array_equal(one[name], two[name], err_msg=name)
  assert results[0][1] == results[1][1]
  begun = np.zeros(NUM_CONTEXTS, int)
  for block in results[0][0]:
    for k, t, e in zip(*np.nonzero(block['episode_step'] == 0)):
      begun[k] += 1
      observation = block['observation'][k, t, e]
      assert np.argmin(distances(suite.tasks[k].factory, observation)) == k
  assert begun.tolist() == [6] * NUM_CONTEXTS  # Steps 0, 50 and 100, twice.


def test_metaworld_contexts_in_a_pool():
  reach = suites.make_suite('MT1/reach-v3', seed=0)
  suite = contexts.partition(reach, 'reach-v3', 2, seed=0)
  policy = helpers.GaussianPolicy(action_size=4)
  rng = np.random.default_rng(0)
  parameters = {
      'first': rng.normal(size=(2, 39, 8)).astype(np.float32),
      'second': rng.normal(size=(2, 8, 4)).astype(np.float32),
  }
  with helpers.make_pool(suite, unroll_length=3, num_workers=2) as pool:
    pool.set_policy(policy, parameters)
    block = pool.collect()
  for k, task in enumerate(suite.tasks):
    assert (
        np.argmin(distances(task.factory, block['observation'][k, 0, 0])) == k
    )


def test_workers_need_no_scipy():
  suite = contexts.partition(fakes.point_mass_suite(1), 0, 2, seed=0)
  with helpers.make_pool(suite, num_workers=2) as pool:
    pool.set_policy(helpers.SpyingPolicy(), helpers.parameters_for(2))
    with pytest.raises(process_pool.PoolError) as caught:
      pool.collect()
  told = str(caught.value).partition('LookupError: ')[2].splitlines()[0]
  spied = ast.literal_eval(told)
  assert context_environments.__name__ in spied['modules']
  assert not [name for name in spied['modules'] if name.startswith('scipy')]


@pytest.mark.parametrize(
    'options, words',
    [
        (
            {'task': 'reach'},
            r"task: got 'reach', want one of the train tasks of "
            r"'PointMass2', \['point_mass_0', 'point_mass_1'\]",
        ),
        ({'task': 2}, 'task: got 2, want one of'),
        ({'task': -1}, 'task: got -1, want one of'),
        ({'num_contexts': 1}, 'num_contexts: got 1, want at least 2'),
        ({'num_contexts': 0}, 'num_contexts: got 0, want'),
        ({'num_contexts': 2.0}, r'num_contexts: got 2\.0, want'),
        (
            {'num_contexts': 9},
            'num_contexts: got 9, want at most 8, the number of distinct '
            "initial states of 'point_mass_0' in 8",
        ),
        ({'num_resets': 0}, 'num_resets: got 0'),
        ({'seed': -1}, 'seed: got -1'),
    ],
)
def test_bad_arguments_are_refused(options, words):
  options = {'task': 0, 'num_contexts': 2, 'seed': 0} | options
  with pytest.raises(ValueError, match=words) as caught:
    contexts.partition(
        fakes.point_mass_suite(2),
        options.pop('task'),
        options.pop('num_contexts'),
        **options,
    )
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'observation': np.float32(1.0)}, r'of shape \(\), want \(2,\)'),
        ({'observation': np.full(2, np.nan)}, 'not finite: nan at index 0'),
        ({'step_type': dm_env.StepType.LAST}, 'want StepType.FIRST'),
    ],
)
def test_a_task_whose_resets_are_wrong_is_refused(monkeypatch, changes, words):
  reset = fakes.PointMass.reset
  factory = (
      contexts.partition(fakes.point_mass_suite(1), 0, 2, seed=0)
      .tasks[0]
      .factory
  )
  monkeypatch.setattr(
      fakes.PointMass,
      'reset',
      lambda *args, **options: (reset(*args, **options)._replace(**changes)),
  )
  with pytest.raises(
      ValueError,
      match=(
          rf"^task 'point_mass_0', made with seed \d+, round 0 of resets: .*{words}"
      ),
  ) as caught:
    contexts.partition(fakes.point_mass_suite(1), 0, 2, seed=0)
  assert '\n' not in str(caught.value)
  with pytest.raises(ValueError, match=f'^reset returned .*{words}'):
    factory(0).reset(seed=0)


def test_a_context_checks_the_steps_of_its_task(monkeypatch):
  environment = (
      contexts.partition(fakes.point_mass_suite(1), 0, 2, seed=0)
      .tasks[0]
      .factory(0)
  )
  environment.reset(seed=0)
  monkeypatch.setattr(fakes.PointMass, 'step', lambda *args: None)
  with pytest.raises(ValueError, match='step returned None, want a dm_env.Ti'):
    environment.step(np.zeros(2, np.float32))


def test_a_task_of_one_initial_state_is_refused():
  suite = jittery_suite(spread=0.0, num_variations=1)
  with pytest.raises(ValueError, match='got 2, want at most 1, the number'):
    contexts.partition(suite, 'jittery', 2, seed=0, num_resets=20)


def test_too_few_variations_for_the_contexts_are_refused():
  suite = jittery_suite(spread=1.0, num_variations=2)
  with pytest.raises(
      ValueError,
      match=(r"want fewer: context \d of 'jittery' would have none of its 2"),
  ):
    contexts.partition(suite, 'jittery', 4, seed=0)


def test_bad_variations_and_empty_contexts_are_refused(monkeypatch):
  monkeypatch.setattr(context_environments, '_MAX_RESETS', 5)
  factory = (
      contexts.partition(fakes.point_mass_suite(1), 0, 2, seed=0)
      .tasks[1]
      .factory
  )
  environment = factory(0)
  for variation in (-1, environment.num_variations):
    with pytest.raises(ValueError, match=f'of context 1: got {variation}'):
      environment.reset(variation=variation)
  moved = dataclasses.replace(factory, centroids=((0.0, 0.0), (9.0, 9.0)))
  with pytest.raises(ValueError, match='context 1: none of 5 resets began'):
    moved(0).reset(seed=0)


@pytest.mark.parametrize('task', [True, 0.0, -1, 2])
def test_a_task_is_named_or_counted(task):
  with pytest.raises(ValueError, match='^task: got .*, want one of the train'):
    contexts.partition(fakes.point_mass_suite(2), task, 2, seed=0)


@pytest.mark.parametrize(
    'changes, words',
    [
        (dict(context=-1), r'context: got .* in \[0, 2\)'),
        (dict(coordinates=(0, -1)), r'coordinates: got .* in \[0, 2\)'),
        (dict(variations=(8,)), r'variations: got .* in \[0, 8\)'),
        (dict(variations=()), 'at least one variation'),
        (dict(coordinates=(0,)), r'centroids: got shape \(2, 2\)'),
    ],
)
def test_contexts_that_do_not_hang_together_are_refused(changes, words):
  factory = context_environments.ContextFactory(
      fakes.point_mass_suite(1).tasks[0].factory,
      0,
      (0, 1),
      ((0.0, 0.0), (1.0, 1.0)),
      (0, 1),
  )
  factory(0)
  with pytest.raises(ValueError, match=words):
    dataclasses.replace(factory, **changes)(0)


def test_points_have_the_centroids_coordinates():
  centroids = np.zeros((2, 3))
  assert context_environments.nearest(np.ones((5, 3)), centroids).shape == (5,)
  for points in (np.ones((5, 1)), np.ones(5), np.float64(1.0)):
    with pytest.raises(ValueError, match=r'got shape \(2, 3\), want \[k, C\]'):
      context_environments.nearest(points, centroids)
