"""Tests that the pool reports errors of workers at once, and where they were."""

import dataclasses
import functools
import os
import signal
import time

from distillery.environments import fakes
from distillery.environments.pool import process_pool
from distillery.environments.pool import progress
from distillery.environments.pool import seeds
from helpers import pool_helpers as helpers
import numpy as np
import pytest

PARAMETERS = helpers.parameters_for(3)
EPISODE_SEED = seeds.episode_seed(0, 1, 0, 0)


def failure_of(tasks, policy=None, parameters=None, **options):
  """The error of a second task's fault, in the first block."""
  with helpers.leaves_nothing():
    pool = helpers.make_pool(tasks, **options)
    with pytest.raises(process_pool.PoolError) as caught:
      pool.set_policy(
          policy or helpers.GaussianPolicy(), parameters or PARAMETERS
      )
      pool.collect()
    with pytest.raises(RuntimeError, match='the pool is closed'):
      pool.collect()
  return caught.value


# Fault -> what the first line says.
FAULTS = {
    'raise': 'failed: ZeroDivisionError: a bad step',
    'exit': 'failed: SystemExit: 3',
    'nan_observation': (
        'failed: the environment returned an observation that is not '
        'finite: nan at index 1'
    ),
    'inf_reward': (
        'failed: the environment returned a reward that is not finite: ' 'inf'
    ),
    'bad_discount': (
        'failed: the environment returned discount 1.5, want one in ' '[0, 1]'
    ),
    'one_number': (
        'failed: the environment returned an observation of shape (1,), want '
        '(2,)'
    ),
    'nan_success': (
        'failed: the environment returned nan as success, want a bool, or a '
        'number of 0 or 1'
    ),
}
# As above; with one worker, since what is checked is the same.
MORE_FAULTS = {
    'reward_array': (
        'failed: the environment returned an array of shape (1,) and dtype '
        'float32 as reward, want a real number'
    ),
    'text_success': (
        "failed: the environment returned 'False' as success, want a bool, or "
        'a number of 0 or 1'
    ),
    'first': (
        'failed: step returned <StepType.FIRST: 0> as step_type, want '
        'StepType.MID or StepType.LAST'
    ),
}


@pytest.mark.parametrize(
    'fault, words, num_workers',
    [
        *(
            (fault, words, num_workers)
            for fault, words in FAULTS.items()
            for num_workers in (1, 2)
        ),
        *((fault, words, 1) for fault, words in MORE_FAULTS.items()),
    ],
)
def test_a_faulty_step_is_reported_with_its_place(fault, words, num_workers):
  error = failure_of(
      helpers.faulty_tasks('', fault, ''), num_workers=num_workers
  )
  first_line, _, rest = str(error).partition('\n')
  assert first_line == (
      f"Task '1_{fault}' (environment 0, episode 0, seed {EPISODE_SEED}, step "
      f'30) {words}'
  )
  assert (
      error.task,
      error.environment,
      error.episode,
      error.seed,
      error.step,
  ) == (f'1_{fault}', 0, 0, EPISODE_SEED, 30)
  assert 'Traceback (most recent call last)' in error.worker_traceback
  assert error.worker_traceback.strip() in rest


@pytest.mark.parametrize(
    'fault, words',
    [
        ('kill', 'Worker 0 was killed by signal 9 (SIGKILL); it was at task '),
        ('abort', 'Worker 0 ended with exit code 7; it was at task '),
    ],
)
def test_a_death_is_reported_with_its_place(fault, words):
  error = failure_of(helpers.faulty_tasks('', fault))
  assert str(error).startswith(
      words + f"'1_{fault}' (environment 0, episode 0, seed {EPISODE_SEED}, "
      'step 30)'
  )
  assert error.step == 30
  assert not error.worker_traceback


def test_the_step_is_that_of_the_episode_not_of_the_block():
  tasks = helpers.faulty_tasks('', 'raise')
  error = failure_of(tasks[1:], unroll_length=500)
  assert error.step == 30
  with helpers.leaves_nothing():
    pool = helpers.make_pool(tasks, unroll_length=20)
    pool.set_policy(helpers.GaussianPolicy(), PARAMETERS)
    pool.collect()
    with pytest.raises(process_pool.PoolError) as caught:
      pool.collect()
    assert (caught.value.episode, caught.value.step) == (0, 30)


