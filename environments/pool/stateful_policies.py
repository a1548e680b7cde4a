"""Gives policies with and without a memory the same methods."""

from typing import Any


class _Memoryless:
  """A policy without a memory that has the methods of one with a memory."""

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
    ValueError: if the policy has no `state_size`.
  """
  try:
    return policy.state_size
  except AttributeError:
    raise ValueError(
        f'policy: a {type(policy).__name__} has no `state_size`; want how many '
        'numbers it remembers of an environment, 0 if it has no memory.'
    ) from None


def with_memory(policy: Any) -> Any:
  """Returns a policy whose methods take and return the state of its memory.

  A policy whose `state_size` is positive is returned as it is. The methods
  `sample` and `deterministic` of the result take the state as their last
  argument, float32 `[U, C, state_size]`, 0 where an episode begins. They return
  the new state last.

  Args:
    policy: the policy, with the methods of the policies in `networks/acting/`.

  Returns:
    The policy with a memory; its `state_size` may be 0.
  """
  return policy if state_size(policy) else _Memoryless(policy)
