"""Compares DAMSEL's scene with MT10's simulators, and times meta-updates.

  python benchmarks/meta_learning.py

The pool collects both suites with uniformly random actions, a block of each in
each repetition. A meta-update has 16 tasks, each with 100 transitions of a
context and 256 of an expert (DAMSEL) or of replay (PEARL).
"""

import contextlib
import dataclasses
import itertools
import time
from typing import Callable, List

import bench_report
from distillery.agents.core import baselines
from distillery.agents.core import config_fields
from distillery.agents.core import specs
from distillery.environments import base
from distillery.environments import suites
from distillery.environments.pool import process_pool
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
import numpy as np


@dataclasses.dataclass(frozen=True)
class MetaLearningOptions:
  """The options of the measurement."""

  repetitions: int = config_fields.field(
      5, 'How often each thing is measured.', config_fields.POSITIVE
  )
  updates: int = config_fields.field(
      25, 'The number of updates in a learner step.', config_fields.POSITIVE
  )
  unroll_length: int = config_fields.field(
      150,
      'The steps of each environment in a repetition.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('meta_learning')

  def __post_init__(self):
    config_fields.check_fields(self)


def collection_figures(
    options: MetaLearningOptions,
) -> List[bench_report.Figure]:
  """Measures environment steps a second of both suites, and their ratio."""
  names = ('DAMSEL', 'MT10')
  rates: List[List[float]] = [[], []]
  with contextlib.ExitStack() as stack:
    open_pools = []
    for name in names:
      suite = suites.make_suite(name, seed=0)
      pool = stack.enter_context(
          process_pool.Pool(
              suite.train_tasks,
              envs_per_task=1,
              unroll_length=options.unroll_length,
              num_workers=run_options.usable_cores(),
              seed=0,
              observation_spec=suite.observation_spec,
              action_spec=suite.action_spec,
          )
      )
      pool.set_policy(baselines.random_policy(suite.action_spec), {})
      pool.collect()
      open_pools.append(pool)
    for _ in range(options.repetitions):
      for pool, values in zip(open_pools, rates):
        begin = time.perf_counter()
        num_steps = pool.collect()['reward'].size
        values.append(num_steps / (time.perf_counter() - begin))
  damsel, mt10 = (
      bench_report.Figure(f'collecting {name}', 'steps/s', values)
      for name, values in zip(names, rates)
  )
  return [damsel, mt10, bench_report.ratio('DAMSEL : MT10', damsel, mt10)]


def episodes(suite: base.TaskSuite, num: int, *width: int) -> np.ndarray:
  """Makes random episodes of the training tasks.

  Args:
    suite: the suite with K training tasks and a horizon of T steps.
    num: the number of episodes of each task.
    *width: the sizes of the fields of a step.

  Returns:
    Uniform numbers in [-1, 1], float32 `[K, num, T, sum(width)]`.
  """
  return (
      np.random.default_rng(0)
      .uniform(
          -1.0, 1.0, (len(suite.train_tasks), num, suite.horizon, sum(width))
      )
      .astype(np.float32)
  )


def damsel_step(
    spec: specs.AgentSpec, suite: base.TaskSuite, num_updates: int
) -> Callable[[], None]:
  """Makes DAMSEL's learner on random episodes.

  Args:
    spec: the spec of the agent.
    suite: the suite of the tasks.
    num_updates: the number of updates in a step.

  Returns:
    The learner's step.
  """
  from distillery.agents.damsel import builder
  from distillery.agents.damsel import config as damsel_config
  from distillery.agents.damsel import experts as damsel_experts
  from distillery.agents.damsel import learning
  from distillery.agents.damsel import networks
  import tensorflow as tf

  config = damsel_config.DamselConfig(updates_per_step=num_updates)
  (d,), (a,) = spec.observation_spec.shape, spec.action_spec.shape
  num = config.episodes_per_step
  experts = damsel_experts.Experts(
      episodes(suite, num, d), episodes(suite, num, a), {}
  )
  components = builder.components(
      spec.families, config.latent_size, single_prior=False
  )
  batch = {
      'context': tf.constant(episodes(suite, num, d, a, 1, 1, d)),
      'expert': tf.constant(episodes(suite, num, d, a)),
  }
  return learning.DamselLearner(
      config,
      networks.make_networks(spec, config, components, experts, seed=0),
      spec,
      0,
      iterator=itertools.repeat(batch),
  ).step


def pearl_step(
    spec: specs.AgentSpec, suite: base.TaskSuite, num_updates: int
) -> Callable[[], None]:
  """Makes PEARL's learner on random episodes.

  Args:
    spec: the spec of the agent.
    suite: the suite of the tasks.
    num_updates: the number of updates in a step.

  Returns:
    The learner's step.
  """
  from distillery.agents.pearl import config as pearl_config
  from distillery.agents.pearl import learning
  from distillery.agents.pearl import networks
  import tensorflow as tf

  config = pearl_config.PearlConfig(
      updates_per_step=num_updates,
      context_size=100,
      unroll_length=suite.horizon,
  )
  (d,), (a,) = spec.observation_spec.shape, spec.action_spec.shape
  batch = {
      name: tf.constant(episodes(suite, num, d, a, 1, 1, d))
      for name, num in (
          ('context', config.context_episodes),
          ('replay', config.episodes_per_step),
      )
  }
  return learning.PearlLearner(
      config,
      networks.make_networks(spec, config, seed=0),
      spec,
      0,
      iterator=itertools.repeat(batch),
  ).step


def update_figures(options: MetaLearningOptions) -> List[bench_report.Figure]:
  """Measures meta-updates a second, and the seconds of a thousand."""
  suite = suites.make_suite('DAMSEL', seed=0)
  families = tuple(task.family for task in suite.train_tasks)
  spec = specs.AgentSpec(
      len(families),
      0,
      suite.observation_spec,
      suite.action_spec,
      suite.horizon,
      families,
  )
  figures = []
  for name, make in (('DAMSEL', damsel_step), ('PEARL', pearl_step)):
    step = make(spec, suite, options.updates)
    step()  # The first step compiles and allocates memory.
    seconds = []
    for _ in range(options.repetitions):
      begin = time.perf_counter()
      step()
      seconds.append((time.perf_counter() - begin) / options.updates)
    figures += [
        bench_report.Figure(
            f'{name}, meta-updates',
            'updates/s',
            [1.0 / value for value in seconds],
        ),
        bench_report.Figure(
            f'{name}, 1,000 meta-updates',
            's',
            [1000.0 * value for value in seconds],
        ),
    ]
  return figures


_OPTIONS = flag_utils.define(MetaLearningOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  bench_report.report(
      'Meta-learning',
      collection_figures(options) + update_figures(options),
      options.output,
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=(process_pool.PoolError,))
