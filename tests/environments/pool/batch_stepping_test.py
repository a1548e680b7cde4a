"""Tests of wrong values of a simulator of arrays, and of their errors."""

import dataclasses

from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.mazes import suite as maze_suite
from distillery.environments.pool import batch_environment
from distillery.environments.pool import errors as pool_errors
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import seeds
from dm_env import specs
import numpy as np
import pytest


class Still:
  """A policy that does nothing."""

  state_size = 0

  def select_tasks(self, parameters, task_index):
    return None

  def draw_noise(self, rng, num_steps, environments):
    return np.zeros((num_steps, len(environments), 1), np.float32)

  def sample(self, selected, observation, noise):
    return noise, noise[..., 0]

  def deterministic(self, selected, observation):
    return np.zeros((*observation.shape[:2], 1), np.float32)


class Simulator:
  """In its third step, one thing is changed to something else."""

  def __init__(self, num, what='', change=None):
    self.observation = np.zeros((num, 2), np.float32)
    self.success = np.zeros(num, bool)
    self._what, self._change = what, change
    self._num_steps = 0

  def reset(self, row, seed):
    self.observation[row] = 0.0

  def step(self, action):
    num = len(self.observation)
    self._num_steps += 1
    self.success = np.zeros(num, bool)
    parts = {
        'reward': np.zeros(num, np.float32),
        'discount': np.ones(num, np.float32),
        'ended': np.full(num, self._num_steps % 5 == 0),
    }
    if self._num_steps == 3:
      if self._what == 'step':
        return self._change(tuple(parts.values()))
      if self._what in parts:
        parts[self._what] = self._change(parts[self._what])
      elif self._what:
        setattr(self, self._what, self._change(getattr(self, self._what)))
    return tuple(parts.values())


class BrokenReset(Simulator):
  """A simulator whose observation is wrong after the reset of row 1."""

  def reset(self, row, seed):
    super().reset(row, seed)
    if row == 1:
      self.observation = self._change(self.observation)


def make_suite(make_simulator, *arguments):
  return dataclasses.replace(
      maze_suite.maze_suite('NAVIGATION'),
      make_batch=lambda tasks: make_simulator(len(tasks), *arguments),
      observation_spec=specs.Array((2,), np.float32),
      action_spec=specs.BoundedArray((1,), np.float32, -1.0, 1.0),
  )


def make_pool(suite):
  pool = pool_factory.make_pool(
      suite, envs_per_task=2, unroll_length=5, num_workers=1, seed=0
  )
  pool.set_policy(Still(), {})
  return pool


def assert_told(suite, row, step, words):
  """Checks the error for the first task, in training and in evaluation."""
  pool = make_pool(suite)
  seed = seeds.episode_seed(0, 0, row, 0)
  with pytest.raises(
      pool_errors.PoolError,
      match=(
          rf"^Task 'collect' \(environment {row}, episode 0, seed {seed}, step "
          rf'{step}\) failed: .*{words}'
      ),
  ) as caught:
    pool.collect()
  assert '\n' not in str(caught.value)
  seed = seeds.evaluation_seed(0, 0, row)
  with pytest.raises(
      pool_errors.PoolError,
      match=(
          rf"^Evaluation of task 'collect' \(environment 0, episode {row}, seed "
          rf'{seed}, step {step}\) failed: .*{words}'
      ),
  ):
    pool.evaluate(Still(), {}, episodes_per_task=2, seed=0)


def nan_in_row_1(array):
  array = array.astype(np.float32)
  array[1] = np.nan
  return array


