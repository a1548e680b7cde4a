"""The tables of runs, which may be damaged, or may still grow."""

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

# From a cell's text to its value; raises a ValueError that says what is wanted.
Converter = Callable[[str], Any]


class Table(NamedTuple):
  """What is in a file: its header, and its rows by the header's names."""

  columns: Tuple[str, ...]
  rows: List[Dict[str, Any]]


def whole_number(text: str) -> int:
  """Reads a whole number from 0 on."""
  digits = text.strip()
  if not digits.isdecimal() or len(digits) > 18:
    raise ValueError(f'got {text[:40]!r}, want a whole number')
  return int(digits)


def number(text: str) -> float:
  """Reads a finite number."""
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise ValueError(f'got {text[:40]!r}, want a finite number')
  return value


def split(text: str) -> str:
  """Reads the name of a split."""
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
  """Reads a table, also that of a run which still goes on.

  Blank lines are skipped, and so is a last line that is not whole yet.

  Args:
    path: the file.
    converters: what reads a cell, by column; each column has to be there. The
      cells of other columns stay text.

  Returns:
    The table; without columns if the file has no whole line yet.

  Raises:
    OSError: if there is no such file.
    ValueError: if it has other columns, or a row that is not whole; names the
      file, the line and what to do.
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
        break  # It was cut, or is being written.
      raise ValueError(
          f'{path}: line {first_line} is not whole: {error}; mend the line or '
          'delete it.'
      ) from None
    if not table.columns and not is_blank:
      table = _begun(path, cells, converters)
  return table


def encoded(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    has_header: bool = True,
) -> bytes:
  """Returns rows as they are in a file.

  Args:
    columns: the names of the columns, in order.
    rows: the cells, by column.
    has_header: whether the names come first.
  """
  text = io.StringIO()
  writer = csv.DictWriter(text, columns)
  if has_header:
    writer.writeheader()
  writer.writerows(rows)
  # A name of a user may have what UTF-8 has no code for.
  return text.getvalue().encode('utf-8', 'backslashreplace')


def _lines(path: pathlib.Path) -> List[str]:
  """Returns the lines with their ends, but for a last one that was cut.

  Our rows end in `\\r\\n`. A table that an editor saved may lack the last end.
  """
  content = path.read_bytes()
  try:
    text = content.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    if b'\n' in content[error.start :]:
      line = content.count(b'\n', 0, error.start) + 1
      raise ValueError(
          f'{path}: line {line} is not whole: it is not text in UTF-8; mend '
          'the line or delete it.'
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
  """Returns a table of these columns without rows."""
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
