"""Makes the fields of a config: default, help text and checks in one place.

A config is a frozen dataclass whose fields are made by `field`. Its
`__post_init__` calls `check_fields` and then checks conditions on several
fields together. The launchers make a flag of each field, and their own options
are such dataclasses too.
"""

import dataclasses
import math
import typing
from typing import Any, Callable, NamedTuple, TypeVar

T = TypeVar('T')


class Check(NamedTuple):
  """A condition that the value of a field must fulfil.

  Attributes:
    sentence: the error message, in which `{name}` and `{value}` stand for the
      field's name and its value.
    holds: the function that returns whether a value fulfils the condition.
  """

  sentence: str
  holds: Callable[[Any], bool]


def _are_positive(value: Any) -> bool:
  parts = value if isinstance(value, tuple) else (value,)
  return all(part > 0 for part in parts)  # NaN is not.


# For a number above 0, or a tuple of such numbers.
POSITIVE = Check('{name} must be positive, got {value}.', _are_positive)


def _are_not_negative(value: Any) -> bool:
  parts = value if isinstance(value, tuple) else (value,)
  return all(0.0 <= part < math.inf for part in parts)


# For a finite number of at least 0, or a tuple of such numbers.
NOT_NEGATIVE = Check(
    '{name} must not be negative, got {value}.', _are_not_negative
)
FINITE = Check('{name} must be finite, got {value}.', math.isfinite)
FROM_ZERO_TO_ONE = Check(
    '{name} must be in [0, 1], got {value}.', lambda value: 0.0 <= value <= 1.0
)
BETWEEN_ZERO_AND_ONE = Check(
    '{name} must be in (0, 1), got {value}.', lambda value: 0.0 < value < 1.0
)
# For a discount.
BELOW_ONE = Check(
    '{name} must be below 1, got {value:g}: values of an endless task would '
    'not be finite.',
    lambda value: value < 1.0,
)
SEED = Check(
    '{name} must be in [0, 2**32), got {value}.',
    lambda value: 0 <= value < 2**32,
)
# For a tuple with the sizes of hidden layers.
NOT_EMPTY = Check(
    '{name} must have at least one layer, got none.', lambda value: bool(value)
)


def ends_in(*endings: str) -> Check:
  """Returns the check that a path has one of some endings, such as '.png'."""
  return Check(
      '{name} must end in ' + ' or '.join(endings) + ', got {value!r}.',
      lambda value: value.endswith(endings),
  )


def field(
    default: T,
    help: str,
    *checks: Check,
    is_path: bool = False,
    repeat: bool = True,
) -> T:
  """Returns a field of a config dataclass.

  Args:
    default: the default value.
    help: the help text, one or two plain sentences, which `--help` prints.
    *checks: the conditions that a value must fulfil, checked in this order.
    is_path: whether the value is a path, or several paths with commas between
      them. If so, a leading `~` is replaced by the home directory.
    repeat: whether the flagfile that repeats a run sets the field.

  Returns:
    The field; for type checkers, a value of the field's type.

  Raises:
    ValueError: if the help text is empty.
    TypeError: if a check is not a `Check`.
  """
  if not help.strip():
    raise ValueError(f'help: got {help!r}, want a sentence.')
  for check in checks:
    if not isinstance(check, Check):
      raise TypeError(f'checks: got {check!r}, want a Check.')
  return dataclasses.field(
      default=default,
      metadata={
          'help': help,
          'checks': checks,
          'is_path': is_path,
          'repeat': repeat,
      },
  )


def check_fields(config: Any) -> None:
  """Checks each field of a config by itself.

  A field of a `Literal` type must hold one of the type's values.

  Args:
    config: an instance of a dataclass whose fields were made by `field`.

  Raises:
    ValueError: if a value fails a check; the message names field and value.
  """
  types = typing.get_type_hints(type(config))
  for each in dataclasses.fields(config):
    if typing.get_origin(types[each.name]) is typing.Literal:
      _check_choice(config, each.name, typing.get_args(types[each.name]))
    for check in each.metadata['checks']:
      require(config, check, each.name)


def require(config: Any, check: Check, *names: str) -> None:
  """Checks one condition on some fields of a config.

  Args:
    config: an object with the fields as attributes.
    check: the condition.
    *names: the names of the fields.

  Raises:
    ValueError: if a value fails the check; the message names field and value.
  """
  for name in names:
    value = getattr(config, name)
    if not check.holds(value):
      raise ValueError(check.sentence.format(name=name, value=value))


def _check_choice(config: Any, name: str, values: Any) -> None:
  if getattr(config, name) not in values:
    raise ValueError(
        f'{name} must be one of {values}, got {getattr(config, name)!r}.'
    )
