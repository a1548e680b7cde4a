"""Reads and encodes the CSV tables of runs.

A table may be damaged, or its run may still be writing it.
"""

import csv
import io
import math
import os
import pathlib
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
)

from distillery.environments import base

# Converts a cell's text to its value. Raises a ValueError that says what the
# cell should hold.
Converter = Callable[[str], Any]


class Table(NamedTuple):
  """The content of a file: its header, and its rows by the header's names."""

  columns: Tuple[str, ...]
  rows: List[Dict[str, Any]]


def whole_number(text: str) -> int:
  """Converts text to a whole number of at least 0."""
  digits = text.strip()
  if not digits.isdecimal() or len(digits) > 18:
    raise ValueError(f'got {text[:40]!r}, want a whole number')
  return int(digits)


def number(text: str) -> float:
  """Converts text to a finite number."""
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise ValueError(f'got {text[:40]!r}, want a finite number')
  return value


def split(text: str) -> str:
  """Checks that text is the name of a split, and returns it."""
  if text not in base.SPLITS:
    raise ValueError(f'got {text[:40]!r}, want {" or ".join(base.SPLITS)}')
  return text


TRAIN: Mapping[str, Converter] = {
    'env_steps': whole_number,
    'learner_steps': whole_number,
}
EVALUATION: Mapping[str, Converter] = {
    'env_steps': whole_number,
    'wall_s': number,
    'policy': str,
    'task': str,
    'split': split,
    'episodes': whole_number,
    'success': number,
    'return': number,
}


def read(
    path: 'os.PathLike[str]', converters: Mapping[str, Converter]
) -> Table:
  """Reads a table, which a run may still be writing.

  Blank lines are skipped, and also a last line that is not whole yet.

  Args:
    path: the file.
    converters: the function that converts a cell, by the name of its column.
      The table must have these columns. The cells of other columns stay text.

  Returns:
    The table; it has no columns if the file has no whole line yet.

  Raises:
    OSError: if there is no such file.
    ValueError: if a column is missing, or a row is not whole; the message names
      the file and the line, and says what to do.
  """
  lines = _lines(pathlib.Path(path))
  reader = csv.reader(lines, strict=True)
  table = Table((), [])
  while reader.line_num < len(lines):
    first_line = reader.line_num + 1
    try:
      cells = next(reader)
      is_blank = not any(cell.strip() for cell in cells)
      if table.columns and not is_blank:
        table.rows.append(_row(table.columns, cells, converters))
    except (csv.Error, ValueError) as error:
      if first_line == len(lines) and not lines[-1].endswith(('\n', '\r')):
        break  # The last line was cut, or is being written.
      raise ValueError(
          f'{path}: line {first_line} cannot be read: {error}; correct the line '
          'or delete it.'
      ) from None
    if not table.columns and not is_blank:
      table = _begun(path, cells, converters)
  return table


def encoded(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    has_header: bool = True,
) -> bytes:
  """Encodes rows as the bytes of a CSV file.

  Args:
    columns: the names of the columns, in order.
    rows: the cells of each row, by column.
    has_header: whether a line with the columns' names comes first.

  Returns:
    The lines in UTF-8; each ends in `\\r\\n`.
  """
  text = io.StringIO()
  writer = csv.DictWriter(text, columns)
  if has_header:
    writer.writeheader()
  writer.writerows(rows)
  # A user's name may hold characters that UTF-8 cannot encode.
  return text.getvalue().encode('utf-8', 'backslashreplace')


def _lines(path: pathlib.Path) -> List[str]:
  """Returns the lines with their ends, without a last line that was cut.

  Rows that a run wrote end in `\\r\\n`. An editor may have saved a table
  without the end of its last line.
  """
  content = path.read_bytes()
  try:
    text = content.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    if b'\n' in content[error.start :]:
      line = content.count(b'\n', 0, error.start) + 1
      raise ValueError(
          f'{path}: line {line} cannot be read: it is not text in UTF-8; '
          'correct the line or delete it.'
      ) from None
    text = content[: content.rfind(b'\n') + 1].decode('utf-8-sig')
  lines = list(io.StringIO(text, newline=''))
  is_cut = lines and not lines[-1].endswith(('\n', '\r'))
  if is_cut and (len(lines) == 1 or lines[0].endswith('\r\n')):
    lines.pop()
  return lines


def _begun(
    path: 'os.PathLike[str]',
    columns: List[str],
    converters: Mapping[str, Converter],
) -> Table:
  """Checks a header, and returns a table of these columns without rows."""
  if not set(converters) <= set(columns):
    raise ValueError(
        f'{path}: got the columns {", ".join(columns)}; want '
        f'{", ".join(converters)} in its first line.'
    )
  return Table(tuple(columns), [])


def _row(
    columns: Tuple[str, ...],
    cells: List[str],
    converters: Mapping[str, Converter],
) -> Dict[str, Any]:
  """Returns a row by the names of the columns."""
  if len(cells) != len(columns):
    raise ValueError(f'got {len(cells)} columns, want {len(columns)}')
  row: Dict[str, Any] = dict(zip(columns, cells))
  for name, convert in converters.items():
    try:
      row[name] = convert(row[name])
    except ValueError as error:
      raise ValueError(f'{name}: {error}') from None
  return row
