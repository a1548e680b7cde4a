"""Seeds of environments, episodes and noise.

None of them depends on the number of workers, so that the data of a run do
not either.
"""

import numpy as np

# Streams of random numbers; one apart from the others whatever their indices.
(
    _ENVIRONMENT,
    _EPISODE,
    _NOISE,
    _EVALUATION_ENVIRONMENT,
    _EVALUATION,
    _EVALUATION_NOISE,
) = range(6)


def _sequence(seed: int, *key: int) -> np.random.SeedSequence:
  return np.random.SeedSequence(seed, spawn_key=key)


def _seed(seed: int, *key: int) -> int:
  # 31 bits: some simulators take no more.
  return int(_sequence(seed, *key).generate_state(1)[0] >> 1)


def environment_seed(seed: int, task: int, environment: int) -> int:
  """What the factory of a training environment is given."""
  return _seed(seed, _ENVIRONMENT, task, environment)


def episode_seed(seed: int, task: int, environment: int, episode: int) -> int:
  """What `reset` of a training environment is given."""
  return _seed(seed, _EPISODE, task, environment, episode)


def evaluation_environment_seed(seed: int, task: int) -> int:
  """What the factory of an evaluation environment is given."""
  return _seed(seed, _EVALUATION_ENVIRONMENT, task)


def evaluation_seed(seed: int, task: int, episode: int) -> int:
  """What `reset` of an evaluation environment is given."""
  return _seed(seed, _EVALUATION, task, episode)


def noise_generator(
    seed: int, task: int, environment: int, block: int
) -> np.random.Generator:
  """Draws the noise with which one environment acts in one block."""
  return np.random.default_rng(
      _sequence(seed, _NOISE, task, environment, block)
  )


def evaluation_noise_generator(
    seed: int, task: int, episode: int
) -> np.random.Generator:
  """Draws the noise of one evaluation episode."""
  return np.random.default_rng(
      _sequence(seed, _EVALUATION_NOISE, task, episode)
  )
