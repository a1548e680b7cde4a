"""Describes an experiment, and prepares its parts and its run directory.

This module imports no TensorFlow.
"""

import dataclasses
import functools
import json
from typing import Any, Callable, ClassVar, Dict, Optional, Protocol, Type

from distillery.agents.core import builders
from distillery.agents.core import config_fields
from distillery.agents.core import specs
from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import devices
from distillery.environments import base
from distillery.environments import pickling
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import process_pool

# The settings that may differ between a run and its resumption.
_MAY_CHANGE = (
    'num_env_steps',
    'num_workers',
    'num_actors',
    'evaluate_every',
    'evaluation_episodes',
    'checkpoint_every',
    'film_every',
)


# A function that makes networks. Its arguments are the description of the
# tasks, the agent's config and a seed.
MakeNetworks = Callable[[specs.AgentSpec, Any, int], Any]


class AgentConfig(Protocol):
  """The fields that every agent's config has; it is a frozen dataclass."""

  # Type checkers recognise a dataclass by this attribute.
  __dataclass_fields__: ClassVar[Dict[str, Any]]
  # The number of environments of each task, E.
  envs_per_task: int
  # The number of steps of each environment in a block, T.
  unroll_length: int


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
  """The description of an experiment: an agent, its tasks and the run.

  Attributes:
    agent: the name of the agent, which is written into the run directory.
    agent_config: the agent's config, a frozen dataclass.
    make_builder: the class of the agent's builder.
    suite: the task suite. The agent trains on the tasks of its training split.
    seed: the seed of everything random, except for the samples that an
      off-policy agent takes from its replay.
    num_env_steps: the number of environment steps to train for, summed over all
      tasks. The run ends with the block that reaches it.
    run_dir: the directory for all files of the run. Open it with `resume=True`
      to resume the run in it.
    num_workers: the number of processes that step environments.
    evaluate_every: the number of environment steps, summed over all tasks,
      between evaluations.
    evaluation_episodes: the number of episodes of each task in an evaluation.
    checkpoint_every: the number of environment steps, summed over all tasks,
      between checkpoints.
    film_every: the number of environment steps, summed over all tasks, between
      films of the first policy that is evaluated; 0: there are none.
    checkpoint_minutes: the minutes after which there is a checkpoint in any
      case.
    device: the device of the learner: 'auto' is a GPU if there is one, else the
      CPU; 'cpu' is the CPU; 'gpu' is an error if there is no GPU.
    env_timeout_s: the time limit, in seconds, for making, resetting and
      stepping an environment. An environment that takes longer counts as
      hanging, which ends the run, or its node of a program. It has no effect in
      suites that are stepped as arrays.
    train_episode_steps: the number of steps after which a training episode is
      cut, as by a time limit. None: it has the suite's own limit. Evaluations
      always do.
    random_start_steps: the largest number of random steps before a training
      episode, see `process_pool.Pool`. They count as environment steps.
    make_networks: the function that makes the networks in place of the
      builder's `make_networks`. Its arguments are the description of the tasks,
      `agent_config` and a seed. The networks must have the parts that the
      agent's learner and `make_policy` use. If None, the builder makes them.
  """

  agent: str
  agent_config: AgentConfig
  make_builder: Type[builders.Builder]
  suite: base.TaskSuite
  seed: int
  num_env_steps: int
  run_dir: run_directory.RunDirectory
  num_workers: int
  evaluate_every: int
  evaluation_episodes: int
  checkpoint_every: int
  film_every: int = 0
  checkpoint_minutes: float = 5.0
  device: devices.Device = devices.DEFAULT
  env_timeout_s: float = process_pool.ENV_TIMEOUT_S
  train_episode_steps: Optional[int] = None
  random_start_steps: int = 0
  make_networks: Optional[MakeNetworks] = None

  def __post_init__(self) -> None:
    try:
      config_fields.require(
          self,
          config_fields.POSITIVE,
          'num_env_steps',
          'num_workers',
          'evaluate_every',
          'evaluation_episodes',
          'checkpoint_every',
          'checkpoint_minutes',
          'env_timeout_s',
      )
      config_fields.require(self, config_fields.NOT_NEGATIVE, 'film_every')
      config_fields.require(self, config_fields.SEED, 'seed')
      self._check_train_episode_steps()
      self._check_random_starts()
      self._check_rest()
    except ValueError:
      # The directory was made for this run, so it is removed again.
      with self.run_dir.kept_once_stepped():
        raise

  def _check_random_starts(self) -> None:
    steps, suite = self.random_start_steps, self.suite
    config_fields.require(
        self, config_fields.NOT_NEGATIVE, 'random_start_steps'
    )
    if steps and suite.make_batch is not None:
      raise ValueError(
          f'random_start_steps={steps}: the environments of {suite.name} are '
          'stepped as arrays and have no random starts; want 0.'
      )
    if steps and self.agent_config.envs_per_task < 2:
      raise ValueError(
          f'random_start_steps={steps}: every second environment of a task '
          'starts at random, and envs_per_task=1; want at least 2, or no random '
          'starts.'
      )
    if steps and suite.horizon:
      left = suite.horizon - (self.train_episode_steps or suite.horizon)
      if steps > left:
        raise ValueError(
            f'random_start_steps={steps}: an episode of {suite.name} ends '
            f'after {suite.horizon} steps, and random steps count. Want at '
            f'most {left}, or a smaller train_episode_steps.'
        )

  def _check_rest(self) -> None:
    if self.rest_blocks and self.suite.make_batch is not None:
      raise ValueError(
          f'rest_blocks={self.rest_blocks}: the environments of '
          f'{self.suite.name} are stepped as arrays and cannot rest; want 0.'
      )

  @property
  def rest_blocks(self) -> int:
    """The blocks for which a solved task rests; 0 if the agent has no such."""
    return getattr(self.agent_config, 'rest_blocks', 0)

  def _check_train_episode_steps(self) -> None:
    steps, horizon = self.train_episode_steps, self.suite.horizon
    if steps is not None and not 1 <= steps <= (horizon or steps):
      raise ValueError(
          f'train_episode_steps={steps}: want a number from 1 to the length of '
          f'an episode of {self.suite.name}'
          + (f', {horizon}.' if horizon else '.')
      )