WRONG = [
    ('observation', lambda x: x[:, :1], 0, r', 1\) .* as observation, want re'),
    ('observation', lambda x: x[:1], 0, r'shape \(1, 2\) .* as observation'),
    ('observation', lambda x: x[:, 0], 0, 'as observation, want real numbers'),
    ('observation', lambda x: x.astype(str), 0, 'as observation, want real'),
    ('observation', nan_in_row_1, 1, 'observation that is not finite: nan at'),
    ('reward', lambda x: 1.0, 0, r'1\.0 as reward, want real numbers of shape'),
    ('reward', lambda x: x[:, np.newaxis], 0, r', 1\) .* as reward, want real'),
    ('reward', lambda x: x[:1], 0, r'shape \(1,\) .* as reward, want real'),
    ('reward', lambda x: x.astype(object), 0, 'dtype object as reward'),
    ('reward', nan_in_row_1, 1, 'a reward that is not finite: nan'),
    ('discount', lambda x: None, 0, 'None as discount'),
    ('discount', lambda x: x * 1j, 0, 'dtype complex64 as discount'),
    ('discount', nan_in_row_1, 1, 'discount nan, want one in'),
    ('ended', lambda x: False, 0, 'False as ended'),
    ('ended', lambda x: x + 2, 0, '2 as ended, want a bool, or a number of 0'),
    ('success', nan_in_row_1, 1, 'nan as success, want a bool, or a number'),
    ('success', lambda x: x[:, np.newaxis], 0, r', 1\) .* as success, want'),
    ('success', lambda x: None, 0, 'None as success'),
    ('success', lambda x: x.astype(str), 0, 'as success'),
    ('step', lambda x: x[:2], 0, 'want 3 arrays: reward, discount, ended'),
    ('step', lambda x: None, 0, 'step returned None, want 3 arrays'),
]


@pytest.mark.parametrize('what, change, row, words', WRONG)
def test_bad_values_of_a_simulator_are_refused(what, change, row, words):
  assert_told(make_suite(Simulator, what, change), row, 2, words)


@pytest.mark.parametrize(
    'change, words',
    [
        (nan_in_row_1, 'reset left an observation that is not finite'),
        (lambda x: x[:, :1], r', 1\) .* as observation, want real numbers'),
    ],
)
def test_bad_observations_of_a_reset_are_refused(change, words):
  assert_told(make_suite(BrokenReset, '', change), 1, 0, words)


def test_successes_of_0_and_1_are_taken():
  change = lambda success: (success + 1).astype(np.float32)
  pool = make_pool(make_suite(Simulator, 'success', change))
  assert pool.collect()['success'][0, :, 0].tolist() == [
      False,
      False,
      True,
      False,
      False,
  ]
  assert [episode.success for episode in pool.episodes()] == 8 * [True]


@pytest.mark.parametrize(
    'what, change, words',
    [
        (
            'observation',
            lambda x: x[0],
            r'shape \(2,\) .* as observation, want',
        ),
        ('observation', lambda x: x + np.nan, 'observation that is not finite'),
        ('reward', lambda x: 1.0, '1.0 as reward, want real numbers'),
        ('discount', lambda x: x + 0.5, 'discount 1.5, want one in'),
        ('ended', lambda x: x + np.nan, 'nan as ended, want a bool'),
        ('success', lambda x: x + np.nan, 'nan as success, want a bool'),
        ('success', lambda x: None, 'None as success'),
        ('step', lambda x: x[:2], 'want 3 arrays'),
    ],
)
def test_bad_values_of_a_simulator_with_one_row_are_refused(
    what, change, words
):
  environment = batch_environment.BatchEnvironment(
      Simulator(1, what, change),
      seed=0,
      observation_spec=specs.Array((2,), np.float32),
      action_spec=specs.BoundedArray((1,), np.float32, -1.0, 1.0),
  )
  environment.reset(seed=0)
  for _ in range(2):
    assert environment.step(np.zeros(1, np.float32)).mid()
    assert environment.success is False
  with pytest.raises(timestep_checks.BadValue, match=words) as caught:
    environment.step(np.zeros(1, np.float32))
  # The row is the only one here, but not among a pool's.
  assert not isinstance(caught.value, number_checks.BadRow)
