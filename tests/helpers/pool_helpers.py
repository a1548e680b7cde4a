"""Policies and faulty environments for the tests of the pool."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import signal
import sys
import time
from typing import Any, Dict, Iterable, Iterator, List, Set

from distillery.environments import base
from distillery.environments import fakes
from distillery.environments.pool import process_pool
import dm_env
import numpy as np

HIDDEN = 64


@dataclasses.dataclass(frozen=True)
class GaussianPolicy:
  """A small network a task; wide enough for BLAS to block its products."""

  action_size: int = 2
  fault: str = ''

  state_size = 0

  def select_tasks(self, parameters, task_index):
    if self.fault == 'raise':
      raise ArithmeticError('cannot select')
    return {name: value[task_index] for name, value in parameters.items()}

  def draw_noise(self, rng, num_steps, environments):
    return rng.standard_normal(
        (num_steps, len(environments), self.action_size), dtype=np.float32
    )

  def deterministic(self, selected, observation):
    hidden = np.tanh(np.matmul(observation, selected['first']))
    return np.matmul(hidden, selected['second'])

  def sample(self, selected, observation, noise):
    log_prob = -0.5 * np.square(noise).sum(-1)
    if self.fault == 'log_prob':
      log_prob[-1, 0] = np.nan
    action = self.deterministic(selected, observation) + noise
    return action[..., :1] if self.fault == 'shape' else action, log_prob


@dataclasses.dataclass(frozen=True)
class TablePolicy:
  """Logits [S, A] a task, for one-hot observations."""

  offset: int = 0

  state_size = 0

  def select_tasks(self, parameters, task_index):
    return parameters['logits'][task_index]

  def draw_noise(self, rng, num_steps, environments):
    return rng.gumbel(size=(num_steps, len(environments), 4)).astype(np.float32)

  def deterministic(self, selected, observation):
    logits = np.matmul(observation, selected)
    return np.argmax(logits, -1).astype(np.int32) + self.offset

  def sample(self, selected, observation, noise):
    logits = np.matmul(observation, selected)
    action = np.argmax(logits + noise, -1).astype(np.int32) + self.offset
    return action, np.zeros(action.shape, np.float32)


@dataclasses.dataclass(frozen=True)
class SeekingPolicy:
  """The point mass' optimal policy; parameters: goal [K, 2]."""

  state_size = 0

  def select_tasks(self, parameters, task_index):
    return parameters['goal'][task_index][:, np.newaxis]

  def draw_noise(self, rng, num_steps, environments):
    return rng.standard_normal(
        (num_steps, len(environments), 2), dtype=np.float32
    )

  def deterministic(self, selected, observation):
    return (selected - observation) / np.float32(0.1)

  def sample(self, selected, observation, noise):
    return self.deterministic(selected, observation) + noise, noise[..., 0]


@dataclasses.dataclass(frozen=True)
class SpyingPolicy(GaussianPolicy):
  """Tells, by raising, what is in the worker."""

  def select_tasks(self, parameters, task_index):
    raise LookupError(
        repr(
            {
                'modules': sorted(sys.modules),
                'threads': os.environ.get('OMP_NUM_THREADS'),
                'status': pathlib.Path('/proc/self/status').read_text(),
            }
        )
    )


class FaultyPointMass(fakes.PointMass):
  """A point mass with something wrong in one step of every episode."""

  def __init__(self, *, seed: int, fault: str, step: int = 30):
    super().__init__((0.5, 0.5), seed=seed)
    self._fault = fault
    self._fault_step = step
    self._num_resets = 0
    if fault == 'raise_in_constructor':
      raise OSError('no such scene')

  def reset(self, **options):
    # But the one with which the pool measures what a task costs: only some
    # environments have it, by what was measured.
    self._num_resets += options.get('seed') != 0
    timestep = super().reset(**options)
    if self._num_resets > 2 and self._fault == 'raise_in_reset':
      raise OSError('cannot reset')
    if self._fault == 'wrong_shape':
      return timestep._replace(observation=np.zeros(3, np.float32))
    return timestep

  def step(self, action):
    if self._fault == 'strict':
      self.action_spec().validate(action)
    timestep = super().step(action)
    if self.horizon - self._steps_left != self._fault_step + 1:
      return timestep
    return _FAULTS.get(self._fault, lambda timestep: timestep)(timestep)

  @property
  def success(self):
    if self.horizon - self._steps_left == self._fault_step + 1:
      return _SUCCESSES.get(self._fault, super().success)
    return super().success

  @property
  def num_variations(self):
    return None if self._fault == 'no_variations' else super().num_variations

  def observation_spec(self):
    spec = super().observation_spec()
    return spec.replace(shape=(5,)) if self._fault == 'wrong_spec' else spec


def _raise(unused_timestep):
  raise ZeroDivisionError('a bad step')


def _sleep(unused_timestep):
  time.sleep(1000.0)


def _slow(timestep):
  time.sleep(0.3)
  return timestep


