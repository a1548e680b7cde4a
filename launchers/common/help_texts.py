"""Prints what --help shows: the flags of a launcher, in groups."""

import sys
import textwrap
from typing import Any, Iterator, List, NamedTuple

from absl import flags

_WIDTH = 88
_INDENT = 6 * ' '
# These make --help; absl knows the last two too.
REQUESTS = ('--help', '-help', '-h', '-?', '--helpshort', '--helpfull')


class Group(NamedTuple):
  """Flags that belong together: those of one dataclass.

  Attributes:
    title: what they are, from the first line of the dataclass's docstring.
    names: their names, in order.
  """

  title: str
  names: List[str]


# The flags of the dataclasses of this program; `flag_utils.define` adds them.
GROUPS: List[Group] = []


def text(flag_values: flags.FlagValues) -> str:
  """Returns the help of the launcher that runs.

  Args:
    flag_values: all flags, among them those of `GROUPS`.

  Returns:
    The docstring of the launcher, and its flags with defaults and help.
  """
  lines = [(sys.modules['__main__'].__doc__ or '').strip(), '']
  in_groups = {name for group in GROUPS for name in group.names}
  own = [
      flag.name
      for flag in flag_values.get_key_flags_for_module(sys.argv[0])
      if flag.name not in in_groups
  ]
  for group in [*GROUPS, Group('Flags of this program.', own)]:
    if group.names:
      lines += [group.title, '']
      for name in group.names:
        lines += _flag_lines(flag_values[name])
      lines.append('')
  lines += [
      '--flagfile=PATH reads flags from a file; `distillery list` names those '
      'that come with',
      'the package. The last value of a flag counts.',
  ]
  return '\n'.join(lines)


def _flag_lines(flag: Any) -> Iterator[str]:
  """Yields the lines of one flag: its name, default and values, its help."""
  default = (flag.default_as_str or "''").strip("'")
  if flag.boolean:
    yield f'  --[no]{flag.name}  (default: {default})'
  else:
    yield f'  --{flag.name}={default}'
  yield from textwrap.wrap(
      ' '.join(flag.help.split()),
      _WIDTH,
      initial_indent=_INDENT,
      subsequent_indent=_INDENT,
      break_on_hyphens=False,
  )
