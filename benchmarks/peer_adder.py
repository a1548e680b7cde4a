"""Inserts transitions by Acme's adder, for comparison.

Needs jax, which the extra [bench] brings.
"""

from typing import Callable

import numpy as np


def _client(port: int):
  """Returns a client with what Acme's adders still expect of Reverb and jax."""
  import jax
  from jax import numpy as jnp
  import reverb

  class Client(reverb.Client):

    def trajectory_writer(self, *args, get_signature_timeout_ms=None, **kwargs):
      """See base class; Reverb has dropped the last argument."""
      del get_signature_timeout_ms
      return super().trajectory_writer(*args, **kwargs)

  jnp.DeviceArray = jax.Array
  return Client(f'localhost:{port}')


def _table(observation_size: int, action_size: int):
  """Returns a uniform table for the transitions of the adder."""
  from acme import specs
  from acme.adders import reverb as adders
  import reverb

  return reverb.Table(
      adders.DEFAULT_PRIORITY_TABLE,
      sampler=reverb.selectors.Uniform(),
      remover=reverb.selectors.Fifo(),
      max_size=100_000,
      rate_limiter=reverb.rate_limiters.MinSize(1),
      signature=adders.NStepTransitionAdder.signature(
          specs.EnvironmentSpec(
              observations=specs.Array((observation_size,), np.float32),
              actions=specs.BoundedArray((action_size,), np.float32, -1.0, 1.0),
              rewards=specs.Array((), np.float32),
              discounts=specs.BoundedArray((), np.float32, 0.0, 1.0),
          )
      ),
  )


def insert(
    observation_size: int, action_size: int, num_steps: int
) -> Callable[[], None]:
  """Makes Acme's adder and a Reverb server.

  Args:
    observation_size: the size of an observation.
    action_size: the size of an action.
    num_steps: the length of the episode.

  Returns:
    A function that writes an episode, one transition after the other.

  Raises:
    ValueError: if the extra [bench] is not installed.
  """
  try:
    from acme.adders import reverb as adders
  except ImportError as error:
    raise ValueError(
        f'the peer cannot be imported ({error}); want the extra [bench]: '
        "pip install -c constraints.txt -e '.[bench]'"
    ) from None
  import dm_env
  import reverb

  server = reverb.Server([_table(observation_size, action_size)], port=None)
  adder = adders.NStepTransitionAdder(
      _client(server.port), n_step=1, discount=0.99
  )
  rng = np.random.default_rng(0)
  observations = rng.normal(size=(num_steps + 1, observation_size)).astype(
      np.float32
  )
  actions = rng.normal(size=(num_steps, action_size)).astype(np.float32)
  last = num_steps - 1

  def write():
    # Reverb's server ends with the last reference to it.
    assert server.port
    adder.add_first(dm_env.restart(observations[0]))
    for step, action in enumerate(actions):
      adder.add(
          action,
          dm_env.TimeStep(
              dm_env.StepType.LAST if step == last else dm_env.StepType.MID,
              np.float32(0.5),
              np.float32(1.0),
              observations[step + 1],
          ),
      )
    adder.reset()

  return write
