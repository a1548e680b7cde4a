"""Compares how fast our pool and `gym.make_vec` collect MT10.

  python benchmarks/collection.py

All ways step the same ten tasks, resets included, one after the other in each
repetition. The same untrained Distral policy acts, in NumPy. The pool stores
what it collects, while `make_vec` only steps.
"""

import contextlib
import dataclasses
import multiprocessing
import time
from typing import Any, Callable, Dict, List, Tuple

import bench_report
from distillery.agents.core import config_fields
from distillery.environments import suites
from distillery.environments.pool import process_pool
from distillery.launchers.common import flag_utils
import numpy as np

_ENVS_PER_TASK = 2
_EPISODE_LENGTH = 500


@dataclasses.dataclass(frozen=True)
class CollectionOptions:
  """The options of the measurement."""

  repetitions: int = config_fields.field(
      7, 'How often each way is measured.', config_fields.POSITIVE
  )
  unroll_length: int = config_fields.field(
      _EPISODE_LENGTH,
      'The steps of each environment in a repetition.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('collection')

  def __post_init__(self):
    config_fields.check_fields(self)


def make_policy() -> Tuple[Any, Dict[str, np.ndarray]]:
  """Returns Distral's untrained policy for MT10, and its parameters by name."""
  from distillery.agents.core import specs
  from distillery.distributed import quiet

  quiet.quiet_tensorflow()
  from distillery.agents.distral import builder as distral_builder
  from distillery.agents.distral import config as distral_config

  suite = suites.make_suite('MT10', seed=0)
  builder = distral_builder.DistralBuilder(
      distral_config.DistralConfig(),
      specs.AgentSpec(
          num_tasks=len(suite.train_tasks),
          num_test_tasks=len(suite.test_tasks),
          observation_spec=suite.observation_spec,
          action_spec=suite.action_spec,
      ),
  )
  networks = builder.make_networks(seed=0)
  parameters = networks.policy.acting_variables()
  return (
      builder.make_policy(networks, 'task'),
      {name: variable.numpy() for name, variable in parameters.items()},
  )


class PoolWay:
  """A way to collect: our pool."""

  def __init__(self, num_workers: int, unroll_length: int, policy, parameters):
    """Starts the pool, waits until it is ready, and measures the time.

    Args:
      num_workers: the number of worker processes.
      unroll_length: the steps of each environment in a measurement.
      policy: the policy that acts.
      parameters: its parameters by name.
    """
    self.name = f'pool, {num_workers} worker' + 's' * (num_workers > 1)
    suite = suites.make_suite('MT10', seed=0)
    self._steps = len(suite.train_tasks) * _ENVS_PER_TASK * unroll_length
    others = bench_report.children()
    begin = time.perf_counter()
    self._pool = process_pool.Pool(
        suite.train_tasks,
        envs_per_task=_ENVS_PER_TASK,
        unroll_length=unroll_length,
        num_workers=num_workers,
        seed=0,
        observation_spec=suite.observation_spec,
        action_spec=suite.action_spec,
    )
    self._pool.wait_until_ready()
    self.ready_s = time.perf_counter() - begin
    self.pids = bench_report.children() - others
    self._pool.set_policy(policy, parameters)

  def measure(self) -> float:
    """Collects a block; returns the environment steps a second."""
    begin = time.perf_counter()
    self._pool.collect()
    return self._steps / (time.perf_counter() - begin)

  def close(self) -> None:
    """Ends the workers."""
    self._pool.close()


class MakeVecWay:
  """A way to collect: Gymnasium's vector environment of Meta-World."""

  def __init__(self, strategy: str, unroll_length: int, policy, parameters):
    """Makes the environments, resets them, and measures the time.

    Args:
      strategy: the vector strategy, 'async' or 'sync'.
      unroll_length: the steps of each environment in a measurement.
      policy: the policy that acts.
      parameters: its parameters by name.
    """
    import gymnasium
    import metaworld  # noqa: F401  (registers its environments)

    self.name = f'make_vec, {strategy}'
    self._policy, self._unroll_length = policy, unroll_length
    others = bench_report.children()
    begin = time.perf_counter()
    self._envs = gymnasium.make_vec(
        'Meta-World/MT10', vector_strategy=strategy, seed=0
    )
    self._observation, _ = self._envs.reset()
    self.ready_s = time.perf_counter() - begin
    self.pids = bench_report.children() - others
    num_envs = self._envs.num_envs
    self._size = parameters['task/mean'].shape[-1]
    self._selected = policy.select_tasks(parameters, np.arange(num_envs))
    self._steps = num_envs * unroll_length
    self._rng = np.random.default_rng(0)

  def measure(self) -> float:
    """Steps as often as the pool; returns the environment steps a second."""
    num_envs = self._envs.num_envs
    noise = self._policy.draw_noise(
        self._rng, self._unroll_length, range(num_envs)
    )
    begin = time.perf_counter()
    for t in range(self._unroll_length):
      # The task's one-hot may follow the observation.
      rows = self._observation[:, np.newaxis, : self._size].astype(np.float32)
      action, _ = self._policy.sample(
          self._selected, rows, noise[t][:, np.newaxis]
      )
      self._observation = self._envs.step(np.clip(action[:, 0], -1.0, 1.0))[0]
    return self._steps / (time.perf_counter() - begin)

  def close(self) -> None:
    """Closes the environments."""
    self._envs.close()


def measure_all(options: CollectionOptions) -> List[bench_report.Figure]:
  """Builds all ways, measures them in turns, and returns the figures."""
  # TensorFlow is loaded in another process, as `make_vec` forks this one.
  with multiprocessing.get_context('spawn').Pool(1) as process:
    policy, parameters = process.apply(make_policy)
  makers: List[Callable[[], Any]] = [
      lambda: PoolWay(1, options.unroll_length, policy, parameters),
      lambda: PoolWay(2, options.unroll_length, policy, parameters),
      lambda: MakeVecWay('async', options.unroll_length, policy, parameters),
      lambda: MakeVecWay('sync', options.unroll_length, policy, parameters),
  ]
  with contextlib.ExitStack() as stack:
    ways = []
    for make in makers:
      ways.append(make())
      stack.callback(ways[-1].close)
    rates: List[List[float]] = [[] for _ in ways]
    for way in ways:
      way.measure()  # The first use loads code and memory.
    for repetition in range(options.repetitions):
      for i in range(len(ways)):  # Each repetition begins with another way.
        i = (i + repetition) % len(ways)
        rates[i].append(ways[i].measure())
    return _figures(ways, rates)


def _figures(ways, rates) -> List[bench_report.Figure]:
  speed = [
      bench_report.Figure(way.name, 'steps/s', values)
      for way, values in zip(ways, rates)
  ]
  one, two, vec_async, vec_sync = speed
  figures = [
      *speed,
      bench_report.ratio('pool, 2 workers : 1 worker', two, one),
      bench_report.ratio('pool, 2 workers : make_vec async', two, vec_async),
      bench_report.ratio('pool, 2 workers : make_vec sync', two, vec_sync),
  ]
  for way in ways:
    figures.append(
        bench_report.Figure(f'{way.name}: until ready', 's', [way.ready_s])
    )
    for kind in ('Rss', 'Pss') if way.pids else ():
      figures.append(
          bench_report.Figure(
              f'{way.name}: {kind.upper()} of a worker',
              'MB',
              bench_report.memory_mb(way.pids, kind),
          )
      )
  return figures


_OPTIONS = flag_utils.define(CollectionOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  bench_report.report(
      'Collecting MT10, policy acting', measure_all(options), options.output
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=(process_pool.PoolError,))
