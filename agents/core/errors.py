"""The errors of a run that a launcher reports in one sentence."""


class NonFiniteError(ArithmeticError):
  """The error of a loss, another metric or a variable that is not finite."""
