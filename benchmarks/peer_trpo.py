"""Runs stable-baselines' TRPO, for comparison; has the settings of both.

Needs the extra [bench].
"""

import time
from typing import Callable, List

import numpy as np

OBSERVATION_SIZE, ACTION_SIZE = 39, 4  # The sizes of Meta-World.
NUM_TASKS = 10
HIDDEN = (150, 100, 50)
CG_STEPS = 10
MAX_KL, DAMPING, DISCOUNT, LAMBDA = 0.01, 0.01, 0.99, 0.97


def _model(env, num_steps: int, critic_passes: int):
  """Makes stable-baselines' TRPO with the same settings as ours."""
  try:
    import sb3_contrib
    import torch
  except ImportError as error:
    raise ValueError(
        f'the peer cannot be imported ({error}); want the extra [bench]: '
        "pip install -c constraints.txt -e '.[bench]'"
    ) from None
  return sb3_contrib.TRPO(
      'MlpPolicy',
      env,
      n_steps=num_steps,
      batch_size=125,
      gamma=DISCOUNT,
      gae_lambda=LAMBDA,
      cg_max_steps=CG_STEPS,
      cg_damping=DAMPING,
      target_kl=MAX_KL,
      n_critic_updates=critic_passes,
      seed=0,
      device='cpu',
      policy_kwargs=dict(net_arch=list(HIDDEN), activation_fn=torch.nn.Tanh),
  )


def update(batch_size: int, critic_passes: int) -> Callable[[], None]:
  """Makes stable-baselines' TRPO with a full buffer of random numbers.

  Args:
    batch_size: the number of steps in the buffer.
    critic_passes: the number of passes over the buffer that train the critic.

  Returns:
    A function that makes one update.
  """
  import gymnasium

  class Nothing(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(
        -np.inf, np.inf, (OBSERVATION_SIZE,), np.float32
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)

  model = _model(Nothing(), batch_size, critic_passes)
  from stable_baselines3.common import logger
  import torch

  model.set_logger(logger.Logger(None, []))
  rng = np.random.default_rng(0)
  buffer = model.rollout_buffer
  with torch.no_grad():
    observation = torch.as_tensor(
        rng.normal(size=(batch_size, OBSERVATION_SIZE)).astype(np.float32)
    )
    action, value, log_prob = model.policy(observation)
  for i in range(batch_size):
    buffer.add(
        observation[i : i + 1].numpy(),
        action[i : i + 1].numpy(),
        rng.normal(size=1),
        np.array([i == 0]),
        value[i : i + 1, 0],
        log_prob[i : i + 1],
    )
  buffer.compute_returns_and_advantage(torch.zeros(1), np.array([True]))
  return model.train


def train(batch_size: int, num_updates: int) -> List[float]:
  """Trains stable-baselines' TRPO on MT10's ten environments in one process.

  Args:
    batch_size: the environment steps of an update.
    num_updates: the number of updates to measure, after a first one.

  Returns:
    The environment steps a second of each update, without the first one.
  """
  from distillery.environments.metaworld import benchmarks
  import gymnasium
  import metaworld  # noqa: F401  # Registers its environments.
  from stable_baselines3.common import vec_env

  env = vec_env.DummyVecEnv(
      [
          lambda name=name: gymnasium.make('Meta-World/MT1', env_name=name)
          for name in benchmarks.MULTI_TASK['MT10']
      ]
  )
  model = _model(env, batch_size // NUM_TASKS, critic_passes=10)
  values = []
  for _ in range(1 + num_updates):
    begin = time.perf_counter()
    model.learn(batch_size, reset_num_timesteps=False)
    values.append(batch_size / (time.perf_counter() - begin))
  env.close()
  return values[1:]
