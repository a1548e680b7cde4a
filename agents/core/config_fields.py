"""The fields of a config: default, help text and checks in one place.

A config is a frozen dataclass whose fields are made by `field`. Its
`__post_init__` calls `check_fields` and then checks what several fields have to
fulfil together. The launchers make a flag of each field.
"""

import dataclasses
import math
import typing
from typing import Any, Callable, NamedTuple, TypeVar

T = TypeVar('T')


class Check(NamedTuple):
  """A condition that the value of a field has to fulfil.

  Attributes:
    sentence: the error message if it does not, with `{name}` and `{value}` in
      the places of the field's name and of its value.
    holds: takes the value; returns whether the condition holds.
  """

  sentence: str
  holds: Callable[[Any], bool]


def _are_positive(value: Any) -> bool:
  parts = value if isinstance(value, tuple) else (value,)
  return all(part > 0 for part in parts)  # NaN is not.


# A number above 0, or a tuple of such numbers.
POSITIVE = Check('{name} must be positive, got {value}.', _are_positive)
# A finite number.
NOT_NEGATIVE = Check(
    '{name} must not be negative, got {value}.',
    lambda value: 0.0 <= value < math.inf,
)
FINITE = Check('{name} must be finite, got {value}.', math.isfinite)
FROM_ZERO_TO_ONE = Check(
    '{name} must be in [0, 1], got {value}.', lambda value: 0.0 <= value <= 1.0
)
BETWEEN_ZERO_AND_ONE = Check(
    '{name} must be in (0, 1), got {value}.', lambda value: 0.0 < value < 1.0
)
# A discount.
BELOW_ONE = Check(
    '{name} must be below 1, got {value:g}: values of an endless task would not '
    'be finite.',
    lambda value: value < 1.0,
)
# A tuple with the sizes of hidden layers.
NOT_EMPTY = Check(
    '{name} must have at least one layer, got none.', lambda value: bool(value)
)


def field(default: T, help: str, *checks: Check, is_path: bool = False) -> T:
  """Returns a field of a config dataclass.

  Args:
    default: the default value.
    help: what the field is, in plain English; `--help` prints it.
    *checks: what a value has to fulfil, checked in this order.
    is_path: whether the value is a path, or several with commas between them; a
      leading `~` is then replaced by the home directory.

  Raises:
    ValueError: if the help is empty.
    TypeError: if a check is not a `Check`.
  """
  if not help.strip():
    raise ValueError(f'help: got {help!r}, want a sentence.')
  for check in checks:
    if not isinstance(check, Check):
      raise TypeError(f'checks: got {check!r}, want a Check.')
  return dataclasses.field(
      default=default,
      metadata={'help': help, 'checks': checks, 'is_path': is_path},
  )


def check_fields(config: Any) -> None:
  """Checks each field of a config by itself.

  A field of a `Literal` type has to hold one of the type's values.

  Args:
    config: an instance of a dataclass whose fields were made by `field`.

  Raises:
    ValueError: if a value is refused; names the field and the value.
  """
  types = typing.get_type_hints(type(config))
  for each in dataclasses.fields(config):
    if typing.get_origin(types[each.name]) is typing.Literal:
      _check_choice(config, each.name, typing.get_args(types[each.name]))
    for check in each.metadata['checks']:
      require(config, check, each.name)


def require(config: Any, check: Check, *names: str) -> None:
  """Checks fields that have to fulfil a condition only at times.

  Args:
    config: an object with the fields as attributes.
    check: the condition.
    *names: the names of the fields.

  Raises:
    ValueError: if a value does not fulfil it; names the field and the value.
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
