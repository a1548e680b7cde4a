"""Computes the seeds of environments, episodes and noise.

No seed depends on the number of workers. So the data of a run do not depend on
it either.
"""

import numpy as np

# The streams of random numbers, which are independent for all their indices.
(
    _ENVIRONMENT,
    _EPISODE,
    _NOISE,
    _EVALUATION_ENVIRONMENT,
    _EVALUATION,
    _EVALUATION_NOISE,
    _RANDOM_START,
) = range(7)


def _sequence(seed: int, *key: int) -> np.random.SeedSequence:
  return np.random.SeedSequence(seed, spawn_key=key)


def _seed(seed: int, *key: int) -> int:
  # The seed has 31 bits, as some simulators take no more.
  return int(_sequence(seed, *key).generate_state(1)[0] >> 1)


def environment_seed(seed: int, task: int, environment: int) -> int:
  """Returns the seed for the factory of a training environment.

  Args:
    seed: the seed of the pool.
    task: the index of the task.
    environment: the index of the environment among those of its task.

  Returns:
    The seed, in [0, 2**31).
  """
  return _seed(seed, _ENVIRONMENT, task, environment)


def episode_seed(seed: int, task: int, environment: int, episode: int) -> int:
  """Returns the seed for the `reset` of a training environment.

  Args:
    seed: the seed of the pool.
    task: the index of the task.
    environment: the index of the environment among those of its task.
    episode: the number of the episode among those of its environment.

  Returns:
    The seed, in [0, 2**31).
  """
  return _seed(seed, _EPISODE, task, environment, episode)


def random_start_generator(
    seed: int, task: int, environment: int, episode: int
) -> np.random.Generator:
  """Makes the generator of the random start of a training episode.

  Args:
    seed: the seed of the pool.
    task: the index of the task.
    environment: the index of the environment among those of its task.
    episode: the number of the episode among those of its environment.

  Returns:
    The generator.
  """
  return np.random.default_rng(
      _sequence(seed, _RANDOM_START, task, environment, episode)
  )


def evaluation_environment_seed(seed: int, task: int) -> int:
  """Returns the seed for the factory of an evaluation environment.

  Args:
    seed: the seed of the pool.
    task: the index of the task.

  Returns:
    The seed, in [0, 2**31).
  """
  return _seed(seed, _EVALUATION_ENVIRONMENT, task)


def evaluation_seed(seed: int, task: int, episode: int) -> int:
  """Returns the seed for the `reset` of an evaluation environment.

  Args:
    seed: the seed of the evaluation.
    task: the index of the task.
    episode: the number of the episode among those of the task.

  Returns:
    The seed, in [0, 2**31).
  """
  return _seed(seed, _EVALUATION, task, episode)


def noise_generator(
    seed: int, task: int, environment: int, block: int
) -> np.random.Generator:
  """Makes the generator of the noise for an environment's actions in a block.

  Args:
    seed: the seed of the pool.
    task: the index of the task.
    environment: the index of the environment among those of its task.
    block: the number of the block.

  Returns:
    The generator.
  """
  return np.random.default_rng(
      _sequence(seed, _NOISE, task, environment, block)
  )


def evaluation_noise_generator(
    seed: int, task: int, episode: int
) -> np.random.Generator:
  """Makes the generator of the noise for the actions of an evaluation episode.

  Args:
    seed: the seed of the evaluation.
    task: the index of the task.
    episode: the number of the episode among those of the task.

  Returns:
    The generator.
  """
  return np.random.default_rng(
      _sequence(seed, _EVALUATION_NOISE, task, episode)
  )
