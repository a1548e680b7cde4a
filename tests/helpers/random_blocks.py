"""What every agent's random blocks are made of.

Tests go through a block step by step: their arrays are by time,
`[T, K, E, ...]`, and are turned for the learner.
"""

from distillery.agents.core.replay import blocks
import numpy as np
import tensorflow as tf


def turned(arrays):
  """`[T, K, E, ...]` to `[K, T, E, ...]`, or back; a state stays as it is."""
  return {
      name: (
          array
          if array is None or name == 'state'
          else np.swapaxes(array, 0, 1)
      )
      for name, array in arrays.items()
  }


def block_of(by_time):
  """The `Block` of arrays by time; zeros where there are none of a name."""
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