def test_a_failing_reset_names_the_new_episode():
  error = failure_of(helpers.faulty_tasks('raise_in_reset'), unroll_length=120)
  assert 'failed: OSError: cannot reset' in str(error)
  assert (error.episode, error.step) == (2, 0)
  assert error.seed == seeds.episode_seed(0, 0, 0, 2)


@pytest.mark.parametrize(
    'fault, words',
    [
        (
            'raise_in_constructor',
            "Building task '1_raise_in_constructor' (environment 0) failed: OSError: "
            'no such scene',
        ),
        (
            'wrong_spec',
            "Building task '1_wrong_spec' (environment 0) failed: ValueError: got "
            'observations of shape (5,), want (2,)',
        ),
        (
            'wrong_shape',
            'reset returned an observation of shape (3,), want (2,)',
        ),
    ],
)
@pytest.mark.parametrize('num_workers', [1, 2])
def test_an_environment_that_does_not_fit_is_reported(
    fault, words, num_workers
):
  error = failure_of(helpers.faulty_tasks('', fault), num_workers=num_workers)
  assert words in str(error)
  assert error.task == f'1_{fault}'


def test_an_error_does_not_wait_for_busy_workers():
  # The other worker sleeps for a thousand seconds in one step.
  tasks = helpers.faulty_tasks('raise', 'hang')
  with helpers.leaves_nothing():
    pool = helpers.make_pool(tasks, num_workers=2, env_timeout_s=1000.0)
    pool.wait_until_ready()
    pool.set_policy(helpers.GaussianPolicy(), PARAMETERS)
    with pytest.raises(process_pool.PoolError, match='a bad step'):
      pool.collect()


def test_a_hanging_environment_is_reported():
  error = failure_of(helpers.faulty_tasks('', 'hang'), env_timeout_s=5.0)
  assert str(error).startswith(
      'Worker 0 has given no sign of life for 5 s; it was at task '
      f"'1_hang' (environment 0, episode 0, seed {EPISODE_SEED}, step 30)"
  )


def test_a_worker_that_is_stopped_while_it_waits_for_others_is_reported(
    tmp_path,
):
  path = tmp_path / 'go_on'
  first, second = helpers.faulty_tasks('', '')
  make = functools.partial(helpers.make_when_there, path=path)
  pool = helpers.make_pool(
      [first, dataclasses.replace(second, factory=make)],
      num_workers=2,
      env_timeout_s=5.0,
  )
  workers = pool._workers
  while workers.control['progress'][0, progress.PHASE] != progress.WAITING:
    time.sleep(0.01)
  os.kill(workers._workers[0].process.pid, signal.SIGSTOP)
  path.touch()
  with pytest.raises(
      process_pool.PoolError,
      match='Worker 0 has given no sign of life for 5 s; it was at its commands',
  ):
    pool.wait_until_ready()


def test_a_slow_environment_does_not_count_as_hanging():
  task = helpers.sleepy_task(0.5)
  with helpers.make_pool([task], env_timeout_s=5.0, unroll_length=12) as pool:
    pool.set_policy(helpers.GaussianPolicy(), PARAMETERS)
    assert pool.collect()['reward'].shape == (1, 12, 1)


def test_workers_leave_signals_to_stop_to_their_parent():
  with helpers.make_pool(fakes.point_mass_suite(2), num_workers=2) as pool:
    pool.set_policy(helpers.GaussianPolicy(), PARAMETERS)
    pool.collect()
    for pid in helpers.workers_of(os.getpid()):
      for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        os.kill(pid, number)
    time.sleep(0.2)
    assert pool.collect()['reward'].shape == (2, 40, 1)


def test_a_worker_killed_between_commands_is_reported():
  for kills_all in (True, False):
    with helpers.leaves_nothing():
      pool = helpers.make_pool(fakes.point_mass_suite(2), num_workers=2)
      pool.set_policy(helpers.GaussianPolicy(), PARAMETERS)
      pool.collect()
      killed = helpers.workers_of(os.getpid())[: 2 if kills_all else 1]
      for pid in killed:
        os.kill(pid, signal.SIGKILL)
      assert helpers.wait_until_dead(killed)
      with pytest.raises(
          process_pool.PoolError,
          match=(r'was killed by signal 9 \(SIGKILL\); it was at its commands'),
      ):
        if kills_all:
          pool.set_policy(helpers.GaussianPolicy(), PARAMETERS)
        pool.collect()


