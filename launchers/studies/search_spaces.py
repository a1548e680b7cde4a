"""Reads which values of which flags a sweep tries."""

import itertools
import math
import re
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple, Union


class Values(NamedTuple):
  """The values of a flag that are tried, as texts."""

  texts: Tuple[str, ...]


class Range(NamedTuple):
  """The range that the values of a flag are drawn from."""

  low: float
  high: float
  is_log: bool  # Whether the logarithm is uniform, instead of the value.
  is_int: bool


Space = Mapping[str, Union[Values, Range]]


def parse_space(texts: Sequence[str]) -> Dict[str, Union[Values, Range]]:
  """Reads what is searched.

  Args:
    texts: for each flag of the launcher one text: `name=1 2 3` (values with
      spaces between them), `name=1..10` (a range, of whole numbers if both
      ends are), or `name=log 0.001..0.1` (a range of logarithms).

  Returns:
    The values or the range of each flag, by its name.

  Raises:
    ValueError: if a text cannot be read, or a flag is there twice.
  """
  space: Dict[str, Union[Values, Range]] = {}
  for text in texts:
    name, equals, values = text.partition('=')
    name = name.strip().lstrip('-')
    if not equals or not re.fullmatch(r'\w+', name) or not values.strip():
      raise ValueError(
          f"search: got {text!r}, want 'name=1 2 3', 'name=1..10' or "
          "'name=log 0.001..0.1'."
      )
    if name in space:
      raise ValueError(f'search: got {name} twice, want each flag once.')
    space[name] = _parse_values(text, values)
  return space


def _parse_values(text: str, values: str) -> Union[Values, Range]:
  words = values.split()
  is_log = words[0] == 'log'
  if not is_log and '..' not in values:
    if len(set(words)) < len(words):
      raise ValueError(f'search: got a value twice in {text!r}.')
    return Values(tuple(words))
  low, _, high = words[-1].partition('..')
  try:
    ends = (float(low), float(high))
  except ValueError:
    ends = (math.nan, math.nan)
  is_int = low.isdigit() and high.isdigit()
  if (
      len(words) != 1 + is_log
      or not -math.inf < ends[0] < ends[1] < math.inf
      or (is_log and ends[0] <= 0)
  ):
    raise ValueError(
        f"search: got {text!r}, want a range such as '0.1..1', 'log 0.01..1' "
        "(with ends above 0) or '1..8'."
    )
  return Range(*ends, is_log, is_int)


def grid(space: Space) -> List[Dict[str, str]]:
  """Returns all combinations of the values of a space.

  Raises:
    ValueError: if a flag has a range.
  """
  ranges = [name for name, each in space.items() if isinstance(each, Range)]
  if ranges:
    raise ValueError(
        f'search: {", ".join(ranges)} has a range, and a grid needs values; '
        'want --sampler=random or --sampler=tpe.'
    )
  return [
      dict(zip(space, texts))
      for texts in itertools.product(
          *(each.texts for each in space.values() if isinstance(each, Values))
      )
  ]
