"""Compares trust-region updates and training with stable-baselines' TRPO.

  python benchmarks/trust_regions.py

Needs the extra [bench]. Both sides have the same batch, policy network, number
of conjugate gradient steps and trust region. Each repetition measures one after
the other. The critics differ: ours is a ridge regression, theirs a network
trained by ten passes of Adam. In training, ours has two worker processes,
theirs none.
"""

import dataclasses
import itertools
import pathlib
import tempfile
import time
from typing import Any, Callable, Dict, List

import bench_report
from distillery.agents.core import config_fields
from distillery.launchers.common import flag_utils
import launcher_runs
import numpy as np
import peer_trpo

_TIME_LIMIT_S = 300.0


@dataclasses.dataclass(frozen=True)
class TrustRegionOptions:
  """The options of the measurement."""

  batch_size: int = config_fields.field(
      20_000, 'The environment steps of an update.', config_fields.POSITIVE
  )
  repetitions: int = config_fields.field(
      7, 'How often each update is measured.', config_fields.POSITIVE
  )
  train_updates: int = config_fields.field(
      4,
      'The updates of the training runs, without the first one, which is not '
      'counted.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('trust_regions')

  def __post_init__(self):
    config_fields.check_fields(self)


def our_learners(batch_size: int) -> Dict[str, Callable[[], None]]:
  """Makes TRPO's and DnC's learners on a random block of ten tasks.

  Returns:
    The learners' steps by name, and the update of TRPO's policy alone.
  """
  from distillery.agents.core import specs as core_specs
  from distillery.agents.dnc import builder as dnc_builder
  from distillery.agents.dnc import config as dnc_config
  from distillery.agents.dnc import learning as dnc_learning
  from distillery.agents.trpo import builder as trpo_builder
  from distillery.agents.trpo import config as trpo_config
  from distillery.agents.trpo import learning as trpo_learning
  from dm_env import specs

  spec = core_specs.AgentSpec(
      peer_trpo.NUM_TASKS,
      0,
      specs.Array((peer_trpo.OBSERVATION_SIZE,), np.float32),
      specs.BoundedArray((peer_trpo.ACTION_SIZE,), np.float32, -1.0, 1.0),
  )
  settings = dict(
      envs_per_task=1,
      unroll_length=batch_size // peer_trpo.NUM_TASKS,
      hidden_sizes=peer_trpo.HIDDEN,
      cg_iterations=peer_trpo.CG_STEPS,
      max_kl=peer_trpo.MAX_KL,
      damping=peer_trpo.DAMPING,
      discount=peer_trpo.DISCOUNT,
      gae_lambda=peer_trpo.LAMBDA,
  )
  block = random_block(batch_size // peer_trpo.NUM_TASKS)
  steps = {}
  for name, builder, config, learner, batch in (
      (
          'TRPO',
          trpo_builder.TRPOBuilder,
          trpo_config.TRPOConfig(**settings),
          trpo_learning.TRPOLearner,
          block,
      ),
      # Without distillation, which comes only once in twenty updates.
      (
          'DnC',
          dnc_builder.DnCBuilder,
          dnc_config.DnCConfig(
              **settings,
              distillation_period=10**6,
              distillation_minibatches=1,
              penalty_states=min(500, batch_size // peer_trpo.NUM_TASKS),
          ),
          dnc_learning.DnCLearner,
          {'task': block},
      ),
  ):
    networks = builder(config, spec).make_networks(seed=0)
    more = {'checkpointables': {}} if name == 'TRPO' else {}
    steps[name] = learner(
        config, networks, 0, iterator=itertools.repeat(batch), **more
    ).step
    if name == 'TRPO':
      steps['policy'] = policy_update(config, networks.policy, block)
  return steps


def policy_update(config, policy, block) -> Callable[[], None]:
  """Returns a function that makes TRPO's update of the policy alone.

  Args:
    config: the settings of TRPO.
    policy: the policy to update.
    block: the block of the ten tasks; its rewards stand for advantages.
  """
  from distillery.ops import policy_gradient
  from distillery.ops.trust_region import regions
  from distillery.ops.trust_region import step as trust_region
  import tensorflow as tf

  samples = block.samples()

  @tf.function
  def update():
    return trust_region.trust_region_step(
        policy.shared_variables(),
        policy=lambda: policy.shared(samples.observation),
        # Rewards stand for advantages.
        loss=lambda new: regions.mean(
            policy_gradient.surrogate(
                new.log_prob(samples.action), samples.log_prob, samples.reward
            ),
            1,
        ),
        max_kl=config.max_kl,
        damping=config.damping,
        cg_iterations=config.cg_iterations,
        backtrack_ratio=config.backtrack_ratio,
        max_backtracks=config.max_backtracks,
        num_regions=1,
        project=policy.project,
    ).kl

  return lambda: update().numpy()


def random_block(num_steps: int) -> Any:
  """Returns a random `blocks.Block`: one episode of one environment a task."""
  from distillery.agents.core.replay import blocks
  import tensorflow as tf

  rng = np.random.default_rng(0)
  shape = (peer_trpo.NUM_TASKS, num_steps, 1)

  def normal(*size):
    return rng.normal(size=shape + size).astype(np.float32)

  action = normal(peer_trpo.ACTION_SIZE)
  ends = np.zeros(shape, bool)
  ends[:, -1] = True
  block = {
      'observation': normal(peer_trpo.OBSERVATION_SIZE),
      'next_observation': normal(peer_trpo.OBSERVATION_SIZE),
      'action': action,
      # The density of a standard normal, which a new policy nearly has.
      'log_prob': (-0.5 * np.square(action) - 0.5 * np.log(2 * np.pi))
      .sum(-1)
      .astype(np.float32),
      'reward': normal(),
      'discount': np.ones(shape, np.float32),
      'episode_step': np.broadcast_to(
          np.arange(num_steps, dtype=np.int32)[:, np.newaxis], shape
      ),
      'episode_end': ends,
      'success': np.zeros(shape, bool),
  }
  return blocks.Block(
      **{name: tf.constant(array) for name, array in block.items()}
  )


def seconds(step: Callable[[], None]) -> float:
  """Returns the wall time of one call in seconds."""
  begin = time.perf_counter()
  step()
  return time.perf_counter() - begin


def update_figures(options: TrustRegionOptions) -> List[bench_report.Figure]:
  """Measures updates of ours and of stable-baselines in turns."""
  ours = our_learners(options.batch_size)
  steps = {
      'TRPO update, policy alone': ours['policy'],
      'TRPO update, critic included': ours['TRPO'],
      'DnC update of ten contexts, critic included': ours['DnC'],
      "stable-baselines' TRPO update, policy alone": peer_trpo.update(
          options.batch_size, critic_passes=0
      ),
      "stable-baselines' TRPO update, critic included": peer_trpo.update(
          options.batch_size, critic_passes=10
      ),
  }
  for step in steps.values():  # The first call compiles and allocates memory.
    step()
  values: Dict[str, List[float]] = {name: [] for name in steps}
  for _ in range(options.repetitions):
    for name, step in steps.items():
      values[name].append(seconds(step))
  figures = [bench_report.Figure(name, 's', values[name]) for name in steps]
  policy, trpo, dnc, peer_policy, peer_whole = figures
  return figures + [
      bench_report.ratio(
          'stable-baselines : TRPO, policies alone', peer_policy, policy
      ),
      bench_report.ratio(
          'stable-baselines : TRPO, critics included', peer_whole, trpo
      ),
      bench_report.ratio('DnC update : TRPO update', dnc, trpo),
  ]


def our_training(options: TrustRegionOptions) -> bench_report.Figure:
  """Measures run_trpo.py on MT10, started as a user does."""
  num_env_steps = options.batch_size * (1 + options.train_updates)
  with tempfile.TemporaryDirectory() as folder:
    rows, _ = launcher_runs.run(
        'run_trpo.py',
        'launchers/flags/trpo_mt10.cfg',
        [
            f'--num_env_steps={num_env_steps}',
            f'--evaluate_every={10 * num_env_steps}',
            '--envs_per_task=1',
            f'--unroll_length={options.batch_size // peer_trpo.NUM_TASKS}',
        ],
        pathlib.Path(folder) / 'run',
        _TIME_LIMIT_S,
    )
  return bench_report.Figure(
      'TRPO on MT10, end to end',
      'steps/s',
      [float(row['steps_per_s']) for row in rows[1:]],
  )


_OPTIONS = flag_utils.define(TrustRegionOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  figures = update_figures(options)
  ours = our_training(options)
  peer = bench_report.Figure(
      "stable-baselines' TRPO on MT10, end to end",
      'steps/s',
      peer_trpo.train(options.batch_size, options.train_updates),
  )
  bench_report.report(
      'Trust regions',
      figures
      + [
          ours,
          peer,
          bench_report.ratio('TRPO end to end : stable-baselines', ours, peer),
      ],
      options.output,
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=(launcher_runs.RunError,))
