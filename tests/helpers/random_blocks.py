"""What every agent's random blocks are made of."""

import numpy as np


def act(policy, which, observation, rng):
  """Actions and log-probabilities of 'task' or 'shared' in `[T, K, E, D]`."""
  _, num_tasks, num_envs, _ = observation.shape
  twin = policy.acting_policy(which)
  selected = twin.select_tasks(
      {
          name: variable.numpy()
          for name, variable in policy.acting_variables().items()
      },
      np.arange(num_tasks),
  )
  noise = twin.draw_noise(rng, len(observation), num_tasks * num_envs)
  return [
      np.stack(x)
      for x in zip(
          *(
              twin.sample(selected, o, n.reshape(num_tasks, num_envs, -1))
              for o, n in zip(observation, noise)
          )
      )
  ]
