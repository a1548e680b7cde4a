"""Trust-region updates and training, beside stable-baselines' TRPO.

  python benchmarks/trust_regions.py

Needs the extra [bench]. Both sides take the same batch, network, conjugate
gradient steps and trust region; each repetition times one after the other.
"""

import dataclasses
import itertools
import pathlib
import tempfile
import time
from typing import Callable, Dict, List

import bench_report
from distillery.launchers import flag_utils
import launcher_runs
import numpy as np

_OBSERVATION_SIZE, _ACTION_SIZE = 39, 4  # Meta-World's.
_NUM_TASKS = 10
_HIDDEN = (150, 100, 50)
_CG_STEPS = 10
_TIME_LIMIT_S = 300.0
_MAX_KL, _DAMPING, _DISCOUNT, _LAMBDA = 0.01, 0.01, 0.99, 0.97


@dataclasses.dataclass(frozen=True)
class TrustRegionOptions:
  """What to measure.

  Attributes:
    batch_size: environment steps of an update.
    repetitions: how often each update is timed.
    train_updates: updates of the timed training runs, the first left out.
    output: the table to write.
  """

  batch_size: int = 20_000
  repetitions: int = 7
  train_updates: int = 4
  output: str = 'results/bench/trust_regions.csv'


def our_learners(batch_size: int) -> Dict[str, Callable[[], None]]:
  """Steps of TRPO's and DnC's learners on one random block of ten tasks."""
  from distillery.agents.core import builders  # pylint: disable=g-import-not-at-top
  from distillery.agents.dnc import builder as dnc_builder  # pylint: disable=g-import-not-at-top
  from distillery.agents.dnc import config as dnc_config  # pylint: disable=g-import-not-at-top
  from distillery.agents.dnc import learning as dnc_learning  # pylint: disable=g-import-not-at-top
  from distillery.agents.trpo import builder as trpo_builder  # pylint: disable=g-import-not-at-top
  from distillery.agents.trpo import config as trpo_config  # pylint: disable=g-import-not-at-top
  from distillery.agents.trpo import learning as trpo_learning  # pylint: disable=g-import-not-at-top
  from dm_env import specs  # pylint: disable=g-import-not-at-top
  spec = builders.AgentSpec(
      _NUM_TASKS, 0, specs.Array((_OBSERVATION_SIZE,), np.float32),
      specs.BoundedArray((_ACTION_SIZE,), np.float32, -1.0, 1.0))
  settings = dict(
      envs_per_task=1, unroll_length=batch_size // _NUM_TASKS,
      hidden_sizes=_HIDDEN, cg_iterations=_CG_STEPS, max_kl=_MAX_KL,
      damping=_DAMPING, discount=_DISCOUNT, gae_lambda=_LAMBDA)
  block = random_block(batch_size // _NUM_TASKS)
  steps = {}
  for name, builder, config, learner, batch in (
      ('TRPO', trpo_builder.TRPOBuilder, trpo_config.TRPOConfig(**settings),
       trpo_learning.TRPOLearner, block),
      # Never distilled here: that comes once in twenty updates.
      ('DnC', dnc_builder.DnCBuilder, dnc_config.DnCConfig(
          **settings, distillation_period=10**6,
          distillation_minibatches=1, penalty_states=min(
              500, batch_size // _NUM_TASKS)),
       dnc_learning.DnCLearner, {'task': block})):
    networks = builder(config, spec).make_networks(seed=0)
    more = {'checkpointables': {}} if name == 'TRPO' else {}
    steps[name] = learner(
        config, networks, 0, iterator=itertools.repeat(batch), **more).step
  return steps


def random_block(num_steps: int) -> Dict[str, np.ndarray]:
  """A block of one environment a task, of one episode."""
  import tensorflow as tf  # pylint: disable=g-import-not-at-top
  rng = np.random.default_rng(0)
  shape = (num_steps, _NUM_TASKS, 1)

  def normal(*size):
    return rng.normal(size=shape + size).astype(np.float32)

  action = normal(_ACTION_SIZE)
  ends = np.zeros(shape, bool)
  ends[-1] = True
  block = {
      'observation': normal(_OBSERVATION_SIZE),
      'next_observation': normal(_OBSERVATION_SIZE),
      'action': action,
      # Of a standard normal, which a fresh policy nearly is.
      'log_prob': (-0.5 * np.square(action) - 0.5 * np.log(2 * np.pi)).sum(
          -1).astype(np.float32),
      'reward': normal(), 'discount': np.ones(shape, np.float32),
      'episode_step': np.broadcast_to(
          np.arange(num_steps, dtype=np.int32)[:, np.newaxis, np.newaxis],
          shape),
      'episode_end': ends, 'success': np.zeros(shape, bool)}
  return {name: tf.constant(array) for name, array in block.items()}


def peer_model(env, num_steps: int, critic_passes: int):
  """stable-baselines' TRPO with the same settings."""
  try:
    import sb3_contrib  # pylint: disable=g-import-not-at-top
    import torch  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise ValueError(
        f'the peer cannot be imported ({error}); want the extra [bench]: '
        "pip install -c constraints.txt -e '.[bench]'") from None
  return sb3_contrib.TRPO(
      'MlpPolicy', env, n_steps=num_steps, batch_size=125, gamma=_DISCOUNT,
      gae_lambda=_LAMBDA, cg_max_steps=_CG_STEPS, cg_damping=_DAMPING,
      target_kl=_MAX_KL, n_critic_updates=critic_passes, seed=0, device='cpu',
      policy_kwargs=dict(net_arch=list(_HIDDEN), activation_fn=torch.nn.Tanh))


def peer_update(batch_size: int, critic_passes: int) -> Callable[[], None]:
  """stable-baselines' update on a full buffer of random numbers."""
  import gymnasium  # pylint: disable=g-import-not-at-top

  class Nothing(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(
        -np.inf, np.inf, (_OBSERVATION_SIZE,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (_ACTION_SIZE,), np.float32)

  model = peer_model(Nothing(), batch_size, critic_passes)
  from stable_baselines3.common import logger  # pylint: disable=g-import-not-at-top
  import torch  # pylint: disable=g-import-not-at-top
  model.set_logger(logger.Logger(None, []))
  rng = np.random.default_rng(0)
  buffer = model.rollout_buffer
  with torch.no_grad():
    observation = torch.as_tensor(rng.normal(
        size=(batch_size, _OBSERVATION_SIZE)).astype(np.float32))
    action, value, log_prob = model.policy(observation)
  for i in range(batch_size):
    buffer.add(observation[i:i + 1].numpy(), action[i:i + 1].numpy(),
               rng.normal(size=1), np.array([i == 0]), value[i:i + 1, 0],
               log_prob[i:i + 1])
  buffer.compute_returns_and_advantage(torch.zeros(1), np.array([True]))
  return model.train


def seconds(step: Callable[[], None]) -> float:
  """Wall time of one call."""
  begin = time.perf_counter()
  step()
  return time.perf_counter() - begin


def update_figures(options: TrustRegionOptions) -> List[bench_report.Figure]:
  """Updates of ours and of the peer, one after the other."""
  ours = our_learners(options.batch_size)
  steps = {
      'TRPO update, critic included': ours['TRPO'],
      'DnC update of ten contexts, critic included': ours['DnC'],
      "stable-baselines' TRPO update, policy alone": peer_update(
          options.batch_size, critic_passes=0),
      "stable-baselines' TRPO update, critic included": peer_update(
          options.batch_size, critic_passes=10),
  }
  for step in steps.values():  # Compiling, and first touches of memory.
    step()
  values: Dict[str, List[float]] = {name: [] for name in steps}
  for _ in range(options.repetitions):
    for name, step in steps.items():
      values[name].append(seconds(step))
  figures = [bench_report.Figure(name, 's', values[name]) for name in steps]
  trpo, dnc, peer_policy, peer_whole = figures
  return figures + [
      bench_report.ratio("stable-baselines, policy alone : TRPO, critic "
                         'included', peer_policy, trpo),
      bench_report.ratio('stable-baselines : TRPO, critics included',
                         peer_whole, trpo),
      bench_report.ratio('DnC update : TRPO update', dnc, trpo),
  ]


def our_training(options: TrustRegionOptions) -> bench_report.Figure:
  """run_trpo.py on MT10, as a user starts it."""
  num_env_steps = options.batch_size * (1 + options.train_updates)
  with tempfile.TemporaryDirectory() as folder:
    rows, _ = launcher_runs.run(
        'run_trpo.py', 'launchers/flags/trpo_mt10.cfg', [
            f'--num_env_steps={num_env_steps}',
            f'--evaluate_every={10 * num_env_steps}', '--envs_per_task=1',
            f'--unroll_length={options.batch_size // _NUM_TASKS}',
        ], pathlib.Path(folder) / 'run', _TIME_LIMIT_S)
  return bench_report.Figure(
      'TRPO on MT10, end to end', 'steps/s',
      [float(row['steps_per_s']) for row in rows[1:]])


def peer_training(options: TrustRegionOptions) -> bench_report.Figure:
  """stable-baselines' TRPO on MT10's ten environments in its process."""
  from distillery.environments import metaworld_names  # pylint: disable=g-import-not-at-top
  import gymnasium  # pylint: disable=g-import-not-at-top
  import metaworld  # noqa: F401  # Registers its environments.
  from stable_baselines3.common import vec_env  # pylint: disable=g-import-not-at-top

  env = vec_env.DummyVecEnv([
      lambda name=name: gymnasium.make('Meta-World/MT1', env_name=name)
      for name in metaworld_names.MULTI_TASK['MT10']])
  num_steps = options.batch_size // _NUM_TASKS
  model = peer_model(env, num_steps, critic_passes=10)
  values = []
  for i in range(1 + options.train_updates):
    elapsed = seconds(lambda: model.learn(
        options.batch_size, reset_num_timesteps=False))
    if i:
      values.append(options.batch_size / elapsed)
  env.close()
  return bench_report.Figure(
      "stable-baselines' TRPO on MT10, end to end", 'steps/s', values)


_OPTIONS = flag_utils.define(TrustRegionOptions)


def main(_: List[str]) -> None:
  """Measures and reports."""
  options = _OPTIONS.value()
  figures = update_figures(options)
  ours, peer = our_training(options), peer_training(options)
  bench_report.report('Trust regions', figures + [
      ours, peer, bench_report.ratio(
          'TRPO end to end : stable-baselines', ours, peer)], options.output)


if __name__ == '__main__':
  flag_utils.run(main, errors=(launcher_runs.RunError,))