@pytest.mark.parametrize(
    'fault, words',
    [
        ('raise', 'The policy failed: ArithmeticError: cannot select'),
        (
            'shape',
            'The policy failed: ValueError: got actions of shape (2, 1, 1), '
            'want (2, 1, 2)',
        ),
        (
            'log_prob',
            "Task 'point_mass_1' (environment 0, episode 0, seed "
            f'{EPISODE_SEED}, step 0) failed: the policy returned '
            'a log-probability that is not finite: nan',
        ),
    ],
)
def test_a_faulty_policy_is_reported(fault, words):
  error = failure_of(
      fakes.point_mass_suite(2), policy=helpers.GaussianPolicy(fault=fault)
  )
  assert str(error).startswith(words)


def test_an_action_that_is_not_finite_never_reaches_an_environment():
  poisoned = helpers.parameters_for(2)
  poisoned['second'][1, 0, 0] = np.nan
  error = failure_of(fakes.point_mass_suite(2), parameters=poisoned)
  assert str(error).startswith(
      f"Task 'point_mass_1' (environment 0, episode 0, seed {EPISODE_SEED}, "
      'step 0) failed: the policy chose an action that is not finite: '
      '[nan'
  )


@pytest.mark.parametrize('offset', [4, -4])
def test_a_discrete_action_out_of_range_is_reported(offset):
  error = failure_of(
      fakes.grid_suite(1),
      policy=helpers.TablePolicy(offset=offset),
      parameters={'logits': np.zeros((1, 16, 4), np.float32)},
  )
  assert 'want one of 0..3' in str(error)
  assert error.task == 'grid_0'


@pytest.mark.parametrize(
    'fault',
    [
        'raise',
        'nan_observation',
        'kill',
        'raise_in_constructor',
        'one_number',
        'reward_array',
        'nan_success',
        'text_success',
        'tuple',
    ],
)
def test_a_failing_evaluation_names_the_evaluated_task(fault):
  healthy = helpers.faulty_tasks('', '')
  faulty = helpers.faulty_tasks('', fault)[1]
  with helpers.leaves_nothing():
    pool = helpers.make_pool(healthy)
    with pytest.raises(process_pool.PoolError) as caught:
      pool.evaluate(
          helpers.GaussianPolicy(),
          PARAMETERS,
          tasks=[healthy[0], faulty],
          episodes_per_task=2,
          seed=9,
      )
  error = caught.value
  assert error.task == f'1_{fault}'
  if fault == 'raise_in_constructor':
    assert str(error).startswith(
        "Building, for evaluation, task '1_raise_in_constructor' (environment "
        '0) failed: OSError: no such scene'
    )
    return
  seed = seeds.evaluation_seed(9, 1, 0)
  assert (
      f"valuation of task '1_{fault}' (environment 0, episode 0, seed "
      f'{seed}, step 30)'
  ) in str(error)
  assert (error.episode, error.seed, error.step) == (0, seed, 30)


def test_an_evaluation_needs_a_number_of_variations():
  with (
      helpers.leaves_nothing(),
      pytest.raises(
          process_pool.PoolError,
          match=(
              r"Evaluation of task '0_no_variations' \(.* step 0\) failed: "
              "num_variations of '0_no_variations': got None, want a positive"
          ),
      ),
  ):
    helpers.make_pool(helpers.faulty_tasks('no_variations')).evaluate(
        helpers.GaussianPolicy(), PARAMETERS, episodes_per_task=1, seed=0
    )


def test_an_evaluation_that_cannot_select_its_task_is_reported():
  tasks = fakes.point_mass_suite(3).tasks
  with (
      helpers.leaves_nothing(),
      pytest.raises(
          process_pool.PoolError, match='The policy failed: IndexError'
      ),
  ):
    helpers.make_pool(tasks).evaluate(
        helpers.GaussianPolicy(),
        helpers.parameters_for(2),
        episodes_per_task=1,
        seed=0,
    )
