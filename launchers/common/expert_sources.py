"""The experts of DAMSEL: scripted controllers, or policies trained by SAC."""

import pathlib
from typing import Callable, Literal

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import loaded_policy
from distillery.agents.damsel import experts
from distillery.environments import base
from distillery.environments.damsel import controllers as damsel_controllers
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import families as damsel_families
from distillery.environments.damsel import tasks as damsel_tasks
from distillery.launchers.common import trained_suites
import numpy as np

# The suite that the run of SAC must have been trained on, for each source.
_SUITES = {'sac_per_family': 'DAMSEL/families', 'sac_per_task': 'DAMSEL/train'}
Source = Literal['scripted', 'sac_per_family', 'sac_per_task']


def makers(
    source: Source, run_dir: str, suite: base.TaskSuite
) -> Callable[[int, base.Task], experts.Expert]:
  """Returns what makes the expert of each task, for `experts.collect`.

  Args:
    source: 'scripted', the controllers; 'sac_per_family', a run of SAC with one
      policy for each family; 'sac_per_task', a run with one for each task.
    run_dir: the directory of the run of SAC; unused by 'scripted'.
    suite: a suite of DAMSEL's tasks.

  Returns:
    A function of the index of a training task and of the task itself. It
    returns the expert, a function of observations `[D]` to actions `[A]`.

  Raises:
    ValueError: if a task is not one of DAMSEL's, or there is no such run.
  """
  targets = [_target(source, task, suite.name) for task in suite.train_tasks]
  if source == 'scripted':
    return lambda index, task: damsel_controllers.Controller(targets[index])
  policy = _read(source, run_dir)
  if source == 'sac_per_task':
    return lambda index, task: _acting(policy, index)
  return lambda index, task: _acting_for(policy, targets[index])


def _target(source: Source, task: base.Task, suite: str) -> damsel_tasks.Target:
  """Returns the target of a task; a ValueError if it is none of DAMSEL's."""
  if not isinstance(task.factory, damsel_environment.DamselFactory):
    raise ValueError(
        f'there is no {source} expert for {task.name!r} of {suite}; want a '
        'suite of DAMSEL.'
    )
  return task.factory.target


def _read(source: str, run_dir: str) -> loaded_policy.LoadedPolicy:
  flagfile = f'launchers/flags/sac_damsel_{source[len("sac_"):]}.cfg'
  how = (
      f'want the directory of a run of launchers/run_sac.py '
      f'--flagfile={flagfile}.'
  )
  if not json_files.has_config(pathlib.Path(run_dir)):
    raise ValueError(f'expert_run {run_dir!r} holds no run; {how}')
  config, suite = trained_suites.read(run_dir)
  found = (config.get('agent'), suite.name)
  if found != ('sac', _SUITES[source]):
    raise ValueError(
        f'expert_run {run_dir!r} is a run of {found[0]} on {found[1]}; {how}'
    )
  return checkpoints.load_policy(pathlib.Path(run_dir), 'task')


def _acting(policy: loaded_policy.LoadedPolicy, index: int) -> experts.Expert:
  """Returns the expert that is the policy of the task with the given index."""
  indices = np.array([index])
  return lambda observation: policy.act(observation[np.newaxis], indices)[0]


def _acting_for(
    policy: loaded_policy.LoadedPolicy, target: damsel_tasks.Target
) -> experts.Expert:
  """Returns the expert that is the policy of the target's family.

  The policy observes the target.
  """
  act = _acting(policy, damsel_tasks.FAMILIES.index(target.family))
  return lambda observation: act(
      damsel_families.with_target(observation, target)
  )
