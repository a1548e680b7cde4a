"""Pure mathematics on tensors: no state, no environment, no agent.

The shape alphabet used by every docstring of this library:

  K tasks, E environments of a task, T time steps of an unroll, N samples of a
  task (usually T * E), D observation size, A action size, H hidden units.

Arrays that hold several tasks carry the task axis first: `[K, N, ...]`, or
`[K, T, E, ...]` where they come from a rollout.
"""
