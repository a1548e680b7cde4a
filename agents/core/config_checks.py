"""What the agents' config dataclasses refuse, one sentence each."""

import math
import typing
from typing import Any


def choices(config: Any) -> None:
  """Every field of a `Literal` type holds one of its values.

  Raises:
    ValueError: if one does not.
  """
  for name, kind in typing.get_type_hints(type(config)).items():
    values = typing.get_args(kind)
    if (typing.get_origin(kind) is typing.Literal
        and getattr(config, name) not in values):
      raise ValueError(
          f'{name} must be one of {values}, got {getattr(config, name)!r}.')


def positive(config: Any, *names: str) -> None:
  """The fields are above 0, or tuples of such.

  Raises:
    ValueError: if one is not (NaN is not).
  """
  for name in names:
    value = getattr(config, name)
    if not all(part > 0 for part in (
        value if isinstance(value, tuple) else (value,))):
      raise ValueError(f'{name} must be positive, got {value}.')


def not_negative(config: Any, *names: str) -> None:
  """The fields are 0 or above, and finite.

  Raises:
    ValueError: if one is not.
  """
  for name in names:
    if not 0. <= getattr(config, name) < math.inf:
      raise ValueError(
          f'{name} must not be negative, got {getattr(config, name)}.')


def share(config: Any, *names: str) -> None:
  """The fields are in [0, 1].

  Raises:
    ValueError: if one is not.
  """
  for name in names:
    if not 0. <= getattr(config, name) <= 1.:
      raise ValueError(
          f'{name} must be in [0, 1], got {getattr(config, name)}.')


def std_range(config: Any) -> None:
  """min_std <= initial_std <= max_std.

  Raises:
    ValueError: if not.
  """
  if not config.min_std <= config.initial_std <= config.max_std:
    raise ValueError(
        'initial_std must lie between min_std and max_std, got '
        f'{config.initial_std} outside [{config.min_std}, {config.max_std}].')


def below_one(config: Any, name: str) -> None:
  """A discount that keeps the values of an endless task finite.

  Raises:
    ValueError: if it is 1 (`share` sees to the rest).
  """
  if getattr(config, name) == 1.:
    raise ValueError(f'{name} must be below 1, got 1: values of an endless '
                     'task would not be finite.')
