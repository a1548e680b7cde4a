"""The episodes of the experts: how they are collected, stored and checked.

They are stored in a directory as experts.npz and experts.json, without pickle.
So meta-training can be repeated from this directory without the experts.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Sequence,
    Tuple,
)
import zipfile
import zlib

from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import user_paths
from distillery.environments import base
from distillery.environments import timestep_checks
import numpy as np

_ARRAYS, _ABOUT = 'experts.npz', 'experts.json'
# An expert may use `_TRIES` episodes for each successful one that is wanted. It
# is given up sooner if none of its first `_FIRST_TRIES` episodes succeeds.
_TRIES, _FIRST_TRIES = 3, 20

# A function from an observation `[D]` to an action `[A]` in [-1, 1].
Expert = Callable[[np.ndarray], np.ndarray]


class Experts(NamedTuple):
  """The successful episodes of K tasks: E episodes of T steps each.

  Attributes:
    observation: the observations, float32 `[K, E, T, D]`.
    action: the action that the expert chose in each observation, before noise
      was added, float32 `[K, E, T, A]`.
    about: the description of the episodes, as in JSON: source, num_episodes,
      env_steps (failed episodes included), noise_std, seed, suite, info, tasks.
  """

  observation: np.ndarray
  action: np.ndarray
  about: Dict[str, Any]


def exist(folder: str) -> bool:
  """Returns whether a folder holds the episodes of experts."""
  return (pathlib.Path(user_paths.expand(folder)) / _ABOUT).exists()


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
  """Holds a folder's lock, so that one process at a time makes experts in it.

  It waits while another process holds the lock.
  """
  path = pathlib.Path(user_paths.expand(folder))
  path.mkdir(parents=True, exist_ok=True)
  with open(path / '.experts.lock', 'w') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      display.say(
          f'waiting for another process, which is making experts in {folder}'
      )
      fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def write(folder: str, experts: Experts) -> None:
  """Writes both files, each whole or not at all, the JSON file last.

  Args:
    folder: the directory; it is made if it is missing.
    experts: the episodes.
  """
  path = pathlib.Path(user_paths.expand(folder))
  path.mkdir(parents=True, exist_ok=True)
  with open(path / f'{_ARRAYS}.tmp', 'wb') as f:
    np.savez_compressed(
        f, observation=experts.observation, action=experts.action
    )
  os.replace(path / f'{_ARRAYS}.tmp', path / _ARRAYS)
  (path / f'{_ABOUT}.tmp').write_text(json.dumps(experts.about, indent=2))
  os.replace(path / f'{_ABOUT}.tmp', path / _ABOUT)


def read(folder: str) -> Experts:
  """Reads the episodes that `write` wrote into a folder.

  Raises:
    ValueError: if the folder holds none, or its files are damaged.
  """
  path = pathlib.Path(user_paths.expand(folder))
  if not folder or not exist(folder):
    raise ValueError(f'experts: found none in {folder!r}.')
  try:
    about = json.loads((path / _ABOUT).read_text())
    with np.load(path / _ARRAYS, allow_pickle=False) as arrays:
      experts = Experts(arrays['observation'], arrays['action'], about)
  except (
      OSError,
      EOFError,
      KeyError,
      TypeError,
      ValueError,
      zipfile.BadZipFile,
      zlib.error,
  ) as error:
    raise ValueError(f'cannot read the experts in {path}: {error}') from error
  for name in ('observation', 'action'):
    array = getattr(experts, name)
    if (
        array.ndim != 4
        or array.dtype != np.float32
        or not np.isfinite(array).all()
    ):
      raise ValueError(
          f'the experts in {path} are damaged: want {name} float32 '
          f'[K, E, T, n] and finite, got {array.dtype} '
          f'{array.shape}.'
      )
  if not isinstance(about, dict) or not isinstance(about.get('tasks'), list):
    raise ValueError(
        f'the experts in {path} are damaged: {_ABOUT} has no list of tasks.'
    )
  return experts


def digest(folder: str) -> str:
  """Returns the SHA-256 of the stored arrays, in hexadecimal digits."""
  path = pathlib.Path(user_paths.expand(folder)) / _ARRAYS
  return hashlib.sha256(path.read_bytes()).hexdigest()


def check_suite(experts: Experts, suite: base.TaskSuite) -> None:
  """Checks that experts are those of a suite's training tasks.

  Args:
    experts: the episodes of the experts.
    suite: the tasks of the run.

  Raises:
    ValueError: if they differ; the message says in what.
  """
  want = _description(suite)
  for name in ('suite', 'info'):
    if experts.about.get(name) != want[name]:
      raise ValueError(
          f'the experts were made in another scene: {name} is '
          f'{experts.about.get(name)}, want {want[name]}.'
      )
  missing, more = (
      [task for task in some if task not in others]
      for some, others in (
          (want['tasks'], experts.about['tasks']),
          (experts.about['tasks'], want['tasks']),
      )
  )
  if missing or more:
    raise ValueError(
        f'there are no experts for {", ".join(missing)}.'
        if missing
        else f'the suite has no tasks for the experts of {", ".join(more)}.'
    )


def collect(
    suite: base.TaskSuite,
    make_expert: Callable[[int, base.Task], Expert],
    *,
    source: str,
    num_episodes: int,
    noise_std: float,
    seed: int,
) -> Tuple[Experts, List[str]]:
  """Collects successful episodes of an expert in every training task.

  Noise is added to the actions, so that episodes differ and show how to return
  to the path. The stored actions are those without the noise.

  Args:
    suite: the tasks, whose episodes all have one length.
    make_expert: the function that makes the expert of a task, from the task's
      index among the training tasks and the task.
    source: the name of the kind of experts, for the description.
    num_episodes: E, the successful episodes of each task, at least 1.
    noise_std: the standard deviation of the noise, in units of the action.
    seed: the seed of the noise.

  Returns:
    The episodes, and the names of the tasks that are left out. A task is left
    out if fewer than E of 3 E episodes (20 if that is more) succeed, or none of
    the first 20.

  Raises:
    ValueError: if no expert solved its task, episodes differ in length, or an
      environment returns a bad value.
  """
  episodes, failed, env_steps = [], [], 0
  for index, task in enumerate(suite.train_tasks):
    solved, steps = _solve(
        task,
        make_expert(index, task),
        num_episodes,
        noise_std,
        np.random.default_rng([seed, index]),
    )
    env_steps += steps
    if len(solved) == num_episodes:
      episodes.append(solved)
    else:
      failed.append(task.name)
  if not episodes:
    raise ValueError(f'no {source} expert solved its task.')
  lengths = sorted(
      {len(actions) for solved in episodes for _, actions in solved}
  )
  if len(lengths) > 1:
    raise ValueError(
        f'experts: got episodes of {lengths[0]} to {lengths[-1]} steps, want '
        'tasks whose episodes all have one length.'
    )
  observation, action = (
      np.array(
          [[episode[part] for episode in of_task] for of_task in episodes],
          np.float32,
      )
      for part in (0, 1)
  )
  return (
      Experts(
          observation,
          action,
          {
              'source': source,
              'num_episodes': num_episodes,
              'env_steps': env_steps,
              'noise_std': noise_std,
              'seed': seed,
              **_description(suite, failed),
          },
      ),
      failed,
  )


def without(suite: base.TaskSuite, names: Sequence[str]) -> base.TaskSuite:
  """Returns a suite without some of its training tasks.

  Args:
    suite: the suite.
    names: the names of the training tasks to leave out.

  Returns:
    A suite with the other training tasks and all test tasks.
  """
  return base.TaskSuite(
      name=suite.name,
      info=suite.info,
      horizon=suite.horizon,
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
      tasks=tuple(
          task
          for task in suite.tasks
          if task.split == 'test' or task.name not in names
      ),
  )


def _description(
    suite: base.TaskSuite, failed: Sequence[str] = ()
) -> Dict[str, Any]:
  return {
      'suite': suite.name,
      'info': dict(suite.info),
      'tasks': [
          task.name for task in suite.train_tasks if task.name not in failed
      ],
  }


def _solve(
    task: base.Task,
    expert: Expert,
    num_episodes: int,
    noise_std: float,
    rng: np.random.Generator,
) -> Tuple[List[Tuple[np.ndarray, np.ndarray]], int]:
  """Runs an expert in its task until enough episodes have succeeded.

  Returns:
    The observations `[T, D]` and actions `[T, A]` of each successful episode,
    and the number of environment steps of all episodes.
  """
  environment = task.factory(0)
  shape = environment.observation_spec().shape
  solved: List[Tuple[np.ndarray, np.ndarray]] = []
  steps = 0
  for number in range(max(_TRIES * num_episodes, _FIRST_TRIES)):
    if number == _FIRST_TRIES and not solved:
      break
    observations, actions = [], []
    try:
      step = environment.reset()
      timestep_checks.first_observation(step, shape)
      while not step.last():
        action = expert(step.observation)
        observations.append(step.observation)
        actions.append(action)
        noise = noise_std * rng.standard_normal(action.shape)
        step = environment.step(np.clip(action + noise, -1.0, 1.0))
        timestep_checks.check_step(step, shape)
      success = timestep_checks.as_flag(environment.success, 'success')
    except timestep_checks.BadValue as error:
      raise ValueError(
          f'task {task.name!r} (episode {number}, made with seed 0, step '
          f'{max(len(actions) - 1, 0)}) failed: {error}'
      ) from error
    steps += len(actions)
    if success:
      solved.append((np.array(observations), np.array(actions)))
      if len(solved) == num_episodes:
        break
  environment.close()
  return solved, steps