def make_builder(config: ExperimentConfig) -> builders.Builder:
  """Returns the builder of an experiment's agent.

  Raises:
    ValueError: if the agent does not fit the suite.
  """
  spec = agent_spec(config)
  builder = config.make_builder(config.agent_config, spec)
  if config.make_networks is not None:
    # This replaces the method of the instance, so that every caller gets these
    # networks.
    builder.make_networks = functools.partial(  # type: ignore[method-assign]
        config.make_networks, spec, config.agent_config
    )
  return builder


def check_tasks(suite: base.TaskSuite) -> None:
  """Checks that worker processes can make all tasks, also the held-out ones.

  Raises:
    ValueError: if a task cannot be pickled; the message names the task.
  """
  if suite.make_batch is None:
    for task in suite.tasks:
      pickling.dump(task, f'task {task.name!r}')


def agent_spec(config: ExperimentConfig) -> specs.AgentSpec:
  """Returns the description of the tasks that an experiment's agent gets."""
  suite = config.suite
  return specs.AgentSpec(
      num_tasks=len(suite.train_tasks),
      num_test_tasks=len(suite.test_tasks),
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
      horizon=config.train_episode_steps or suite.horizon,
      image_shape=suite.image_shape,
      task_names=tuple(task.name for task in suite.train_tasks),
      families=tuple(task.family for task in suite.train_tasks),
  )


def make_pool(
    config: ExperimentConfig, num_workers: int, seed: int
) -> pool_factory.AnyPool:
  """Makes the environments of an experiment's training tasks.

  Args:
    config: the description of the experiment.
    num_workers: the number of worker processes.
    seed: the seed of the environments and of the actions' noise.

  Returns:
    The pool of the environments.
  """
  return pool_factory.make_pool(
      config.suite,
      envs_per_task=config.agent_config.envs_per_task,
      unroll_length=config.agent_config.unroll_length,
      num_workers=num_workers,
      seed=seed,
      env_timeout_s=config.env_timeout_s,
      train_episode_steps=config.train_episode_steps,
      random_start_steps=config.random_start_steps,
  )


