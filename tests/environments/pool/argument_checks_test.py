"""Tests of the arguments that the pool refuses."""

from distillery.environments import base
from distillery.environments import fakes
from distillery.environments.pool import argument_checks
from helpers import pool_helpers as helpers
import numpy as np
import pytest


@pytest.mark.parametrize(
    'options, words',
    [
        ({'envs_per_task': 0}, 'envs_per_task: got 0'),
        ({'unroll_length': -1}, 'unroll_length: got -1'),
        ({'num_workers': 0}, 'num_workers: got 0'),
        ({'num_workers': 1.5}, 'num_workers: got 1.5'),
        ({'num_workers': True}, 'num_workers: got True'),
        ({'seed': -1}, 'seed: got -1'),
        ({'seed': None}, 'seed: got None'),
        ({'tasks': []}, 'tasks: got none'),
        ({'tasks': fakes.point_mass_suite(1).tasks * 2}, 'more than once'),
        ({'env_timeout_s': 0.0}, 'env_timeout_s: got 0'),
        ({'train_episode_steps': 0}, 'train_episode_steps: got 0'),
        ({'random_start_steps': -1}, 'random_start_steps: got -1'),
        (
            {'observation_spec': fakes.Grid(0, seed=0).action_spec()},
            'observation_spec: got',
        ),
        (
            {
                'action_spec': fakes.PointMass((0.0, 0.0), seed=0)
                .action_spec()
                .replace(dtype=np.float64)
            },
            'action_spec: got',
        ),
    ],
)
def test_bad_arguments_are_refused(options, words):
  options = dict(options)
  tasks = options.pop('tasks', fakes.point_mass_suite(1).tasks)
  with helpers.leaves_nothing(), pytest.raises(ValueError, match=words):
    helpers.make_pool(tasks, **options)


def test_a_task_that_cannot_be_pickled_is_refused():
  task = base.Task('lambda', 'f', 'train', lambda seed: None)
  with (
      helpers.leaves_nothing(),
      pytest.raises(ValueError, match='a task cannot be sent to a worker'),
  ):
    helpers.make_pool([task])


class Remembering(helpers.GaussianPolicy):
  state_size = 4


class Silent(helpers.GaussianPolicy):
  """Does not say whether it remembers."""

  state_size = property()


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
    with pytest.raises(ValueError, match='a Silent has no `state_size`; want'):
      pool.set_policy(Silent(), parameters)
    with pytest.raises(ValueError, match='a Remembering remembers'):
      pool.set_policy(Remembering(), parameters)
    with pytest.raises(ValueError, match='a Remembering remembers'):
      pool.evaluate(Remembering(), parameters, episodes_per_task=1, seed=0)
    with pytest.raises(ValueError, match='got dtype object, want numbers'):
      pool.set_policy(policy, {'first': [None]})
    pool.set_policy(policy, parameters)
    with pytest.raises(ValueError, match=r"'first'\]: got shape \(1, 2, 3\)"):
      pool.set_parameters(parameters | {'first': np.zeros((1, 2, 3))})
    with pytest.raises(ValueError, match=r"missing \['second'\], unknown"):
      pool.set_parameters({'first': parameters['first'], 'third': 0.0})
    with pytest.raises(ValueError, match='episodes_per_task: got 0'):
      pool.evaluate(policy, parameters, episodes_per_task=0, seed=0)
    with pytest.raises(ValueError, match='seed: got -2'):
      pool.evaluate(policy, parameters, episodes_per_task=1, seed=-2)
    with pytest.raises(ValueError, match='tasks: got none'):
      pool.evaluate(policy, parameters, episodes_per_task=1, seed=0, tasks=[])
    with pytest.raises(ValueError, match=r'got the state of'):
      pool.restore({'num_blocks': 1, 'episodes_begun': [[1], [1]]})
    integers = {
        name: np.ones(np.shape(value), int)
        for name, value in parameters.items()
    }
    for bad in (parameters, integers):
      for dtype in (complex, str, object):
        with pytest.raises(ValueError, match=r"'first'\]: got dtype .*, want"):
          pool.set_parameters(
              bad | {'first': np.ones(parameters['first'].shape).astype(dtype)}
          )
    for bad in ([1.0], {'first': np.ones(2, complex)}, {'first': ['1.']}):
      with pytest.raises(ValueError, match='^parameters.*: got .*, want'):
        pool.set_policy(policy, bad)
      with pytest.raises(ValueError, match='^parameters.*: got .*, want'):
        pool.evaluate(policy, bad, episodes_per_task=1, seed=0)
    for state, words in (
        ({}, r"without \['episodes_begun', 'num_blocks'\]"),
        ({'num_blocks': 1.5, 'episodes_begun': [[1]]}, 'num_blocks=1.5, want'),
        ({'num_blocks': -1, 'episodes_begun': [[1]]}, 'num_blocks=-1, want'),
        ({'num_blocks': 1, 'episodes_begun': [[1.5]]}, r'begun=\[\[1.5\]\]'),
        ({'num_blocks': 1, 'episodes_begun': [[-1]]}, r'begun=\[\[-1\]\]'),
    ):
      with pytest.raises(ValueError, match=f'^Pool.restore: got .*{words}'):
        pool.restore(state)
    pool.collect()  # None of this did any harm.
    pool.close()
    pool.close()
    for call in (
        pool.collect,
        pool.state,
        pool.wait_until_ready,
        lambda: pool.set_parameters(parameters),
        lambda: pool.set_policy(policy, parameters),
        lambda: pool.restore({}),
        lambda: pool.evaluate(policy, parameters, episodes_per_task=1, seed=0),
    ):
      with pytest.raises(RuntimeError, match='the pool is closed'):
        call()


def test_fresh_numbers_are_not_cut_off():
  argument_checks.check_same_layout({'w': np.zeros(2)}, {'w': np.zeros(2, int)})
  with pytest.raises(ValueError, match="'w'.: got dtype float64, want int64"):
    argument_checks.check_same_layout(
        {'w': np.zeros(2, int)}, {'w': np.zeros(2)}
    )