_SUCCESSES = {'nan_success': np.nan, 'text_success': 'False'}
_FAULTS = {
    'raise': _raise,
    'exit': lambda timestep: sys.exit(3),
    'abort': lambda timestep: os._exit(7),
    'kill': lambda timestep: os.kill(os.getpid(), signal.SIGKILL),
    'hang': _sleep,
    'slow': _slow,
    'nan_observation': lambda timestep: timestep._replace(
        observation=np.array([0.0, np.nan], np.float32)
    ),
    'inf_reward': lambda timestep: timestep._replace(reward=np.float32(np.inf)),
    'bad_discount': lambda timestep: timestep._replace(
        discount=np.float32(1.5)
    ),
    'one_number': lambda timestep: timestep._replace(
        observation=timestep.observation[:1]
    ),
    'reward_array': lambda timestep: timestep._replace(
        reward=np.ones(1, np.float32)
    ),
    'first': lambda timestep: dm_env.restart(timestep.observation),
    'tuple': tuple,
}


class SleepyPointMass(fakes.PointMass):
  """Takes its time over every step, and its episodes do not end."""

  def __init__(self, *, seed: int, seconds: float):
    super().__init__((0.5, 0.5), seed=seed, horizon=10**6)
    self._seconds = seconds

  def step(self, action):
    time.sleep(self._seconds)
    return super().step(action)


def make_faulty(seed: int, **options) -> base.TaskEnvironment:
  return FaultyPointMass(seed=seed, **options)


def sleepy_task(seconds: float) -> base.Task:
  return base.Task(
      'sleepy', 'f', 'train', functools.partial(make_sleepy, seconds=seconds)
  )


def make_sleepy(seed: int, *, seconds: float) -> base.TaskEnvironment:
  return SleepyPointMass(seed=seed, seconds=seconds)


def make_when_there(seed: int, *, path: pathlib.Path) -> base.TaskEnvironment:
  """Waits until there is a file."""
  while not path.exists():
    time.sleep(0.01)
  return make_faulty(seed, fault='')


def faulty_tasks(*faults: str) -> List[base.Task]:
  """A task for each fault; '' is none."""
  return [
      base.Task(
          f'{i}_{fault or "healthy"}',
          'faulty',
          'train',
          functools.partial(make_faulty, fault=fault),
      )
      for i, fault in enumerate(faults)
  ]


def parameters_for(num_tasks: int, seed: int = 0) -> Dict[str, np.ndarray]:
  """Weights of a `GaussianPolicy`."""
  rng = np.random.default_rng(seed)
  return {
      'first': rng.normal(size=(num_tasks, 2, HIDDEN)).astype(np.float32),
      'second': (rng.normal(size=(num_tasks, HIDDEN, 2)) / 8.0).astype(
          np.float32
      ),
  }


def make_pool(tasks: Any, **options) -> process_pool.Pool:
  """A pool of point masses, or of a suite."""
  suite = fakes.point_mass_suite(1)
  if isinstance(tasks, base.TaskSuite):
    tasks, suite = tasks.train_tasks, tasks
  options = (
      dict(
          envs_per_task=1,
          unroll_length=40,
          num_workers=1,
          seed=0,
          observation_spec=suite.observation_spec,
          action_spec=suite.action_spec,
      )
      | options
  )
  return process_pool.Pool(tasks, **options)


def descendants(pid: int) -> List[int]:
  """Process ids of a process' children and theirs, but not zombies."""
  parents = {}
  for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
    with contextlib.suppress(OSError):
      # After the name in parentheses: state, parent.
      state, parent = path.read_text().rpartition(')')[2].split()[:2]
      if state != 'Z':
        parents[int(path.parent.name)] = int(parent)
  found, frontier = [], {pid}
  while frontier:
    frontier = {child for child, up in parents.items() if up in frontier}
    found += sorted(frontier)
  return found


def workers_of(pid: int) -> List[int]:
  """Process ids of the pool workers below a process."""
  found = []
  for child in descendants(pid):
    with contextlib.suppress(OSError):
      command = pathlib.Path(f'/proc/{child}/cmdline').read_bytes()
      if b'spawn_main' in command:
        found.append(child)
  return found


def is_alive(pid: int) -> bool:
  try:
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except OSError:
    return False
  return stat.rpartition(')')[2].split()[0] != 'Z'


def wait_until_dead(pids: Iterable[int], seconds: float = 60.0) -> bool:
  """Returns whether all processes end in time."""
  deadline = time.monotonic() + seconds
  while any(map(is_alive, pids)) and time.monotonic() < deadline:
    time.sleep(0.02)
  return not any(map(is_alive, pids))


def segments() -> Set[str]:
  """Python's named segments; browsers and others have theirs there too."""
  return {
      name
      for name in os.listdir('/dev/shm')
      if name.startswith(('psm_', 'pym-', 'mp-', 'sem.mp', 'distillery'))
  }


@contextlib.contextmanager
def leaves_nothing(seconds: float = 100.0) -> Iterator[None]:
  """Checks that a block ends, without a worker or segment left.

  The time is less than a hanging environment takes to be reported, and more
  than a busy machine needs.
  """
  named = segments()
  begin = time.monotonic()
  yield
  assert time.monotonic() - begin < seconds
  assert not workers_of(os.getpid())
  assert segments() <= named


def copy(block):
  return {name: array.copy() for name, array in block.items()}


def by_time(blocks):
  """Joins the blocks of a pool along time, `[T, K, E, ...]`."""
  return {
      name: np.concatenate([np.swapaxes(block[name], 0, 1) for block in blocks])
      for name in blocks[0]
      if name != 'state'
  }


def assert_equal_blocks(a, b):
  assert a.keys() == b.keys()
  for name in a:
    np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def seeking_parameters(suite):
  return {'goal': np.stack([task.factory(0).goal for task in suite.tasks])}
