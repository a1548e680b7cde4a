"""Checks the batch of a learner while its step is traced.

A batch comes from any iterator. Tensors of another layout may fit together by
chance, and the learner would learn from them without an error. The checks look
at static shapes alone, so a traced step takes no longer.
"""

from typing import Any, Mapping, Sequence

from distillery.agents.core.replay import blocks
from distillery.ops import checks
import tensorflow as tf

# The fields of a block that learners from unrolls read.
STEPS = (
    'observation',
    'next_observation',
    'action',
    'log_prob',
    'reward',
    'discount',
    'episode_end',
)
_DTYPES = {
    'observation': tf.float32,
    'next_observation': tf.float32,
    'log_prob': tf.float32,
    'reward': tf.float32,
    'discount': tf.float32,
    'episode_step': tf.int32,
    'episode_end': tf.bool,
    'state': tf.float32,
}


def check_block(
    block: blocks.Block, num_tasks: int, names: Sequence[str]
) -> None:
  """Checks the layout of a block, `[K, T, E, ...]`.

  Args:
    block: the block that a learner was given.
    num_tasks: K, the number of tasks.
    names: the names of the fields that the learner reads.

  Raises:
    ValueError: if `block` is not a Block, a field is missing, or a field has
      another shape or dtype.
  """
  if not isinstance(block, blocks.Block):
    raise ValueError(
        f'block: got a {type(block).__name__}, want a '
        'distillery.agents.core.replay.blocks.Block.'
    )
  check_names(
      {k: v for k, v in block._asdict().items() if v is not None}, names
  )
  checks.has_shape('block', [num_tasks, None, None], reward=block.reward)
  lead = block.reward.shape
  for name in names:
    value = getattr(block, name)
    if value.dtype != _DTYPES.get(name, value.dtype):
      raise ValueError(
          f'block: {name} has dtype {value.dtype.name}, want '
          f'{_DTYPES[name].name}.'
      )
    if name == 'state':
      checks.has_shape('block', [lead[0], lead[2], None], state=value)
    elif name.endswith('observation'):
      checks.has_shape('block', [*lead, None], **{name: value})
    elif name == 'action':
      checks.has_shape('block', [*lead, *value.shape[3:]], action=value)
    else:
      checks.has_shape('block', lead, **{name: value})


def check_rows(
    rows: Mapping[str, tf.Tensor], num_tasks: int, widths: Mapping[str, int]
) -> None:
  """Checks the layout of a batch of episodes, `[K, E, T, W]` of each kind.

  Args:
    rows: the episodes by the name of their kind, see `episodes.make_iterator`.
    num_tasks: K, the number of tasks.
    widths: W, the numbers in a row, of each kind that the learner reads.

  Raises:
    ValueError: if a kind is missing, or has another shape.
  """
  check_names(rows, list(widths))
  for kind, width in widths.items():
    checks.has_shape(
        'batch', [num_tasks, None, None, width], **{kind: rows[kind]}
    )


def check_names(batch: Any, names: Sequence[str]) -> None:
  """Checks that a batch has all that a learner reads.

  Args:
    batch: the batch, a mapping from names.
    names: the names that the learner reads.

  Raises:
    ValueError: if the batch is not a mapping, or a name is missing.
  """
  if not isinstance(batch, Mapping):
    raise ValueError(
        f'batch: got a {type(batch).__name__}, want a mapping '
        f'with {", ".join(names)}.'
    )
  missing = [name for name in names if name not in batch]
  if missing:
    raise ValueError(
        f'batch: got none of {", ".join(missing)}, want ' f'{", ".join(names)}.'
    )
