"""Checks the arguments of a policy before it acts.

Without the checks, NumPy would broadcast an observation of a wrong size, count
an index of -1 from the end, and use booleans as a mask. The policy would return
a wrong action instead of an error.
"""

from typing import Any, Optional

import numpy as np


def as_array(name: str, value: Any) -> np.ndarray:
  """Converts an argument to an array.

  Args:
    name: the name of the argument, for the error message.
    value: an array, a tensor, or nested lists of numbers.

  Returns:
    The array.

  Raises:
    ValueError: if the value cannot be converted.
  """
  try:
    return np.asarray(value)
  except (TypeError, ValueError):
    raise ValueError(
        f'{name}: got {value!r}, want an array of numbers, whose '
        'rows are equally long'
    ) from None


def checked_observation(
    observation: Any, size: Optional[int], *, max_rank: int
) -> np.ndarray:
  """Checks one observation, or rows of observations.

  Args:
    observation: numbers, `[D]` or `[N, D]`.
    size: D, the size of an observation; None: it is not known.
    max_rank: the greatest number of axes: 1 for one observation, 2 for rows.

  Returns:
    The observation as float32, of the same shape.

  Raises:
    ValueError: if the observation has no numbers, numbers that are not finite,
      or another shape.
  """
  rows = as_array('observation', observation)
  if rows.dtype.kind not in 'biuf':
    raise ValueError(
        f'observation: got dtype {rows.dtype}, want numbers, such as float32'
    )
  if not 1 <= rows.ndim <= max_rank or size not in (None, rows.shape[-1]):
    row = 'D' if size is None else size
    wanted = f'[{row}]' if max_rank == 1 else f'[N, {row}] or [{row}]'
    raise ValueError(
        f'observation: got shape {list(rows.shape)}, want '
        f'{wanted}, without a one-hot of the task'
    )
  if rows.dtype != np.float32:
    with np.errstate(over='ignore'):  # See the check below.
      rows = rows.astype(np.float32)
  # This is faster than `np.isfinite(rows).all()` on such small arrays.
  is_finite = np.isfinite(rows)
  if np.count_nonzero(is_finite) != rows.size:
    raise ValueError(
        f'observation: got {rows[~is_finite][0]} at index '
        f'{np.argwhere(~is_finite)[0].tolist()}, want finite float32 numbers'
    )
  return rows


def index_of_each(task_index: Any, num_rows: int) -> np.ndarray:
  """Returns the task index of each row.

  It checks the shape alone, neither the type nor the range.

  Args:
    task_index: one index for all rows, or one for each row, `[N]`.
    num_rows: N, the number of rows.

  Returns:
    The indices, `[N]`.

  Raises:
    ValueError: if there is another number of them.
  """
  index = as_array('task_index', task_index)
  if not index.ndim:
    return np.full(num_rows, index)
  if index.shape != (num_rows,):
    raise ValueError(
        f'task_index: got shape {list(index.shape)}, want one integer, or '
        f'[{num_rows}], one for each row'
    )
  return index
