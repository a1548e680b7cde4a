"""Makes command line flags from the fields of a frozen dataclass.

Each field gives one flag, with its name, its type, its default and its help
text. The fields are made by `config_fields.field`. So a flag cannot be
forgotten, and its default, check and help are in one place.

This module imports no TensorFlow, so that a misspelt flag is reported at once.
"""

import dataclasses
import math
import os
import pathlib
import re
import typing
from typing import (
    Any,
    ClassVar,
    Dict,
    Generic,
    Protocol,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from absl import flags
from distillery.agents.core.run_files import user_paths
from distillery.launchers.common import entry_point
from distillery.launchers.common import help_texts
from distillery.launchers.common import run_options


class _Dataclass(Protocol):
  """An instance of any dataclass."""

  __dataclass_fields__: ClassVar[Dict[str, Any]]


Config = TypeVar('Config', bound=_Dataclass)

# A launcher finds these here, so that it needs no other module for its flags.
RunOptions = run_options.RunOptions
run = entry_point.run

# Flags then belong to the launcher that defines them, and its --help lists
# them.
flags.disclaim_key_flags()


class _FiniteFloatParser(flags.FloatParser):
  """A float parser that refuses nan and inf, which absl lets pass."""

  def convert(self, argument):
    value = super().convert(argument)
    if not math.isfinite(value):
      raise ValueError(f'got {argument}, want a finite number')
    return value


# 1e6, but not 0x1e6.
_EXPONENT = re.compile(r'[+-]?\d+(\.\d*)?[eE]\+?\d+')


class _WholeNumberParser(flags.IntegerParser):
  """An integer parser that takes 1e6 too, and refuses 1.5."""

  def convert(self, argument):
    try:
      if isinstance(argument, str) and _EXPONENT.fullmatch(argument):
        number = float(argument)
        if number.is_integer():
          return int(number)
      return super().convert(argument)
    except (OverflowError, TypeError, ValueError):
      raise ValueError(f'got {argument!r}, want a whole number') from None


class _PathParser(flags.ArgumentParser):
  """A parser that expands `~` in one or more paths with commas between them."""

  def parse(self, argument):
    return ','.join(map(user_paths.expand, argument.split(',')))


class _TupleParser(flags.ArgumentParser):
  """A parser of `128,128` as (128, 128) and of the empty string as ()."""

  def __init__(self, of: Type[Union[int, float]]):
    """Initialises the parser; `of` is the type of the numbers."""
    self._of = of
    self.syntactic_help = (
        'whole numbers with commas between them, such as 128,128'
        if of is int
        else 'numbers with commas between them, such as 0,0.5'
    )

  def parse(self, argument):
    if isinstance(argument, tuple):
      return argument
    try:
      return tuple(self._of(part) for part in argument.split(',') if argument)
    except ValueError:
      raise ValueError(
          f'got {argument!r}, want {self.syntactic_help}'
      ) from None

  def flag_type(self):
    return f'comma separated {self._of.__name__}s'


class _TupleSerializer(flags.ArgumentSerializer):
  """A writer of tuples as `_TupleParser` reads them."""

  def serialize(self, value):
    return ','.join(str(part) for part in value)


class ConfigFlags(Generic[Config]):
  """The flags of one dataclass; `value()` reads them once they are parsed."""

  def __init__(self, config_class: Type[Config], flag_values: flags.FlagValues):
    """Initialises the flags' reader; `define` defines the flags.

    Args:
      config_class: the frozen dataclass.
      flag_values: the flags, which hold one for each field.
    """
    self._config_class = config_class
    self._flag_values = flag_values

  def value(self) -> Config:
    """Returns an instance of the dataclass with the values of the flags.

    Raises:
      ValueError: if the dataclass refuses a value.
    """
    return self._config_class(
        **{
            field.name: self._flag_values[field.name].value
            for field in dataclasses.fields(self._config_class)
        }
    )


def define(
    config_class: Type[Config],
    flag_values: flags.FlagValues = flags.FLAGS,
) -> ConfigFlags[Config]:
  """Defines one flag for each field of a dataclass.

  Args:
    config_class: a frozen dataclass. Every field is made by
      `config_fields.field` and has one of the types int, float, bool, str,
      `Literal` of strings, `Tuple[int, ...]` or `Tuple[float, ...]`.
    flag_values: the flags to which the new ones are added.

  Returns:
    An object whose `value()` returns the dataclass once the flags are parsed.

  Raises:
    TypeError: if a field is made in another way, or has a type that no flag can
      have.
    flags.DuplicateFlagError: if another dataclass has a field of that name.
  """
  types = typing.get_type_hints(config_class)
  for field in dataclasses.fields(config_class):
    _define_flag(
        f'{config_class.__name__}.{field.name}',
        field,
        types[field.name],
        flag_values,
    )
  if flag_values is flags.FLAGS:
    help_texts.GROUPS.append(
        help_texts.Group(
            (config_class.__doc__ or '').partition('\n')[0],
            [field.name for field in dataclasses.fields(config_class)],
        )
    )
  return ConfigFlags(config_class, flag_values)


def _define_flag(
    where: str,
    field: dataclasses.Field,
    field_type: Any,
    flag_values: flags.FlagValues,
) -> None:
  """Defines the flag of one field; `where` names the field in errors."""
  if 'help' not in field.metadata:
    raise TypeError(f'{where}: want a field made by config_fields.field')
  default: Any = field.default
  common: Dict[str, Any] = dict(
      help=field.metadata['help'], flag_values=flag_values
  )
  if field_type is bool:
    flags.DEFINE_bool(field.name, default, **common)
  elif field_type is int:
    flags.DEFINE(_WholeNumberParser(), field.name, default, **common)
  elif field_type is float:
    flags.DEFINE(_FiniteFloatParser(), field.name, default, **common)
  elif field_type is str and field.metadata['is_path']:
    define_path(field.name, default, **common)
  elif field_type is str:
    flags.DEFINE_string(field.name, default, **common)
  elif typing.get_origin(field_type) is typing.Literal:
    choices = list(typing.get_args(field_type))
    flags.DEFINE_enum(field.name, default, choices, **common)
  elif field_type in (Tuple[int, ...], Tuple[float, ...]):
    flags.DEFINE(
        _TupleParser(typing.get_args(field_type)[0]),
        field.name,
        default,
        serializer=_TupleSerializer(),
        **common,
    )
  else:
    raise TypeError(
        f'{where}: got the type {field_type}, want int, float, bool, str, a '
        'Literal of strings, Tuple[int, ...] or Tuple[float, ...]'
    )


def define_path(
    name: str,
    default: str,
    help: str,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[str]:
  """Defines a flag for the path of a file or a directory.

  A leading `~` is replaced by the home directory.

  Args:
    name: the name of the flag.
    default: the path if none is given.
    help: the text that --help prints.
    flag_values: the flags to which the new one is added.

  Returns:
    An object whose `value` is the path once the flags are parsed.
  """
  return flags.DEFINE(
      _PathParser(),
      name,
      default,
      help,
      flag_values,
      serializer=flags.ArgumentSerializer(),
  )


def parse_seeds(texts: Sequence[str]) -> Tuple[int, ...]:
  """Reads the value of a flag --seeds, which lists the seeds of a study.

  Raises:
    ValueError: if one is no whole number, is negative, or is there twice.
  """
  if not texts or not all(text.strip().isdigit() for text in texts):
    raise ValueError(
        f'seeds: got {",".join(texts)!r}, want whole numbers with commas '
        'between them.'
    )
  seeds = tuple(int(text) for text in texts)
  if len(set(seeds)) < len(seeds):
    raise ValueError(
        f'seeds: got {",".join(texts)!r}, want each seed only once.'
    )
  return seeds


def flags_to_file(path: 'os.PathLike[str]', *configs: Any) -> None:
  """Writes a flagfile that repeats a run.

  Args:
    path: the path of the file; `--flagfile=<path>` reads it.
    *configs: the dataclasses with all settings of the run. A field that was
      made with `repeat=False` is left out.

  Raises:
    ValueError: if a flagfile cannot hold the value of a field.
  """
  lines = []
  for config in configs:
    for field in dataclasses.fields(config):
      if field.metadata['repeat']:
        lines.append(_flag_line(field.name, getattr(config, field.name)))
  pathlib.Path(path).write_text('\n'.join(lines) + '\n', encoding='utf-8')


def _flag_line(name: str, value: Any) -> str:
  """Returns `--name=value` as absl reads it back to the same value."""
  if isinstance(value, bool):
    return f'--{name}' if value else f'--no{name}'
  if isinstance(value, tuple):
    return f'--{name}={_TupleSerializer().serialize(value)}'
  text = str(value)
  if (
      text != text.rstrip()
      or len(text.splitlines()) > 1
      or (text.encode('utf-8', 'ignore').decode() != text)
  ):
    raise ValueError(
        f'{name}: got {value!r}, which cannot be written to a flagfile; '
        'want one line of text without a space at its end'
    )
  return f'--{name}={value}'
