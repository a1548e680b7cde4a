"""Errors of a run that a launcher reports in one sentence."""


class NonFiniteError(ArithmeticError):
  """A loss, another metric or a variable is NaN or infinite."""
