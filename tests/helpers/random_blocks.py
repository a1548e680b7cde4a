"""Makes the random blocks of all agents' tests.

Tests go through a block step by step, so their arrays have the time first,
`[T, K, E, ...]`. They become a `Block` `[K, T, E, ...]` for the learner.
"""

from distillery.agents.core.replay import blocks
import numpy as np
import tensorflow as tf


def turned(arrays):
  """Swaps the first two axes of all arrays except a state."""
  return {
      name: (
          array
          if array is None or name == 'state'
          else np.swapaxes(array, 0, 1)
      )
      for name, array in arrays.items()
  }


def block_of(by_time):
  """Returns the `Block` of arrays `[T, K, E, ...]`; missing ones are zeros."""
  zeros = np.zeros(by_time['reward'].shape, np.float32)
  by_time = {**dict.fromkeys(blocks.Block._fields[:-1], zeros), **by_time}
  return blocks.Block(
      **{
          name: None if array is None else tf.constant(array)
          for name, array in turned(by_time).items()
      }
  )


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
  noise = twin.draw_noise(rng, len(observation), range(num_tasks * num_envs))
  return [
      np.stack(x)
      for x in zip(
          *(
              twin.sample(selected, o, n.reshape(num_tasks, num_envs, -1))
              for o, n in zip(observation, noise)
          )
      )
  ]
