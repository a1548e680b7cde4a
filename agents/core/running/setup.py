"""Describes an experiment, and prepares its parts and its run directory.

Imports no TensorFlow.
"""

import dataclasses
import functools
import json
from typing import Any, Callable, ClassVar, Dict, Optional, Protocol, Type

from distillery.agents.core import builders
from distillery.agents.core import config_fields
from distillery.agents.core import run_directory
from distillery.agents.core import specs
from distillery.environments import base
from distillery.environments import pickling
from distillery.environments.pool import factory as pool_factory
from distillery.environments.pool import process_pool

# What a resumed run may have otherwise than the run it goes on with.
_MAY_CHANGE = ('num_env_steps', 'num_workers', 'num_actors')


# Takes the tasks' spec, the agent's config and a seed; returns networks.
MakeNetworks = Callable[[specs.AgentSpec, Any, int], Any]


class AgentConfig(Protocol):
  """What every agent's frozen config dataclass has, besides its own."""

  # A dataclass is known by it.
  __dataclass_fields__: ClassVar[Dict[str, Any]]
  envs_per_task: int
  unroll_length: int


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
  """An experiment: an agent, tasks, and for how long.

  Attributes:
    agent: its name, for the records.
    agent_config: the agent's frozen dataclass.
    make_builder: the class of the agent's `builders.Builder`.
    suite: the tasks; the agent trains on those of the training split.
    seed: of everything random, but for what is sampled from a replay.
    num_env_steps: environment steps of all tasks together; the run ends with
      the block that reaches them.
    run_dir: where everything is written; opened with `resume` to go on with the
      run in it.
    num_workers: processes that step environments.
    evaluate_every: environment steps between evaluations.
    evaluation_episodes: per task and evaluation.
    checkpoint_every: environment steps between checkpoints.
    device: where the learner computes: 'auto', on a GPU if there is one, or
      'cpu'.
    env_timeout_s: an environment that takes longer to be made, to reset or to
      step is reported as hanging, and ends the run, or its node of a program.
      Of no effect in suites that are stepped as arrays.
    make_networks: makes the networks instead of the builder's own
      `make_networks`, from what the tasks are, `agent_config` and a seed. They
      have the parts that the agent's learner and `make_policy` use. None: the
      builder makes them.
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
  device: str = 'auto'
  env_timeout_s: float = process_pool.ENV_TIMEOUT_S
  make_networks: Optional[MakeNetworks] = None

  def __post_init__(self):
    try:
      config_fields.require(
          self,
          config_fields.POSITIVE,
          'num_env_steps',
          'num_workers',
          'evaluate_every',
          'evaluation_episodes',
          'checkpoint_every',
          'env_timeout_s',
      )
      if not 0 <= self.seed < 2**32:
        raise ValueError(f'seed must be in [0, 2**32), got {self.seed}.')
    except ValueError:
      with self.run_dir.kept_once_stepped():  # It was made for this run.
        raise


def make_builder(config: ExperimentConfig) -> builders.Builder:
  """Returns the builder of an experiment's agent.

  Raises:
    ValueError: if agent and suite do not fit.
  """
  spec = agent_spec(config.suite)
  builder = config.make_builder(config.agent_config, spec)
  if config.make_networks is not None:
    # On the instance: whoever asks this builder for networks gets these.
    builder.make_networks = functools.partial(  # type: ignore[method-assign]
        config.make_networks, spec, config.agent_config
    )
  return builder


def check_tasks(suite: base.TaskSuite) -> None:
  """Checks that worker processes can make the tasks, those held out too.

  Raises:
    ValueError: if not; names the task.
  """
  if suite.make_batch is None:
    for task in suite.tasks:
      pickling.dump(task, f'task {task.name!r}')


def agent_spec(suite: base.TaskSuite) -> specs.AgentSpec:
  """What an agent needs to know of a suite."""
  return specs.AgentSpec(
      num_tasks=len(suite.train_tasks),
      num_test_tasks=len(suite.test_tasks),
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
      horizon=suite.horizon,
      image_shape=suite.image_shape,
      task_names=tuple(task.name for task in suite.train_tasks),
      families=tuple(task.family for task in suite.train_tasks),
  )


def make_pool(
    config: ExperimentConfig, num_workers: int, seed: int
) -> pool_factory.AnyPool:
  """Environments of the tasks that an experiment trains on."""
  return pool_factory.make_pool(
      config.suite,
      envs_per_task=config.agent_config.envs_per_task,
      unroll_length=config.agent_config.unroll_length,
      num_workers=num_workers,
      seed=seed,
      env_timeout_s=config.env_timeout_s,
  )


def prepare(config: ExperimentConfig, num_actors: int = 0) -> None:
  """Writes down what a run is, or checks that it is the one to go on with.

  Args:
    config: of the run.
    num_actors: of a program; 0: it runs in one process.

  Raises:
    ValueError: if the run to resume is another one.
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
    # The last: with it there is a run to resume.
    config.run_dir.write_json('config.json', description)


def is_due(config: ExperimentConfig, every: int, before: int, now: int) -> bool:
  """Whether, since `before`, a multiple of `every` was crossed, or the end."""
  return now // every > before // every or now >= config.num_env_steps


def describe(config: ExperimentConfig) -> Dict[str, Any]:
  """The resolved config, as JSON."""
  return {
      'agent': config.agent,
      'agent_config': dataclasses.asdict(config.agent_config),
      'suite': config.suite.name,
      'suite_info': dict(config.suite.info),
      'tasks': [f'{task.name} ({task.split})' for task in config.suite.tasks],
      'seed': config.seed,
      'num_env_steps': config.num_env_steps,
      'num_workers': config.num_workers,
      'evaluate_every': config.evaluate_every,
      'evaluation_episodes': config.evaluation_episodes,
      'checkpoint_every': config.checkpoint_every,
  }


def _refuse_other_run(config: ExperimentConfig, here: Dict[str, Any]) -> None:
  """Refuses to resume with a config that would have given another run."""
  run_dir = config.run_dir
  there = run_dir.read_json('config.json', agent_config=dict)
  # A run that is older than a field of the config was trained with its default.
  defaults = {
      field.name: field.default
      for field in dataclasses.fields(config.agent_config)
      if field.default is not dataclasses.MISSING
  }
  there['agent_config'] = {**defaults, **there['agent_config']}
  # As JSON has it: tuples are lists.
  there, here = json.loads(json.dumps([there, here]))
  for content in (there, here):
    content.update(content.pop('agent_config', {}))
    for name in _MAY_CHANGE:
      content.pop(name, None)
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
