"""Policies with a memory and policies without, called alike."""

from typing import Any


class _Memoryless:
  """A policy that remembers nothing, called like one that does."""

  state_size = 0

  def __init__(self, policy: Any):
    self._policy = policy
    self.select_tasks = policy.select_tasks
    self.draw_noise = policy.draw_noise

  def sample(self, selected, observation, noise, state):
    return (*self._policy.sample(selected, observation, noise), state)

  def deterministic(self, selected, observation, state):
    return self._policy.deterministic(selected, observation), state


def state_size(policy: Any) -> int:
  """Returns how many numbers a policy remembers of an environment; 0: none.

  Raises:
    ValueError: if the policy does not say.
  """
  try:
    return policy.state_size
  except AttributeError:
    raise ValueError(
        f'policy: a {type(policy).__name__} has no `state_size`; want how many '
        'numbers it remembers of an environment, 0 if it has no memory.'
    ) from None


def with_memory(policy: Any) -> Any:
  """A policy whose methods take, and give back, what it remembers.

  Args:
    policy: one of `networks/acting`. If its `state_size` is positive, it is
      returned as it is: its `sample` and `deterministic` take a last argument
      `[U, C, state_size]` float32, 0 where an episode begins, and return the
      new one last.
  """
  return policy if state_size(policy) else _Memoryless(policy)
