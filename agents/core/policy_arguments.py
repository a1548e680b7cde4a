"""What a policy is asked, checked before it answers.

NumPy broadcasts an observation of another size, counts an index of -1 from the
end and takes booleans for a mask: the answer would be that to another question.
"""

from typing import Any, Optional

import numpy as np


def as_array(name: str, value: Any) -> np.ndarray:
  """Returns an argument as an array.

  Args:
    name: the argument's, for the message.
    value: an array, a tensor, or numbers in lists.

  Raises:
    ValueError: if it is none of them.
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
  """Returns an observation, or rows of them, as float32.

  Args:
    observation: numbers, `[D]` or `[N, D]`.
    size: D; None: it is not known.
    max_rank: 1 if rows are not wanted, else 2.

  Raises:
    ValueError: if they are no numbers, not finite, or of another shape.
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
    with np.errstate(over='ignore'):  # What overflows is refused below.
      rows = rows.astype(np.float32)
  # Quicker than `np.isfinite(rows).all()` on arrays this small.
  is_finite = np.isfinite(rows)
  if np.count_nonzero(is_finite) != rows.size:
    raise ValueError(
        f'observation: got {rows[~is_finite][0]} at index '
        f'{np.argwhere(~is_finite)[0].tolist()}, want finite float32 numbers'
    )
  return rows


def index_of_each(task_index: Any, num_rows: int) -> np.ndarray:
  """Returns an index for each row, `[N]`; integers in range are not asked for.

  Args:
    task_index: one number, for all rows, or one for each row, `[N]`.
    num_rows: N.

  Raises:
    ValueError: if there are more or fewer of them.
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
