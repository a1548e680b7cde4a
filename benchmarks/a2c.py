"""Compares A2C on HalfCheetah with stable-baselines3's, at equal settings.

  python benchmarks/a2c.py

Both have 16, 64 or 256 environments, 5 steps of each in an update, two layers
of 64 units and RMSprop. Ours runs as launchers/run_a2c.py does, with replay and
on all cores: on one body, and with six agents on six bodies, which shows the
cost of more tasks. Theirs uses `DummyVecEnv`, which steps in one process, as
they advise for quick environments.
"""

import dataclasses
import functools
import pathlib
import tempfile
import time
from typing import Callable, List, Tuple

import bench_report
from distillery.agents.core import config_fields
from distillery.environments.half_cheetah import batch as cheetah_batch
from distillery.environments.half_cheetah import bodies
from distillery.launchers.common import flag_utils
import launcher_runs

_BODY = 'SmallFoot'
_STEPS = 5
_SIX = 'six agents of six bodies, {} each'
_OURS = 'one body, {} environments'
_THEIRS = "stable-baselines3's, {} environments"
# The first blocks compile the learner's step.
_WARM_UP_BLOCKS = 50


@dataclasses.dataclass(frozen=True)
class A2COptions:
  """The options of the measurement."""

  num_envs: Tuple[int, ...] = config_fields.field(
      (16, 64, 256),
      'The numbers of environments of one body to measure. The six agents '
      'have the first number each.',
      config_fields.POSITIVE,
  )
  bench_env_steps: int = config_fields.field(
      300_000,
      'The environment steps of one of our runs.',
      config_fields.POSITIVE,
  )
  peer_steps: int = config_fields.field(
      64_000,
      'The environment steps of stable-baselines3 in a repetition.',
      config_fields.POSITIVE,
  )
  repetitions: int = config_fields.field(
      5,
      'How often each is measured, one after the other.',
      config_fields.POSITIVE,
  )
  time_limit_s: float = config_fields.field(
      240.0,
      'The seconds after which one of our runs is stopped.',
      config_fields.POSITIVE,
  )
  output: str = bench_report.output_field('a2c')

  def __post_init__(self):
    config_fields.check_fields(self)


def our_rate(options: A2COptions, suite: str, num_envs: int) -> float:
  """Returns the environment steps a second of a run of the launcher.

  Args:
    options: the options of the measurement.
    suite: the name of the suite.
    num_envs: the number of environments of each task.

  Raises:
    launcher_runs.RunError: if the run fails or takes too long.
  """
  with tempfile.TemporaryDirectory() as folder:
    rows, _ = launcher_runs.run(
        'run_a2c.py',
        'launchers/flags/a2c_half_cheetah_scratch.cfg',
        [
            f'--suite={suite}',
            f'--envs_per_task={num_envs}',
            f'--num_env_steps={options.bench_env_steps}',
            f'--evaluate_every={options.bench_env_steps}',
            f'--checkpoint_every={options.bench_env_steps}',
        ],
        pathlib.Path(folder) / 'run',
        options.time_limit_s,
    )
  return launcher_runs.whole_rate(rows[_WARM_UP_BLOCKS:])


def peer_rate(options: A2COptions, num_envs: int) -> Callable[[], float]:
  """Makes stable-baselines3's A2C on the same body.

  Args:
    options: the options of the measurement.
    num_envs: the number of environments.

  Returns:
    A function that measures its environment steps a second.
  """
  import gymnasium
  from gymnasium import wrappers
  import stable_baselines3
  from stable_baselines3.common import vec_env

  def make() -> gymnasium.Env:
    return wrappers.TimeLimit(bodies.make_cheetah(_BODY), cheetah_batch.HORIZON)

  environments = vec_env.DummyVecEnv([make] * num_envs)
  agent = stable_baselines3.A2C(
      'MlpPolicy',
      vec_env.VecNormalize(environments, norm_reward=False),
      n_steps=_STEPS,
      learning_rate=7e-4,
      ent_coef=0.01,
      device='cpu',
      policy_kwargs=dict(net_arch=[64, 64]),
      seed=0,
  )
  agent.learn(num_envs * _STEPS * _WARM_UP_BLOCKS)

  def rate() -> float:
    begin = time.perf_counter()
    agent.learn(options.peer_steps)
    return options.peer_steps / (time.perf_counter() - begin)

  return rate


_OPTIONS = flag_utils.define(A2COptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  first = options.num_envs[0]
  measures = {
      _SIX.format(first): functools.partial(
          our_rate, options, 'HALF_CHEETAH', first
      )
  }
  for count in options.num_envs:
    measures[_OURS.format(count)] = functools.partial(
        our_rate, options, f'HALF_CHEETAH/{_BODY}', count
    )
    measures[_THEIRS.format(count)] = peer_rate(options, count)
  values = {name: [] for name in measures}
  for _ in range(options.repetitions):
    for name, measure in measures.items():
      values[name].append(measure())
  figures = {
      name: bench_report.Figure(name, 'steps/s', of_name)
      for name, of_name in values.items()
  }
  ratios = [
      bench_report.ratio(
          f'{count} environments : theirs',
          figures[_OURS.format(count)],
          figures[_THEIRS.format(count)],
      )
      for count in options.num_envs
  ]
  bench_report.report('A2C', [*figures.values(), *ratios], options.output)


if __name__ == '__main__':
  flag_utils.run(main, errors=(launcher_runs.RunError,))
