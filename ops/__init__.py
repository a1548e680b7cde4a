"""Pure mathematics on tensors: no state, no environment, no agent.

All docstrings of this library use the same letters for shapes:

  K tasks, E environments per task, T time steps of an unroll, N samples per
  task (usually T * E), D observation size, A action size, H hidden units.

In an array of several tasks the task axis comes first: `[K, N, ...]`, or
`[K, T, E, ...]` if the array comes from a rollout.
"""