def prepare(config: ExperimentConfig, num_actors: int = 0) -> None:
  """Writes the config of a run into its directory.

  If the run is to be resumed, it checks instead that the config is the same,
  and adds the current versions of the packages to those in the directory.

  Args:
    config: the description of the experiment.
    num_actors: the number of actors of a program; 0 if there is no program.

  Raises:
    ValueError: if the run to resume has another config, or one of its files
      cannot be read.
  """
  description = {
      **describe(config),
      'num_actors': num_actors,
      'is_program': num_actors > 0,
  }
  if config.run_dir.resume:
    _refuse_other_run(config, description)
    config.run_dir.check_tables()
    versions = {'resumed': [], **config.run_dir.read_json('versions.json')}
    if not isinstance(versions['resumed'], list):
      raise ValueError(
          f'cannot read {config.run_dir.path}/versions.json: resumed is '
          f'{versions["resumed"]!r}; want the list that the run wrote.'
      )
    versions['resumed'].append(
        {'num_env_steps': config.num_env_steps, **run_directory.versions()}
    )
    config.run_dir.write_json('versions.json', versions)
  else:
    config.run_dir.write_json(
        'versions.json', {**run_directory.versions(), **config.suite.info}
    )
    # It is written last, because a directory with this file has a run to
    # resume.
    config.run_dir.write_json('config.json', description)


def is_due(config: ExperimentConfig, every: int, before: int, now: int) -> bool:
  """Returns whether an evaluation or a checkpoint is due.

  Args:
    config: the description of the experiment.
    every: the number of environment steps between two of them.
    before: the number of environment steps at the last check.
    now: the number of environment steps now.

  Returns:
    True if a multiple of `every` lies in (before, now], or the run is at its
    end.
  """
  return now // every > before // every or now >= config.num_env_steps


def describe(config: ExperimentConfig) -> Dict[str, Any]:
  """Returns the description of an experiment as a dictionary for JSON."""
  return {
      'agent': config.agent,
      'agent_config': dataclasses.asdict(config.agent_config),
      'suite': config.suite.name,
      'suite_info': dict(config.suite.info),
      'tasks': [f'{task.name} ({task.split})' for task in config.suite.tasks],
      'seed': config.seed,
      'num_env_steps': config.num_env_steps,
      'train_episode_steps': config.train_episode_steps,
      'random_start_steps': config.random_start_steps,
      'num_workers': config.num_workers,
      'evaluate_every': config.evaluate_every,
      'evaluation_episodes': config.evaluation_episodes,
      'checkpoint_every': config.checkpoint_every,
      'film_every': config.film_every,
  }


def _refuse_other_run(config: ExperimentConfig, here: Dict[str, Any]) -> None:
  """Raises a ValueError if the run to resume was made with another config."""
  run_dir = config.run_dir
  there = json_files.read_config(run_dir.path, agent_config=dict)
  # A run from before a field was added was trained with the field's default.
  defaults = {
      field.name: field.default
      for field in dataclasses.fields(config.agent_config)
      if field.default is not dataclasses.MISSING
  }
  there['agent_config'] = {**defaults, **there['agent_config']}
  # JSON has no tuples, so both sides are compared as JSON reads them.
  there, here = json.loads(json.dumps([there, here]))
  for content in (there, here):
    content.update(content.pop('agent_config', {}))
    for name in _MAY_CHANGE:
      content.pop(name, None)
  if here.get('agent') != there.get('agent'):
    raise ValueError(
        f'cannot resume the run in {run_dir.path}: it is a run of '
        f'{there.get("agent")}, and this is {here.get("agent")}.'
    )
  differences = [
      f'{name} is {here.get(name)!r} and was {there.get(name)!r}'
      for name in sorted(set(there) | set(here))
      if there.get(name) != here.get(name)
  ]
  if differences:
    raise ValueError(
        f'cannot resume the run in {run_dir.path} with another config: '
        + '; '.join(differences)
        + f'. The flags it had are in {run_dir.path}/flags.cfg.'
    )
